"""Exports models for other programs, and compares each export with the model in its own runtime."""

import dataclasses
import importlib

import keras
import numpy as np

from flowers_keras import files, user_paths
from flowers_keras.errors import UserError
from flowers_keras.model import inference
from flowers_keras.photos import decoding, reader, synthetic
from flowers_keras.serving import exported, formats

# Format -> the module that writes it, which is imported only if needed.
MODULES = {"saved_model": "saved_model", "litert": "litert", "onnx": "onnx_file"}

TOLERANCE = 1e-4  # largest difference of a probability, of a floating-point export

SAME_CLASS = 0.98  # of the photos, at least, for an int8 export

CHECKED = 100  # photos at most; as many others calibrate int8

LEAST_INT8 = 50  # photos, half to calibrate and half to check; fewer are not enough

# Height and width of drawn photos on which a floating-point export is also compared.
SIZES = ((1, 1), (2, 3), (37, 900), (299, 299), (480, 640), (1200, 1600))


@dataclasses.dataclass(frozen=True)
class Check:
    """How an export compares with the model that it was made from.

    Attributes:
      largest: difference of a probability, over all photos and classes.
      same: share of the photos for which both give the same class.
      count: number of photos.
    """

    largest: float
    same: float
    count: int

    def __str__(self):
        return (
            f"largest difference of a probability {self.largest:.1e}, "
            f"same class on {self.same:.1%} of {self.count} photos"
        )


def export(model_path, name, path, folder=None, int8=False, any_size=False):
    """Writes a trained model in another format; an export that differs from the model is not kept.

    Args:
      model_path: a `model.keras`, or the folder of its run.
      name: one of `formats.PACKAGES`.
      path: the file to write; for "saved_model" a new folder.
      folder: photos to compare on, in addition to drawn ones.
      int8: weights and activations in 8 bits, LiteRT only: half of the photos in `folder` calibrate
        them, and the comparison is on the other half.
      any_size: LiteRT only: it takes one photo of any size instead of squares of the model's size.

    Returns:
      Check.

    Raises:
      UserError: the export differs, a package is missing, or one of the paths cannot be used.
    """
    path = user_paths.user_path(path)
    folder = None if folder is None else user_paths.user_path(folder)
    if keras.backend.backend() != "tensorflow":
        raise UserError("export needs TensorFlow; type KERAS_BACKEND=tensorflow in front of the command")
    formats.check_request(model_path, name, path, folder, int8, any_size)
    calibration, photos = choose_photos(folder, int8)
    module = format_module(name)
    options = {"calibration": calibration, "any_size": any_size} if name == "litert" else {}
    model = inference.load_classifier(model_path)
    with files.whole_file(path) as temporary:
        module.write(model, temporary, **options)
        check = compare(exported.read(name, temporary)[0], model, photos)
        if not (check.same >= SAME_CLASS if int8 else check.largest <= TOLERANCE):
            advice = "add photos, or leave out --int8" if int8 else "choose another --format"
            raise UserError(f"the export differs from {model_path}: {check}; it is not kept: {advice}")
    return check


def format_module(name):
    """The module of a format, with `write(model, path)`."""
    return importlib.import_module(f"flowers_keras.serving.{MODULES[name]}")


def choose_photos(folder, int8):
    """(photos to calibrate with, or None; photos to compare on)."""
    photos = [] if folder is None else find_photos(folder, 2 * CHECKED if int8 else CHECKED)
    if not int8:
        return None, photos + drawn_photos()
    if len(photos) < LEAST_INT8:
        raise UserError(f"--int8 needs {LEAST_INT8} photos, and {folder} holds {len(photos)}; add some")
    return photos[::2], photos[1::2]


def find_photos(folder, count):
    """Paths of up to `count` photos that can be read, from all over `folder`.

    Raises:
      UserError: there is none.
    """
    paths = reader.find_photos(folder)
    chosen = np.unique(np.linspace(0, len(paths) - 1, count).astype(int)) if paths else []
    usable = [paths[i] for i in chosen if _is_readable(paths[i])]
    if not usable:
        raise UserError(f"--photos={folder} holds no photo that can be used; type another folder")
    return usable


def _is_readable(path):
    try:
        decoding.read_pixels(path)
    except reader.BrokenPhoto:
        return False
    return True


def drawn_photos():
    """Photos of `SIZES`, uint8 [height, width, 3]: one drawn flower, parts and repeats of it."""
    flower = synthetic.draw_flower(0, (0, 0), 600)
    repeats = np.tile(flower, (2, 3, 1))
    return [repeats[:height, :width] for height, width in SIZES]


def compare(serve, model, photos):
    """How an export's probabilities of photos differ from those of the model.

    Args:
      serve: uint8 [height, width, 3] -> [classes].
      model: inference.Classifier.
      photos: paths or uint8 arrays.

    Returns:
      Check.
    """
    expected = model.predict(photos)
    found = np.stack([serve(decoding.read_pixels(photo)) for photo in photos])
    return Check(
        float(np.max(np.abs(found - expected))),
        float(np.mean(found.argmax(axis=1) == expected.argmax(axis=1))),
        len(photos),
    )


def size_of(path):
    """Bytes of a file, or of all files in a folder."""
    paths = path.rglob("*") if path.is_dir() else [path]
    return sum(each.stat().st_size for each in paths if each.is_file())
