"""The counts that the findings compare, and how they are shown."""

import numpy as np

from flowers_keras.evaluation import scores


def hits(part, without=()):
    """(correct, count) of a part's photos, except those of the classes in `without`.

    Example:
      >>> part = {"per_class": {"a": {}, "b": {}}, "confusion": [[3, 1], [0, 2]]}
      >>> hits(part), hits(part, ["a"])
      ((5, 6), (2, 2))
    """
    kept = [name not in without for name in part["per_class"]]
    matrix = np.array(part["confusion"])
    return int(matrix.diagonal()[kept].sum()), int(matrix[kept].sum())


def class_hits(part, name):
    """(correct, count) of a part's photos of the class `name`."""
    return hits(part, part["per_class"].keys() - {name})


def unseen_confusion(metrics):
    """int [classes, classes]: the confusion matrix of validation and test together."""
    return sum(np.array(metrics[part]["confusion"]) for part in ("validation", "test"))


def certain_drop(before, after, allowed):
    """How much of a drop between two (correct, count) chance does not explain, in words."""
    drop = 100 * scores.drop_interval(before, after)[0]
    return f"at least {drop:.1f} points of the drop are certain (95 %), {100 * allowed:.0f} allowed."


def share(correct, count):
    """'95.0 % of 40'."""
    return f"{percent(correct / count)} of {count}"


def interval(part):
    """'90.1 % to 95.2 %', of a part's accuracy."""
    return " to ".join(map(percent, part["accuracy_interval"]))


def first_pair(pairs):
    """How many pairs of twins there are, and the first of them."""
    one, other, bits = pairs[0]
    return f"Pairs: {len(pairs)}, 0 allowed; the first: {one} and {other}, {bits} of 64 bits apart."


def percent(value):
    """'93.5 %'."""
    return f"{100 * value:.1f} %"
