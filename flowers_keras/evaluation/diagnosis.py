"""The diagnosis: which findings the figures of a run support, each with its evidence.

Every threshold is a constant below. Where two sets of photos are compared, only that part of the
difference counts which chance does not explain: the near end of its 95 % interval.
"""

import numpy as np

from flowers_keras.evaluation import scores
from flowers_keras.evaluation.verdicts import say

# Certain drops of accuracy, as a share (`scores.drop_interval`):
GAP = 0.10  # from training to unseen photos; above it, overfitting

WIDE_GAP = 0.25  # above it, learning by heart

LEAK = 0.05  # from validation to test; above it, validation is no judge

COLLAPSE = 0.40  # of one class's recall, from validation to test, while other classes hold

# Drops of accuracy, as a share, on the very same photos, changed:
SLIGHT_SHIFT = 0.10  # at the lowest strength

MIDDLE_SHIFT = 0.25  # at the middle strength; at the lowest, it is bad

SHIFT_PHOTOS = 3  # and at least so many photos

# Others:
WIDE_INTERVAL = 0.10  # width of the test accuracy's 95 % interval

CONFUSED_SHARE = 0.10  # of the photos of two classes, taken for the other one

CONFUSED_PHOTOS = 5  # and at least so many

CONFUSED_PAIRS = 3  # named at most

MISCALIBRATED = 0.03  # expected calibration error, and added to it:

