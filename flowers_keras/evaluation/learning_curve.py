"""The learning curve: accuracy by the number of training photos, and what twice as many would bring.

The error falls as a power of the number of training photos (Hestness et al. 2017, arXiv 1712.00409) until
something else limits it. The curve then flattens, so that the extrapolation tends to be optimistic.
"""

import numpy as np
import scipy.stats

from flowers_keras.evaluation import scores

LITTLE = 0.005  # of accuracy: a gain below it is not worth the work of twice the photos


def measure(counts, right, fold):
    """Accuracy at each number of training photos, and what doubling them brought and would bring.

    Args:
      counts: numbers of training photos, ascending, each twice the one before.
      right: bool [sizes, photos], whether each held-out photo was classified correctly.
      fold: int [photos], number of the fold that it was held out in.

    Returns:
      {"points": [{"photos", "accuracy", "interval"}], "last_doubling", "next_doubling": {"gain",
      "interval"} of accuracy, the latter as a power law continues, "finding": "more", "little" or
      "unclear"}. "more" is said only where both intervals are above 0.
    """
    right, fold = np.asarray(right), np.asarray(fold)
    numbers = np.unique(fold)
    held_out = np.array([(fold == number).sum() for number in numbers])
    wrong = np.array([(~right[:, fold == number]).sum(axis=1) for number in numbers])

    def last_doubling(chosen):
        return (wrong[chosen, -2].sum() - wrong[chosen, -1].sum()) / held_out[chosen].sum()

    def next_doubling(chosen):
        return _continue(counts, wrong[chosen].sum(axis=0), held_out[chosen].sum())

    last, following = jackknife(last_doubling, len(numbers)), jackknife(next_doubling, len(numbers))
    return {
        "points": [
            {
                "photos": int(count),
                "accuracy": float(each.mean()),
                "interval": scores.wilson_interval(int(each.sum()), len(each)),
            }
            for count, each in zip(counts, right, strict=True)
        ],
        "last_doubling": last,
        "next_doubling": following,
        "finding": _judge(last["interval"], following["interval"]),
    }


def _continue(counts, wrong, held_out):
    """The gain of the next doubling, if the error keeps falling by the power law that fits best."""
    x, errors = np.log2(counts), (wrong + 0.5) / (held_out + 1)  # whose logarithm exists without a mistake
    # The variance of a share's logarithm is (1 - share) / mistakes; `polyfit` takes its inverse's root.
    weights = np.sqrt((wrong + 0.5) / (1 - np.minimum(errors, 0.999)))
    slope, offset = np.polyfit(x, np.log2(errors), 1, w=weights)
    return 2 ** (slope * x[-1] + offset) * (1 - 2**slope)


def jackknife(estimate, count):
    """An estimate from several folds, with its 95 % interval by leaving out one after the other (Tukey 1958).

    It holds both sources of chance: which photos were held out, and which were trained on. The folds
    share training photos, which makes it a little narrow.

    Args:
      estimate: int [folds] -> float.
      count: of folds, at least 2.

    Returns:
      {"gain", "interval": [low, high]}.

    Example:
      >>> [round(each, 3) for each in jackknife(lambda folds: float(folds.mean()), 3)["interval"]]
      [-1.484, 3.484]
    """
    every = np.arange(count)
    found = estimate(every)
    values = [count * found - (count - 1) * estimate(np.delete(every, i)) for i in every]
    reach = scipy.stats.t.ppf(0.5 + scores.CONFIDENCE / 2, count - 1) * scipy.stats.sem(values)
    return {"gain": float(found), "interval": [float(found - reach), float(found + reach)]}


def _judge(last, following):
    if following[1] < LITTLE:
        return "little"
    return "more" if last[0] > 0 and following[0] > 0 else "unclear"


def describe(found):
    """What `measure` found, in a few sentences.

    Example:
      >>> doubling = {"gain": 0.012, "interval": [0.004, 0.02]}
      >>> points = [{"photos": 500, "accuracy": 0.9}, {"photos": 1000, "accuracy": 0.912}]
      >>> known = {"points": points, "last_doubling": doubling, "next_doubling": doubling, "finding": "more"}
      >>> print(describe(known))
      From 500 to 1,000 training photos the accuracy changed by +1.2 points (+0.4 to +2.0). Twice the photos would bring +1.2 points (+0.4 to +2.0), if the error keeps falling as before.
    """  # noqa: E501
    before, now = found["points"][-2:]
    following = _points(found["next_doubling"])
    words = {
        "more": f"Twice the photos would bring {following}, if the error keeps falling as before.",
        "little": f"Twice the photos would bring less than {100 * LITTLE:g} points ({following}): better "
        "labels, other settings or larger photos may bring more.",
        "unclear": f"Whether twice the photos would bring anything cannot be told from these: {following}, "
        "if the error keeps falling as before.",
    }
    return (
        f"From {before['photos']:,} to {now['photos']:,} training photos the accuracy changed by "
        f"{_points(found['last_doubling'])}. {words[found['finding']]}"
    )


def _points(doubling):
    gain, low, high = (f"{100 * value:+.1f}" for value in (doubling["gain"], *doubling["interval"]))
    return f"{gain} points ({low} to {high})"
