"""The metrics of predictions: accuracy and its interval, balanced accuracy, loss, confusion; all together.

Sums are exact (`math.fsum`): a metric does not depend on the order of the photos.
"""

import math

import numpy as np
import scipy.stats

from flowers_keras.evaluation import reliability

CONFIDENCE = 0.95  # of every interval


def accuracy(labels, probabilities):
    """Share of photos whose most probable class is the true one."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def cross_entropy(labels, probabilities):
    """Mean of -log(probability of the true class), natural logarithm, probabilities from 1e-7."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return math.fsum(-np.log(np.clip(chosen, 1e-7, 1.0))) / len(labels)


def area_under_curve(negatives, positives):
    """AUROC: how often a positive has the larger value of a pair, ties counting half.

    Example:
      >>> area_under_curve([0.1, 0.2], [0.2, 0.3])
      0.875
    """
    ordered = np.sort(negatives)
    smaller = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(smaller.mean() / 2 / len(ordered))


def wilson_interval(correct, count):
    """[low, high]: the 95 % interval of a share, after Wilson (1927).

    Example:
      >>> [round(bound, 4) for bound in wilson_interval(50, 100)]
      [0.4038, 0.5962]
    """
    return list(map(float, scipy.stats.binomtest(correct, count).proportion_ci(CONFIDENCE, "wilson")))


def drop_interval(before, after):
    """[low, high]: the 95 % interval of the difference of two shares, after Newcombe (1998).

    Args:
      before, after: (correct, count) of two sets of photos.

    Returns:
      The interval of the share before minus the share after; it contains 0 if chance explains the drop.
    """
    (one, other), (first, second) = (
        [correct / count for correct, count in (before, after)],
        [wilson_interval(*each) for each in (before, after)],
    )
    drop = one - other
    return [
        drop - math.hypot(one - first[0], second[1] - other),
        drop + math.hypot(first[1] - one, other - second[0]),
    ]


def confusion_matrix(labels, probabilities):
    """int [classes, classes]: photos of the true class (row) that were given the class (column)."""
    matrix = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    return matrix


def balanced_accuracy(confusion):
    """Mean recall of the classes that have photos: each class counts the same.

    Example:
      >>> balanced_accuracy(np.array([[90, 0], [5, 5]]))
      0.75
    """
    there = confusion.sum(axis=1)
    return math.fsum(confusion.diagonal()[there > 0] / there[there > 0]) / int((there > 0).sum())


def macro_f1(confusion):
    """Mean over the classes of the harmonic mean of precision and recall; classes nobody named are left out.

    Example:
      >>> macro_f1(np.array([[8, 0], [4, 0]]))
      0.4
    """
    named = confusion.sum(axis=0) + confusion.sum(axis=1)
    return math.fsum(2 * confusion.diagonal()[named > 0] / named[named > 0]) / int((named > 0).sum())


def per_class(confusion, class_names):
    """Class name -> precision, recall (None where nothing was predicted or there) and count."""
    right, predicted, there = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    return {
        name: {
            "precision": float(right[i] / predicted[i]) if predicted[i] else None,
            "recall": float(right[i] / there[i]) if there[i] else None,
            "count": int(there[i]),
        }
        for i, name in enumerate(class_names)
    }


def compute_metrics(predictions):
    """All metrics of a set of predictions, named as in `metrics.json`.

    Args:
      predictions: Predictions of at least one photo.

    Returns:
      dict of JSON values; accuracies from 0 to 1. A perfectly calibrated model has an "ece" below
      "ece_by_chance" in 95 % of cases. Names that end in `_tta` are None without TTA.
    """
    labels, plain, tta = predictions.labels, predictions.plain, predictions.tta
    confusion = confusion_matrix(labels, plain)
    confidence = plain.max(axis=1)

    def optional(score, probabilities):
        return None if probabilities is None else score(labels, probabilities)

    return {
        "count": len(labels),
        "accuracy": accuracy(labels, plain),
        "accuracy_tta": optional(accuracy, tta),
        "accuracy_interval": wilson_interval(int(np.trace(confusion)), len(labels)),
        "balanced_accuracy": balanced_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
        "loss": cross_entropy(labels, plain),
        "loss_tta": optional(cross_entropy, tta),
        "ece": reliability.expected_calibration_error(labels, plain),
        "ece_by_chance": reliability.calibration_error_by_chance(confidence),
        "mean_confidence": math.fsum(confidence) / len(labels),
        "ece_tta": optional(reliability.expected_calibration_error, tta),
        "per_class": per_class(confusion, predictions.class_names),
        "confusion": confusion.tolist(),
    }


def compare_uncalibrated(predictions, temperature):
    """{"ece_uncalibrated"}: the expected calibration error that a calibrated model had before calibration.

    Args:
      predictions: Predictions.
      temperature: at which the model is calibrated; the result is None for a model that is not (None).
    """
    if temperature is None:
        return {"ece_uncalibrated": None}
    as_trained = reliability.apply_temperature(predictions.plain, 1 / temperature)
    return {"ece_uncalibrated": reliability.expected_calibration_error(predictions.labels, as_trained)}
