"""The diagnosis: which findings the figures of a run support, each with its evidence.

Every threshold is a constant of this module or of `trust`.
"""

import numpy as np

from flowers_keras.evaluation import trust
from flowers_keras.evaluation.evidence import first_pair, interval, percent
from flowers_keras.evaluation.verdicts import verdict

# Drops of accuracy, as a share, on the very same photos, changed:
SLIGHT_SHIFT = 0.10  # at the lowest strength

MIDDLE_SHIFT = 0.25  # at the middle strength; at the lowest, it is bad

STRONG_SHIFT = 0.40  # at the highest strength

# And at each strength of what the model classifies better than by always naming the commonest class: of
# 90 % in two classes nothing is left at 50 %.
SHIFT_SKILL = (0.2, 0.4, 0.6)

SHIFT_PHOTOS = 6  # at least so many photos: with fewer, all worse may be chance (sign test, 95 %)

# Others:
WIDE_INTERVAL = 0.10  # width of the test accuracy's 95 % interval

CONFUSED_SHARE = 0.10  # of the photos of two classes, taken for the other one

CONFUSED_PHOTOS = 5  # and at least so many

CONFUSED_PAIRS = 3  # named at most

UNEQUAL = 3  # times as many training photos in the largest class as in another one

MISCALIBRATED = 0.03  # calibration error that is allowed even if chance does not explain it

UNKNOWN_CALIBRATION = 0.10  # error by chance alone; above it calibration is not called good

CONDITIONS = {
    "angle": "from another angle",
    "light": "in other light",
    "background": "before another background",
    "blur": "blurred",
    "noise": "noisy",
    "jpeg": "compressed",
}


def diagnose(metrics):
    """What the figures mean.

    Args:
      metrics: the dict of `metrics.json`; "shift", "fit" and "training_photos" may be absent or None.

    Returns:
      A list of {"level": "good", "warning" or "bad", "title", "text", "evidence"}: first whether
      the test accuracy can be trusted, then what else there is to know; each the worst first.
    """
    trusted, meaningful = trust.judge_trust(metrics)
    findings = find_few_photos(metrics) + find_doubtful_labels(metrics) + find_imbalance(metrics)
    if meaningful:
        findings += find_shift(metrics) + find_confused(metrics) + judge_calibration(metrics)
    return [each for group in (trusted, findings) for each in sorted(group, key=_rank)]


def _rank(found):
    return ("bad", "warning", "good").index(found["level"])


def find_doubtful_labels(metrics):
    """Pictures that are alike carry different labels."""
    pairs = metrics["leaks"]["doubtful"]
    return [verdict("doubtful_labels", first_pair(pairs))] if pairs else []


def find_few_photos(metrics):
    """The test accuracy is known roughly only, but well enough to be judged."""
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    if not WIDE_INTERVAL < high - low <= trust.UNKNOWN:
        return []
    evidence = f"95 % interval {interval(test)}: {100 * (high - low):.1f} points wide, over "
    evidence += f"{100 * WIDE_INTERVAL:.0f}."
    return [verdict("few_photos", evidence, count=test["count"], low=percent(low), high=percent(high))]


def find_imbalance(metrics):
    """Some classes have few photos beside the largest one."""
    small = trust.small_classes(metrics, UNEQUAL)
    if not small:
        return []
    counts = trust.class_counts(metrics)
    largest = max(counts, key=counts.get)
    of = "training photos" if metrics.get("training_photos") else "photos in validation and test"
    evidence = ", ".join(f"{name} {count}" for name, count in {largest: counts[largest], **small}.items())
    evidence += f" {of}; at least {UNEQUAL} times as many."
    evidence += f" Balanced accuracy {percent(metrics['test']['balanced_accuracy'])} on test photos."
    weighted = metrics.get("class_weights") == "balanced"
    finding = "imbalance_weighted" if weighted else "imbalance"
    return [verdict(finding, evidence, names=", ".join(small))]


