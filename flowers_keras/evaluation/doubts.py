"""Finds labels that may be wrong, by confident learning (Northcutt et al. 2021, arXiv 1911.00068).

The probabilities must be of photos that the model was not trained on, such as those of
cross-validation: a model repeats wrong labels that it was trained on.
"""

import dataclasses

import numpy as np
import scipy.stats

from flowers_keras import files
from flowers_keras.evaluation.scores import CONFIDENCE

CLEAR = 0.5  # from here on a doubt is worth following even if there are few

COLUMNS = ("id", "label", "suggestion", "doubt", "correction")


@dataclasses.dataclass(frozen=True)
class Doubt:
    """A photo whose label may be wrong.

    Attributes:
      row: its position among the given photos.
      suggestion: int, the class that the model considers right.
      doubt: 0 to 1, the probability of the suggestion minus that of the label.
    """

    row: int
    suggestion: int
    doubt: float


def find_doubts(labels, probabilities):
    """The photos whose label the model doubts, the most doubtful first.

    A class claims a photo if it gives it at least the mean probability that it gives to photos of
    its own label; a photo claimed by another class with more probability than its label is in doubt.

    Args:
      labels: int [count].
      probabilities: float [count, classes], of photos held out from training.

    Returns:
      A list of Doubt.

    Example:
      >>> labels = np.array([0, 0, 0, 1, 1, 1])
      >>> sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]])
      >>> [(each.row, each.suggestion) for each in find_doubts(labels, sure)]
      [(2, 1)]
    """
    labels, claimed = np.asarray(labels), _claimed(np.asarray(labels), probabilities)
    suggestion = claimed.argmax(axis=1)
    own = probabilities[np.arange(len(labels)), labels]
    doubt = claimed.max(axis=1) - own
    rows = np.flatnonzero((suggestion != labels) & (doubt > 0))
    rows = rows[np.argsort(-doubt[rows], kind="stable")]
    return [Doubt(int(row), int(suggestion[row]), float(doubt[row])) for row in rows]


def _claimed(labels, probabilities):
    """The probabilities of the classes that claim a photo; -inf for the others."""
    classes = range(probabilities.shape[1])
    thresholds = np.array(
        [probabilities[labels == each, each].mean() if (labels == each).any() else np.inf for each in classes]
    )
    return np.where(probabilities >= thresholds, probabilities, -np.inf)


def count_clear(labels, probabilities):
    """How many labels are clearly in doubt, by at least `CLEAR`; 0 if the model's own mistakes explain them.

    Where all labels are right, a calibrated model is surely mistaken now and then: of photos that it gives
    80 % for one class, one in five is of another. So many doubts must be exceeded (95 %).

    Args:
      labels, probabilities: as for `find_doubts`.

    Example:
      >>> unsure, sure = np.full((20, 2), [0.8, 0.2]), np.full((20, 2), [0.99, 0.01])
      >>> labels = np.array([0] * 16 + [1] * 4)
      >>> count_clear(labels, unsure), count_clear(labels, sure)
      (0, 4)
    """
    clear = _claimed(labels, probabilities).max(axis=1, keepdims=True) - probabilities >= CLEAR
    found = int(clear[np.arange(len(labels)), labels].sum())
    by_chance = scipy.stats.poisson.ppf(CONFIDENCE, (probabilities * clear).sum())
    return found if found > by_chance else 0


def save_doubts(doubts, ids, labels, class_names, path):
    """Writes `doubts.csv`, for a person to fill in the column `correction`.

    A correction is a class name, or `remove`; empty, the label stays. A run takes the file by
    `--config.data.corrections=PATH`.
    """
    rows = [
        [ids[each.row], class_names[labels[each.row]], class_names[each.suggestion], each.doubt, ""]
        for each in doubts
    ]
    files.write_csv(path, COLUMNS, rows)
