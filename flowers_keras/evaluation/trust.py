"""The findings that decide whether the test accuracy can be trusted.

When two sets of photos are compared, only the part of the difference that chance does not explain counts: the
lower end of its 95 % interval. A finding that the number of photos does not support is not reported.
"""

import numpy as np

from flowers_keras.evaluation import scores
from flowers_keras.evaluation.evidence import (
    certain_drop,
    class_hits,
    first_pair,
    hits,
    interval,
    percent,
    share,
    unseen_confusion,
)
from flowers_keras.evaluation.verdicts import verdict

# Certain drops of accuracy, as a share (`scores.drop_interval`):
GAP = 0.10  # from training to unseen photos; above it, overfitting

WIDE_GAP = 0.25  # above it, memorising

LEAK = 0.05  # between validation and test; above it, the higher of the two cannot be relied on

COLLAPSE = 0.40  # of one class's recall, from validation to test, while other classes hold

FIT_GAP = 0.10  # from what `fit` reported to the saved file, both on training photos

# Others:
UNKNOWN = 0.20  # width of a 95 % interval of accuracy; above it the accuracy is not judged

GUESS = 0.20  # guessing is claimed only if so much above the commonest class can be excluded

IMBALANCE = 10  # times as many training photos in the largest class as in another one

NEVER = 4  # photos of a class that is never predicted; one is enough if the classes are unequal


def judge_trust(metrics):
    """What speaks against the test accuracy, or that nothing does.

    Returns:
      (verdicts, meaningful): at least one verdict, and whether the model learnt enough for its other
      figures to mean something.
    """
    useless = find_wrong_mode(metrics) or find_guessing(metrics)
    found = useless + find_shared(metrics)
    if not useless:
        gone = collapsed_classes(metrics)
        unlike = [describe_collapse(metrics, name) for name in gone] + find_leak(metrics, gone)
        parts = ("validation",) if unlike else ("validation", "test")
        found += unlike + find_easy_test(metrics)
        found += find_overfitting(metrics, parts) + find_never_predicted(metrics)
    return found or [judge_agreement(metrics)], not useless


def find_wrong_mode(metrics):
    """`fit` reported a much higher accuracy than the saved file has, both on training photos.

    Dropout, augmentation and weights that still improve all lower the figure of `fit`.
    See https://github.com/keras-team/keras/issues/10045.
    """
    fit, after = metrics.get("fit"), hits(metrics["train"])
    if not fit or not after[1]:
        return []
    trained = sum(metrics.get("training_photos", {}).values()) or after[1]
    before = (round(fit["train_accuracy"] * trained), trained)
    if scores.drop_interval(before, after)[0] <= FIT_GAP:
        return []
    evidence = f"Training photos in epoch {fit['epoch']} of phase {fit['phase']}, as fit reported it, "
    evidence += f"{share(*before)}; by the saved file {share(*after)}; {certain_drop(before, after, FIT_GAP)}"
    return [verdict("wrong_mode", evidence)]


def find_guessing(metrics):
    """Validation and test are no better than always predicting the commonest class.

    It is not found where the photos are too few to tell, or where one class has nearly all of them
    and the model predicts hardly anything else.
    """
    rows = unseen_confusion(metrics)
    correct, count = int(rows.trace()), int(rows.sum())
    chance = float(rows.sum(axis=1).max() / count)
    low, high = scores.wilson_interval(correct, count)
    too_few = high > chance + GUESS or scores.wilson_interval(count, count)[0] <= chance
    unequal = small_classes(metrics) and rows.sum(axis=0).max() > (1 - GUESS) * count
    if low > chance or too_few or unequal:
        return []
    train = hits(metrics["train"])
    evidence = (
        f"Validation and test together: {share(correct, count)}; always predicting the commonest class: "
        f"{percent(chance)}; no certain difference (95 %). Training: {share(*train)}."
    )
    memorised = scores.wilson_interval(*train)[0] > chance + GAP
    return [verdict("random_labels" if memorised else "nothing_learnt", evidence)]


def class_counts(metrics):
    """Class name -> photos: of training where the metrics count them, else of validation and test."""
    there = unseen_confusion(metrics).sum(axis=1).tolist()
    return metrics.get("training_photos") or dict(zip(metrics["test"]["per_class"], there, strict=True))


def small_classes(metrics, times=IMBALANCE):
    """Those of `class_counts` of which the largest one has at least `times` as many photos."""
    counts = class_counts(metrics)
    return {name: count for name, count in counts.items() if count * times <= max(counts.values())}


def find_never_predicted(metrics):
    """Classes that have photos in validation and test, none of which (nor any other) is given the class."""
    rows, small = unseen_confusion(metrics), small_classes(metrics)
    never = {
        name: int(there)
        for name, there, predicted in zip(
            metrics["test"]["per_class"], rows.sum(axis=1), rows.sum(axis=0), strict=True
        )
        if not predicted and there >= (1 if name in small else NEVER)
    }
    if not never:
        return []
    photos = ", ".join(f"{count} of {name}" for name, count in never.items())
    evidence = f"None of {rows.sum()} validation and test photos, among them {photos}, was classified so."
    return [verdict("never_predicted", evidence, names=" or ".join(never))]