def find_shift(metrics):
    """Whether the same photos, changed, are still classified correctly."""
    shift = metrics.get("shift")
    if not shift:
        return []
    least, allowed = SHIFT_PHOTOS / shift["photos"] - 1e-9, _allowed_drops(metrics)
    bounds = [max(each, least) for each in allowed]
    drops = {
        name: [shift["accuracy"] - each for each in found] for name, found in shift["conditions"].items()
    }
    over = {
        name: [drop > most for drop, most in zip(each, bounds, strict=True)] for name, each in drops.items()
    }
    broken = [name for name, each in drops.items() if each[0] > bounds[1]]
    weak = [name for name, each in over.items() if each[0] or each[1]]
    strong = [name for name, each in over.items() if each[2]]
    for finding, names in (("shift_collapse", broken), ("shift", weak), ("shift_strong", strong)):
        if names:
            return [_describe_shift(finding, shift, names, allowed)]
    too_few = shift["photos"] * SLIGHT_SHIFT < SHIFT_PHOTOS
    return [] if too_few else [_describe_shift("steady", shift, list(drops), allowed)]


def _allowed_drops(metrics):
    """The drops of accuracy, at each strength, that are no finding."""
    there = np.sum(metrics["test"]["confusion"], axis=1)
    skill = max(0.0, metrics["shift"]["accuracy"] - float(there.max() / there.sum()))
    most = (SLIGHT_SHIFT, MIDDLE_SHIFT, STRONG_SHIFT)
    return [min(each, share * skill) for each, share in zip(most, SHIFT_SKILL, strict=True)]


def _describe_shift(finding, shift, names, allowed):
    evidence = (
        f"{percent(shift['accuracy'])} of {shift['photos']} photos as they are; changed slightly, more "
    )
    evidence += "and strongly: " + "; ".join(
        f"{name} {', '.join(map(percent, shift['conditions'][name]))}" for name in names
    )
    less = ", ".join(f"{percent(each)} less" for each in allowed)
    evidence += f". Allowed: {less}, or fewer than {SHIFT_PHOTOS} photos."
    return verdict(finding, evidence, names=", ".join(CONDITIONS[name] for name in names))


def find_confused(metrics):
    """Classes that are often taken for each other: the pairs, most often first."""
    names, matrix = list(metrics["test"]["per_class"]), np.array(metrics["test"]["confusion"])
    there, pairs = matrix.sum(axis=1), []
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        wrong = matrix[i, j] + matrix[j, i]
        if wrong >= CONFUSED_PHOTOS and wrong > CONFUSED_SHARE * (there[i] + there[j]):
            pairs.append((-int(wrong), int(i), int(j)))
    if not pairs:
        return []
    shown = [(i, j) for _, i, j in sorted(pairs)[:CONFUSED_PAIRS]]
    counts = [
        f"{matrix[i, j]} of {there[i]} {names[i]} taken for {names[j]}, {matrix[j, i]} of {there[j]} "
        f"{names[j]} for {names[i]}"
        for i, j in shown
    ]
    left = f"; {len(pairs) - len(shown)} more such pairs" if len(pairs) > len(shown) else ""
    evidence = f"{'; '.join(counts)}{left}; over {percent(CONFUSED_SHARE)} of both."
    return [verdict("confused", evidence, pairs="; ".join(f"{names[i]} and {names[j]}" for i, j in shown))]


def judge_calibration(metrics):
    """Whether the probabilities are as high as the share of photos that are classified correctly.

    The error is held against what a perfectly calibrated model would give by chance; its direction
    is that of mean confidence less accuracy, where that is certain.
    """
    test = metrics["test"]
    confidence, (low, high) = test["mean_confidence"], test["accuracy_interval"]
    evidence = (
        f"Expected calibration error {test['ece']:.3f}; with {test['count']} photos perfect calibration "
    )
    evidence += f"gives up to {test['ece_by_chance']:.3f} by chance (95 %), and {MISCALIBRATED} is allowed. "
    evidence += f"Mean confidence {percent(confidence)}, accuracy {percent(test['accuracy'])}"
    evidence += f" ({interval(test)})."
    if test["ece"] > max(test["ece_by_chance"], MISCALIBRATED):
        unclear = low <= confidence <= high
        direction = "overconfident" if confidence > test["accuracy"] else "underconfident"
        return [verdict("miscalibrated" if unclear else direction, evidence)]
    return [] if test["ece_by_chance"] > UNKNOWN_CALIBRATION else [verdict("calibrated", evidence)]
