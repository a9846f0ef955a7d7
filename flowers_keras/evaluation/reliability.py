"""How far confidence is from accuracy, and the temperature that brings them together."""

import math

import numpy as np
import scipy.optimize

BINS = 15

SIMULATIONS = 1000  # of perfect calibration

TEMPERATURES = (0.05, 20.0)  # lowest and highest that are tried

LEAST_PROBABILITY = float(np.finfo(np.float32).tiny)  # the network's 0 may be a little more


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
    return float(np.quantile(np.abs(gaps).sum(axis=1) / len(confidence), 0.95))


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
        table.append((float(each / BINS), mean, int(right[inside].sum()) / count, count))
    return table


def _bins(confidence):
    return np.minimum((confidence * BINS).astype(int), BINS - 1)


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
