"""Two models on the same photos: whether their accuracies differ by more than chance.

Models are right and wrong on much the same photos, so that only those on which they differ tell
which is better: half a point shows on photos where two unpaired intervals would overlap by far.
"""

import numpy as np
from scipy import stats

RESAMPLES = 9999  # of the bootstrap


def paired_difference(first, second):
    """The difference of two accuracies on the same photos.

    Args:
      first, second: bool [count], whether each photo was classified correctly.

    Returns:
      {"difference": accuracy of `second` less that of `first`, "interval": its 95 % interval by a
      paired bootstrap (percentiles, seeded), "p_value": of McNemar's exact test (1947), 1.0 where the
      models are right on the same photos}.

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
    counts = np.random.default_rng(0).multinomial(
        len(gain), [better / len(gain), worse / len(gain), 1 - (better + worse) / len(gain)], RESAMPLES
    )
    low, high = np.percentile((counts[:, 0] - counts[:, 1]) / len(gain), [2.5, 97.5])
    p_value = float(stats.binomtest(better, better + worse).pvalue) if better + worse else 1.0
    return {"difference": float(gain.mean()), "interval": [float(low), float(high)], "p_value": p_value}
