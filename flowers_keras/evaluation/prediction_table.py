"""A model's predictions for labelled photos, and their file, `predictions.csv`."""

import csv
import dataclasses

import numpy as np

from flowers_keras import files
from flowers_keras.model.novelty import Novelty

PLAIN, TTA = "probability:", "tta:"  # what the columns of `predictions.csv` start with


@dataclasses.dataclass(frozen=True)
class Predictions:
    """A model's class probabilities for labelled photos.

    Attributes:
      ids: the photos' names.
      labels: int [count].
      class_names: in the order of the probabilities.
      plain: float64 [count, classes], of the photos as they are.
      tta: the same with flip test-time augmentation, or None.
      novelty: novelty.Novelty of each photo, or None; not saved.
    """

    ids: list[str]
    labels: np.ndarray
    class_names: tuple[str, ...]
    plain: np.ndarray
    tta: np.ndarray | None
    novelty: list[Novelty] | None = None


def join(parts):
    """The Predictions of several sets of photos as one."""
    first = parts[0]
    return Predictions(
        [name for each in parts for name in each.ids],
        np.concatenate([each.labels for each in parts]),
        first.class_names,
        np.concatenate([each.plain for each in parts]),
        None if first.tta is None else np.concatenate([each.tta for each in parts]),
    )


def save_predictions(predictions, path):
    """Writes `predictions.csv`: id, class, then `probability:NAME` and `tta:NAME` for each class.

    The prefixes keep a class called "id" or "class" apart from the first two columns.
    """
    names = predictions.class_names
    header = ["id", "class", *(f"{PLAIN}{name}" for name in names), *(f"{TTA}{name}" for name in names)]
    tta = predictions.tta

    def rows():
        for i, name in enumerate(predictions.ids):
            both = [""] * len(names) if tta is None else tta[i].tolist()
            yield [name, names[predictions.labels[i]], *predictions.plain[i].tolist(), *both]

    files.write_csv(path, header, rows())


def load_predictions(path):
    """The Predictions that `save_predictions` wrote, to the last digit."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    count = (len(header) - 2) // 2
    names = tuple(each.removeprefix(PLAIN) for each in header[2 : 2 + count])
    tta = None
    if rows and rows[0][-1]:
        tta = np.array([row[2 + count :] for row in rows], np.float64)
    return Predictions(
        [row[0] for row in rows],
        np.array([names.index(row[1]) for row in rows]),
        names,
        np.array([row[2 : 2 + count] for row in rows], np.float64),
        tta,
    )
