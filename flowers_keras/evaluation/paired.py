"""Two models on the same photos: whether their accuracies differ by more than chance.

Two models are mostly right and wrong on the same photos, so only the photos on which they differ tell which
is better: differences of half a point become visible where two unpaired intervals would overlap by far.
"""

import math

import numpy as np
from scipy import stats

from flowers_keras.evaluation.scores import CONFIDENCE


def paired_difference(first, second):
    """The difference of two accuracies on the same photos.

    Args:
      first, second: bool [count], whether each photo was classified correctly.

    Returns:
      {"difference": accuracy of `second` less that of `first`, "interval": its 95 % interval after Bonett and
      Price (2012), which holds where few answers differ or none, "p_value": of McNemar's exact test (1947),
      1.0 where the models are right on the same photos}.

    Raises:
      ValueError: the two are not of the same photos.

    Example:
      >>> first, second = np.arange(100) < 90, np.arange(100) < 97
      >>> round(paired_difference(first, second)["difference"], 2)
      0.07
    """
    gain = np.subtract(second, first, dtype=np.float64)
    if gain.ndim != 1 or len(first) != len(second) or not len(gain):
        raise ValueError(f"{np.shape(first)} and {np.shape(second)} are not answers to the same photos")
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    p_value = float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0
    interval = _difference_interval(better, worse, len(gain))
    return {"difference": float(gain.mean()), "interval": interval, "p_value": p_value}


def _difference_interval(better, worse, count):
    """[low, high]: Wald's interval, with one more photo that got better and one that got worse."""
    ups, downs = (better + 1) / (count + 2), (worse + 1) / (count + 2)
    middle = ups - downs
    reach = stats.norm.ppf(0.5 + CONFIDENCE / 2) * math.sqrt((ups + downs - middle**2) / (count + 2))
    return [max(-1.0, float(middle - reach)), min(1.0, float(middle + reach))]
