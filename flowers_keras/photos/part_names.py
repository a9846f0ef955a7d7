"""The parts of a data set, and the folder names that mean one of them, however people spell it."""

import re
import unicodedata

PARTS = ("train", "validation", "test")

_SPELLINGS = {
    "train": "train|trains|training|trained|trn|trainval|trainvalid|trainieren|learn|learning|entrainement|"
    "apprentissage|entrenamiento|treinamento|treino|addestramento|обучение|обучающая|训练|訓練|学習",
    "validation": "val|vals|valid|validate|validation|validating|dev|devel|development|validierung|"
    "validacion|validacao|validazione|валидация|验证|驗證|検証",
    "test": "test|tests|tst|testing|eval|evaluate|evaluation|evaluating|holdout|heldout|"
    "prueba|pruebas|teste|testes|prova|тест|тестовая|测试|測試|テスト",
}
_AROUND = "(set|split|data|image|images|img|imgs|photo|photos|picture|pictures|folder|part|集|数据集|データ)*"


def part_named(name):
    """The part that a folder's name means, or None.

    Example:
      >>> [part_named(name) for name in ("Training", "val_images", "dev", "test2017", "roses")]
      ['train', 'validation', 'validation', 'test', None]
      >>> [part_named(name) for name in ("Validación", "测试集", "entraînement")]
      ['validation', 'test', 'train']
    """
    letters = "".join(filter(str.isalpha, _plain(name)))
    for part, spellings in _SPELLINGS.items():
        if re.fullmatch(f"{_AROUND}({spellings}){_AROUND}", letters):
            return part
    return None


def part_in(name):
    """The part that one word of a folder's name means, or None.

    Example:
      >>> [part_in(name) for name in ("seg_train", "flowers-Test", "trainSmall", "test_train", "latest")]
      ['train', 'test', 'train', None, None]
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    found = {part_named(word) for word in re.findall(r"[^\W\d_]+", spaced)} - {None}
    return found.pop() if len(found) == 1 else None


def _plain(name):
    """Lower-case letters without accents."""
    letters = unicodedata.normalize("NFKD", name).casefold()
    return unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", letters))
