"""The figures: accuracy and its interval, balanced accuracy, cross-entropy, confusion, calibration.

Sums are exact (`math.fsum`): a figure does not depend on the order of the photos.
"""

import math

import numpy as np
import scipy.optimize
import scipy.stats

CALIBRATION_BINS = 15

CONFIDENCE = 0.95  # of every interval

SIMULATIONS = 1000  # of perfect calibration

TEMPERATURES = (0.05, 20.0)  # lowest and highest that are tried

LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # the network's 0 may be a little more


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
      The interval of the share before less that after; 0 lies in it where chance explains the drop.
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


def expected_calibration_error(labels, probabilities):
    """Mean distance between confidence and accuracy over 15 equal bins (Guo et al. 2017)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return math.fsum(abs(c - a) * n for _, c, a, n in reliability(confidence, right)) / len(labels)


def calibration_error_by_chance(confidence):
    """The calibration error that a perfectly calibrated model exceeds in 5 % of cases.

    With few photos the error is never 0: each photo is classified correctly, with the probability
    that the model gives, or not. Simulated 1,000 times, always with the same random numbers.

    Args:
      confidence: float [count], probability of the predicted class.
    """
    confidence = np.sort(confidence)  # the order of the photos must not matter
    starts = np.unique(_bins(confidence), return_index=True)[1]
    random = np.random.default_rng(0)
    gaps = [
        np.add.reduceat(confidence - (random.random(len(confidence)) < confidence), starts)
        for _ in range(SIMULATIONS)
    ]
    return float(np.quantile(np.abs(gaps).sum(axis=1) / len(confidence), CONFIDENCE))


def reliability(confidence, right):
    """The bins of a reliability diagram that hold photos.

    Args:
      confidence: float [count], probability of the predicted class.
      right: bool [count].

    Returns:
      A list of (lower edge, mean confidence, accuracy, count).
    """
    bins = _bins(confidence)
    table = []
    for each in np.unique(bins):
        inside = bins == each
        count = int(inside.sum())
        mean = math.fsum(confidence[inside]) / count
        table.append((float(each / CALIBRATION_BINS), mean, int(right[inside].sum()) / count, count))
    return table


def _bins(confidence):
    return np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)


def fit_temperature(labels, probabilities):
    """The temperature that makes probabilities fit the labels best (Guo et al. 2017).

    Args:
      labels: int [count], of validation photos.
      probabilities: float [count, classes].

    Returns:
      T from 0.05 to 20 with the least cross-entropy of softmax(log p / T); 1.0 where every photo is
      right, since there a lower one is always better.
    """
    if (probabilities.argmax(axis=1) == labels).all():
        return 1.0
    chosen = np.arange(len(labels)), labels

    def cross_entropy_at(log_temperature):
        scaled = apply_temperature(probabilities, np.exp(log_temperature))
        return -np.mean(_logs(scaled)[chosen])

    found = scipy.optimize.minimize_scalar(
        cross_entropy_at, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-9}
    )
    return float(np.exp(found.x))


def apply_temperature(probabilities, temperature):
    """softmax(log p / T), float64 [count, classes]: T above 1 is less certain, below 1 more."""
    scaled = _logs(probabilities) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _logs(probabilities):
    return np.log(np.maximum(np.asarray(probabilities, np.float64), LEAST_PROBABILITY))


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
