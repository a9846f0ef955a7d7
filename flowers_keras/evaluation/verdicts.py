"""The words of the diagnosis: what each finding is called and what to do about it.

For someone who takes photos and may never have trained a network. `diagnose` decides which of them
apply, and adds the figures.
"""

BAD, WARNING, GOOD = "bad", "warning", "good"

# Name of the finding: (level, title, text); what stands in braces is filled in.
WORDS = {
    "random_labels": (
        BAD,
        "It learnt the labels by heart: they look random",
        "The model knows its training photos, and on all others it does no better than guessing. That "
        "is what happens when photos and labels do not belong together: look whether the photos "
        "are in the right folders before you train again.",
    ),
    "nothing_learnt": (
        BAD,
        "It guesses: the labels may be random",
        "The model guesses, even on photos that it was trained on. Either photos and labels do not "
        "belong together (look whether the photos are in the right folders), or the training was "
        "too short or its learning rate unfit.",
    ),
    "copied_validation": (
        BAD,
        "Validation flatters: it looks like training",
        "The model does as well on validation photos as on training photos, and much worse on test "
        "photos. Most likely validation holds copies of training photos, or others of the same "
        "series; or the test photos are of another kind, of another camera or place. Nothing that "
        "was chosen by validation can be trusted: split anew, each series in one part, and believe "
        "the test accuracy only.",
    ),
    "flattering_validation": (
        BAD,
        "Validation promises more than the test keeps",
        "The model does much worse on test photos than on validation photos, so the two are not of "
        "one kind: another camera, place or season. What was chosen by validation need not be the "
        "best for photos like those of the test. Split anew so that both hold the same kinds, and "
        "believe the test accuracy only.",
    ),
    "collapse": (
        BAD,
        "It knows {name} by something else",
        "On validation photos the model knows {name}, on test photos it does not, while other classes "
        "hold. So it learnt not {name} but something that comes with it: a watermark, a border, "
        "one background, one camera. See what the training photos of {name} share; crop it away, or "
        "add photos without it.",
    ),
    "by_heart": (
        BAD,
        "It learnt the training photos by heart",
        "On photos that it was trained on the model is far better than on others: it learnt those photos "
        "and not what they show. More photos help most; then augmentation (augment.policy), a higher "
        "model.dropout, fewer layers that train (model.unfreeze_from) and fewer epochs.",
    ),
    "overfitting": (
        WARNING,
        "It overfits",
        "On photos that it was trained on the model is better than on others: a part of what it learnt is "
        "those photos and not what they show. More photos help most; then augmentation "
        "(augment.policy), a higher model.dropout and fewer layers that train (model.unfreeze_from).",
    ),
    "twins_across": (
        BAD,
        "The same pictures are in two parts of the split",
        "Some pictures, as they are or mirrored, scaled or compressed, are in more than one of training, "
        "validation and test. The model has seen those answers before, so its accuracy is measured "
        "too high. Keep copies of a picture in one part.",
    ),
    "honest": (
        GOOD,
        "The test accuracy can be trusted",
        "On {count} photos that it had never seen, the model named {share} rightly{tta}. Training, "
        "validation and test tell the same story, and no picture is in two of them. Expect about as "
        "much on new photos of the same kind.",
    ),
    "few_photos": (
        WARNING,
        "Few test photos",
        "With {count} test photos the accuracy is known only roughly: it may be anywhere from {low} to "
        "{high}. Do not choose between models by less than that.",
    ),
    "doubtful_labels": (
        WARNING,
        "Labels in doubt",
        "Some pictures look the same and carry different labels, so that one of the two is wrong. Look at "
        "them in the report and move those that are in the wrong folder.",
    ),
    "shift_collapse": (
        BAD,
        "A slight change of the photos is too much",
        "The same test photos, slightly changed, are named far worse: {names}. The model depends on how "
        "its training photos were taken. Train with augmentation (augment.policy), and add photos that "
        "were taken in those ways.",
    ),
    "shift": (
        WARNING,
        "Some changes of the photos are too much",
        "The same test photos, changed, are named much worse: {names}. On new photos of that kind expect "
        "less than the test accuracy. Augmentation (augment.policy) helps, and photos taken so.",
    ),
    "steady": (
        GOOD,
        "It stands changed photos",
        "The same test photos at another angle, in other light, before another background, blurred, noisy "
        "or compressed are named nearly as well, unless they are changed strongly.",
    ),
    "confused": (
        WARNING,
        "It confuses {one} and {other}",
        "The model often takes {one} for {other}, or the other way round. Look at those photos in the "
        "report: some labels may be wrong; if not, more photos of these two help most.",
    ),
    "overconfident": (
        WARNING,
        "It is surer than it should be",
        "Where the model says 90 %, it is right less often than in 90 of 100 cases. Which class it names is "
        "not touched by that; only take its percentages with caution, or correct them by the "
        "temperature {temperature}, which was fitted on validation photos.",
    ),
    "underconfident": (
        WARNING,
        "It is more modest than it should be",
        "Where the model says 70 %, it is right more often than in 70 of 100 cases. Which class it names is "
        "not touched by that; only take its percentages with caution, or correct them by the "
        "temperature {temperature}, which was fitted on validation photos.",
    ),
    "calibrated": (
        GOOD,
        "Its percentages mean what they say",
        "Of the photos that the model names with 90 % certainty, about 90 of 100 are right.",
    ),
}


def say(finding, evidence, **values):
    """One verdict.

    Args:
      finding: a key of `WORDS`.
      evidence: the figures, and the threshold that they were held against.
      **values: what stands in braces in the words.

    Returns:
      {"level": "good", "warning" or "bad", "title", "text", "evidence"}.
    """
    level, title, text = WORDS[finding]
    return {
        "level": level,
        "title": title.format(**values),
        "text": text.format(**values),
        "evidence": evidence,
    }