BY_CHANCE = 0.75  # of the width of the accuracy's interval: with few photos the error is never 0

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
      metrics: the dict of `metrics.json`; "shift" may be absent or None.

    Returns:
      A list of {"level": "good", "warning" or "bad", "title", "text", "evidence"}: first whether
      the test accuracy can be trusted, then what else there is to know; each the worst first.
    """
    guessing = find_guessing(metrics)
    trust = guessing + find_twins(metrics)
    findings = find_few_photos(metrics) + find_doubtful_labels(metrics)
    if not guessing:
        gone = collapsed_classes(metrics)
        unlike = [say_collapsed(metrics, name) for name in gone] + find_leak(metrics, gone)
        parts = ("validation",) if unlike else ("validation", "test")
        trust += unlike + find_overfitting(metrics, parts)
        findings += find_shift(metrics) + find_confused(metrics) + judge_calibration(metrics)
    trust = trust or [say_honest(metrics)]
    return [each for group in (trust, findings) for each in sorted(group, key=_rank)]


def _rank(verdict):
    return ("bad", "warning", "good").index(verdict["level"])


def find_guessing(metrics):
    """Validation and test are no better than always naming the commonest class."""
    rows = sum(np.array(metrics[part]["confusion"]) for part in ("validation", "test"))
    right, count = int(rows.trace()), int(rows.sum())
    chance = float(rows.sum(axis=1).max() / count)
    if scores.wilson_interval(right, count)[0] > chance:
        return []
    train = _hits(metrics["train"])
    evidence = (
        f"Validation and test together: {_share(right, count)}; always naming the commonest class: "
        f"{_percent(chance)}; no certain difference (95 %). Training: {_share(*train)}."
    )
    by_heart = scores.wilson_interval(*train)[0] > chance + GAP
    return [say("random_labels" if by_heart else "nothing_learnt", evidence)]


def collapsed_classes(metrics):
    """Names of classes whose recall falls from validation to test while that of the others holds."""
    names = list(metrics["test"]["per_class"])
    gone = []
    for name in names:
        before, after = (_class_hits(metrics[part], name) for part in ("validation", "test"))
        if before[1] and after[1] and scores.drop_interval(before, after)[0] > COLLAPSE:
            gone.append(name)
    return [] if find_leak(metrics, gone) or 2 * len(gone) > len(names) else gone


def say_collapsed(metrics, name):
    """The class `name` is known by something that the test photos lack."""
    before, after = (_class_hits(metrics[part], name) for part in ("validation", "test"))
    row = list(metrics["test"]["per_class"]).index(name)
    taken = metrics["test"]["confusion"][row][:]
    taken[row] = 0
    instead = list(metrics["test"]["per_class"])[int(np.argmax(taken))]
    evidence = f"Recall of {name}, validation {_share(*before)}, test {_share(*after)}"
    evidence += f", most often taken for {instead}; {_certain(before, after, COLLAPSE)}"
    return say("collapse", evidence, name=name)


def find_leak(metrics, gone):
    """Validation is much better than test, in classes other than `gone`, too."""
    train, before, after = (_hits(metrics[part], gone) for part in ("train", "validation", "test"))
    if not before[1] or not after[1] or scores.drop_interval(before, after)[0] <= LEAK:
        return []
    evidence = f"Training {_share(*train)}, validation {_share(*before)}, test {_share(*after)}; "
    evidence += _certain(before, after, LEAK)
    copied = not train[1] or scores.drop_interval(train, before)[0] <= 0
    return [say("copied_validation" if copied else "flattering_validation", evidence)]


def find_overfitting(metrics, unseen):
    """Training photos are known much better than those of the parts `unseen`."""
    before = _hits(metrics["train"])
    after = tuple(map(sum, zip(*(_hits(metrics[part]) for part in unseen), strict=True)))
    drop = scores.drop_interval(before, after)[0]
    if drop <= GAP:
        return []
    evidence = f"Training {_share(*before)}, {' and '.join(unseen)} {_share(*after)}; "
    if drop > WIDE_GAP:
        return [say("by_heart", evidence + _certain(before, after, WIDE_GAP))]
    return [say("overfitting", evidence + _certain(before, after, GAP))]


def find_twins(metrics):
    """The same picture is in two parts of the split."""
    pairs = metrics["leaks"]["across"]
    return [say("twins_across", _first_of(pairs))] if pairs else []


def find_doubtful_labels(metrics):
    """Pictures that are alike carry different labels."""
    pairs = metrics["leaks"]["doubtful"]
    return [say("doubtful_labels", _first_of(pairs))] if pairs else []


def say_honest(metrics):
    """Nothing speaks against the test accuracy."""
    test = metrics["test"]
    shares = ", ".join(f"{part} {_share(*_hits(metrics[part]))}" for part in ("train", "validation", "test"))
    evidence = f"{shares}; test interval (95 %) {_interval(test)}. No certain drop over {_percent(GAP)} "
    evidence += f"after training or {_percent(LEAK)} from validation to test; no twins across parts."
    tta = "" if test["accuracy_tta"] is None else f" ({_percent(test['accuracy_tta'])} with TTA)"
    return say("honest", evidence, count=test["count"], share=_percent(test["accuracy"]), tta=tta)


def find_few_photos(metrics):
    """The test accuracy is known roughly only."""
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    if high - low <= WIDE_INTERVAL:
        return []
    evidence = f"95 % interval {_interval(test)}: {100 * (high - low):.1f} points wide, over "
    evidence += f"{100 * WIDE_INTERVAL:.0f}."
    return [say("few_photos", evidence, count=test["count"], low=_percent(low), high=_percent(high))]


def find_shift(metrics):
    """Whether the same photos, changed, are still named."""
    shift = metrics.get("shift")
    if not shift:
        return []
    before, least = shift["accuracy"], SHIFT_PHOTOS / shift["photos"]
    drops = {name: [before - after for after in each] for name, each in shift["conditions"].items()}
    broken = [name for name, (low, *_) in drops.items() if low > max(MIDDLE_SHIFT, least)]
    weak = [
        name
        for name, (low, middle, _) in drops.items()
        if low > max(SLIGHT_SHIFT, least) or middle > max(MIDDLE_SHIFT, least)
    ]
    finding = "shift_collapse" if broken else "shift" if weak else "steady"
    shown = broken or weak or list(drops)
    evidence = f"{_percent(before)} of {shift['photos']} photos as they are; changed slightly, more and "
    evidence += "strongly: " + "; ".join(
        f"{name} {', '.join(map(_percent, shift['conditions'][name]))}" for name in shown
    )
    evidence += f". Allowed: {_percent(SLIGHT_SHIFT)} less, {_percent(MIDDLE_SHIFT)} less, any."
    return [say(finding, evidence, names=", ".join(CONDITIONS[name] for name in shown))]


def find_confused(metrics):
    """Pairs of classes that are often taken for each other, most often first."""
    names, matrix = list(metrics["test"]["per_class"]), np.array(metrics["test"]["confusion"])
    there, pairs = matrix.sum(axis=1), []
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        wrong = matrix[i, j] + matrix[j, i]
        if wrong >= CONFUSED_PHOTOS and wrong > CONFUSED_SHARE * (there[i] + there[j]):
            pairs.append((-int(wrong), int(i), int(j)))
    verdicts = []
    for _, i, j in sorted(pairs)[:CONFUSED_PAIRS]:
        evidence = f"{matrix[i, j]} of {there[i]} {names[i]} taken for {names[j]}, {matrix[j, i]} of "
        evidence += f"{there[j]} {names[j]} for {names[i]}; over {_percent(CONFUSED_SHARE)} of both."
        verdicts.append(say("confused", evidence, one=names[i], other=names[j]))
    return verdicts


def judge_calibration(metrics):
    """Whether the probabilities are as high as the share of right answers."""
    test, temperature = metrics["test"], metrics["temperature"]
    low, high = test["accuracy_interval"]
    allowed = MISCALIBRATED + BY_CHANCE * (high - low)
    finding = "calibrated"
    if test["ece"] > allowed:
        finding = "overconfident" if temperature > 1 else "underconfident"
    after = "" if test["ece_calibrated"] is None else f", after {test['ece_calibrated']:.3f}"
    evidence = f"Expected calibration error {test['ece']:.3f}; with {test['count']} photos up to "
    evidence += f"{allowed:.3f} is allowed. Temperature fitted on validation: {temperature:.2f}{after}."
    return [say(finding, evidence, temperature=f"{temperature:.2f}")]


def _hits(part, without=()):
    """(right, count) of a part's photos, but for those of some classes."""
    kept = [name not in without for name in part["per_class"]]
    matrix = np.array(part["confusion"])
    return int(matrix.diagonal()[kept].sum()), int(matrix[kept].sum())


def _class_hits(part, name):
    return _hits(part, part["per_class"].keys() - {name})


def _certain(before, after, allowed):
    drop = 100 * scores.drop_interval(before, after)[0]
    return f"at least {drop:.1f} points of the drop are certain (95 %), {100 * allowed:.0f} allowed."


def _share(right, count):
    return f"{_percent(right / count)} of {count}"


def _interval(part):
    return " to ".join(map(_percent, part["accuracy_interval"]))


def _first_of(pairs):
    one, other, bits = pairs[0]
    return f"{len(pairs)} pairs, 0 allowed; the first: {one} and {other}, {bits} of 64 bits apart."


def _percent(share):
    return f"{100 * share:.1f} %"