def collapsed_classes(metrics):
    """Names of classes whose recall falls from validation to test while that of the others holds."""
    names = list(metrics["test"]["per_class"])
    gone = []
    for name in names:
        before, after = (class_hits(metrics[part], name) for part in ("validation", "test"))
        if before[1] and after[1] and scores.drop_interval(before, after)[0] > COLLAPSE:
            gone.append(name)
    return [] if find_leak(metrics, gone) or 2 * len(gone) > len(names) else gone


def describe_collapse(metrics, name):
    """The verdict on a class that is recognised by something that the test photos lack."""
    before, after = (class_hits(metrics[part], name) for part in ("validation", "test"))
    row = list(metrics["test"]["per_class"]).index(name)
    taken = metrics["test"]["confusion"][row][:]
    taken[row] = 0
    instead = list(metrics["test"]["per_class"])[int(np.argmax(taken))]
    evidence = f"Recall of {name}, validation {share(*before)}, test {share(*after)}"
    evidence += f", most often taken for {instead}; {certain_drop(before, after, COLLAPSE)}"
    return verdict("collapse", evidence, name=name)


def find_leak(metrics, gone):
    """Validation is much better than test, in classes other than `gone`, too."""
    train, before, after = (hits(metrics[part], gone) for part in ("train", "validation", "test"))
    if not before[1] or not after[1] or scores.drop_interval(before, after)[0] <= LEAK:
        return []
    measured = [("Training", train), ("validation", before), ("test", after)]
    evidence = ", ".join(f"{part} {share(*found)}" for part, found in measured if found[1])
    copied = not train[1] or scores.drop_interval(train, before)[0] <= 0
    finding = "copied_validation" if copied else "flattering_validation"
    return [verdict(finding, f"{evidence}; {certain_drop(before, after, LEAK)}")]


def find_easy_test(metrics):
    """Test is much better than validation, though choices were made on the latter."""
    validation, test = (hits(metrics[part]) for part in ("validation", "test"))
    if not validation[1] or not test[1] or scores.drop_interval(test, validation)[0] <= LEAK:
        return []
    evidence = f"Test {share(*test)}, validation {share(*validation)}; {certain_drop(test, validation, LEAK)}"
    return [verdict("easy_test", evidence)]


def find_overfitting(metrics, unseen):
    """Training photos are classified much better than those of the parts `unseen`."""
    before = hits(metrics["train"])
    after = tuple(map(sum, zip(*(hits(metrics[part]) for part in unseen), strict=True)))
    drop = scores.drop_interval(before, after)[0]
    if drop <= GAP:
        return []
    evidence = f"Training {share(*before)}, {' and '.join(unseen)} {share(*after)}; "
    if drop > WIDE_GAP:
        return [verdict("by_heart", evidence + certain_drop(before, after, WIDE_GAP))]
    return [verdict("overfitting", evidence + certain_drop(before, after, GAP))]


def find_shared(metrics):
    """The same picture, or a group of photos, is in two parts of the split."""
    pairs, groups = metrics["leaks"]["across"], metrics["leaks"].get("groups_across", [])
    found = [verdict("twins_across", first_pair(pairs))] if pairs else []
    if groups:
        name, *there = groups[0]
        evidence = f"{len(groups)} groups, 0 allowed; the first: {name} in {', '.join(there)}."
        found.append(verdict("groups_across", evidence))
    return found


def judge_agreement(metrics):
    """Nothing speaks against the test accuracy, if there are photos enough to say so."""
    test, validation = metrics["test"], metrics["validation"]
    shares = ", ".join(f"{part} {share(*hits(metrics[part]))}" for part in ("train", "validation", "test"))
    evidence = f"{shares}; test interval (95 %) {interval(test)}"
    low, high = test["accuracy_interval"]
    widths = [part["accuracy_interval"][1] - part["accuracy_interval"][0] for part in (test, validation)]
    values = {"count": test["count"], "share": percent(test["accuracy"])}
    if max(widths) > UNKNOWN:
        evidence += f", validation {interval(validation)}; at most {100 * UNKNOWN:.0f} points wide is enough."
        values |= {"low": percent(low), "high": percent(high), "validation": validation["count"]}
        return verdict("too_few_photos" if widths[0] > UNKNOWN else "few_to_confirm", evidence, **values)
    evidence += f". No certain drop over {percent(GAP)} "
    evidence += f"after training or {percent(LEAK)} between validation and test; no twins across parts."
    tta = "" if test["accuracy_tta"] is None else f" ({percent(test['accuracy_tta'])} with TTA)"
    return verdict("honest", evidence, tta=tta, **values)
