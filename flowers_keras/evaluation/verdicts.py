"""The texts of the diagnosis: what each finding is called, what it means and what to do about it.

Written for someone who takes photos and may never have trained a network. `diagnosis` and `trust`
decide which of them apply, and add the figures.
"""

BAD, WARNING, GOOD = "bad", "warning", "good"

# Name of the finding: (level, title, text); values replace what is in braces.
FINDINGS = {
    "wrong_mode": (
        BAD,
        "The saved model does not do what training showed",
        "While it was trained the network classified its training photos far better than the saved file "
        "classifies photos of the same kind now. Dropout and augmentation make training look worse, not "
        "better, so the file computes something else: most often its BatchNorm layers use other "
        "statistics than in training (keras#10045). Keep model.train_batch_norm false, or train with "
        "larger batches for more epochs; no other figure of this run means anything.",
    ),
    "random_labels": (
        BAD,
        "It memorised the labels: they look random",
        "The model knows its training photos, and on all others it does no better than guessing. That "
        "is what happens when photos and labels do not belong together: check that the photos "
        "are in the right folders before you train again.",
    ),
    "nothing_learnt": (
        BAD,
        "It guesses: the labels may be random",
        "The model guesses, even on photos that it was trained on. Either photos and labels do not "
        "belong together (check that the photos are in the right folders), or the training was "
        "too short or its learning rate unsuitable.",
    ),
    "never_predicted": (
        BAD,
        "It never predicts {names}",
        "Not one photo was classified as {names}, though there are photos of it. The accuracy alone does not "
        "show that. More training photos of {names} help most.",
    ),
    "imbalance": (
        WARNING,
        "The classes have very different numbers of photos",
        "A model can ignore a small class and still classify nearly every photo correctly, so read the "
        "recall of each class and the balanced accuracy, not the accuracy alone. To make small classes count "
        "as much as large ones, train again with --config.data.class_weights=balanced "
        "--config.frozen.keep=best_balanced --config.finetune.keep=best_balanced; add photos of {names}.",
    ),
    "imbalance_weighted": (
        WARNING,
        "Small classes rest on few photos",
        "In training each class counted as much as another (data.class_weights=balanced), but what a small "
        "one looks like is known from few photos only. Read the recall of each class and the balanced "
        "accuracy, and add photos of {names}.",
    ),
    "copied_validation": (
        BAD,
        "Validation is too good: it looks like training",
        "The model does as well on validation photos as on training photos, and much worse on test "
        "photos. Most likely validation holds copies of training photos, or others of the same "
        "series; or the test photos are of another kind, from another camera or place. Nothing that "
        "was chosen by validation can be trusted: split again, with each series in one part, and rely "
        "on the test accuracy only.",
    ),
    "flattering_validation": (
        BAD,
        "Validation promises more than the test confirms",
        "The model does much worse on test photos than on validation photos, so the two are not of "
        "one kind: another camera, place or season. What was chosen by validation need not be the "
        "best for photos like those of the test. Split again so that both hold the same kinds, and "
        "rely on the test accuracy only.",
    ),
    "easy_test": (
        BAD,
        "The test promises more than validation confirms",
        "The model does much better on test photos than on validation photos, so the two are not of one "
        "kind: the test photos are easier, or show what it was trained on once more, such as the same plants "
        "or series. On new photos expect the accuracy of validation rather than that of the test. Split "
        "again so that both hold the same kinds, with each series in one part.",
    ),
    "collapse": (
        BAD,
        "It recognises {name} by something else",
        "On validation photos the model recognises {name}, on test photos it does not, while other classes "
        "hold. So it learnt not {name} but something that comes with it: a watermark, a border, "
        "one background, one camera. See what the training photos of {name} share; crop it away, or "
        "add photos without it.",
    ),
    "by_heart": (
        BAD,
        "It memorised the training photos",
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
        "validation and test. The model has seen those answers before, so the measured accuracy is "
        "too high. Keep copies of a picture in one part.",
    ),
    "groups_across": (
        BAD,
        "The same groups are in two parts of the split",
        "Photos of one group (a photographer, a plant, a day) look alike, and some groups are in more than "
        "one of training, validation and test. For photos of new groups the measured accuracy is too "
        "high. Keep each group in one part, or leave out the column split, and the parts are drawn so.",
    ),
    "too_few_photos": (
        WARNING,
        "Too few photos to judge the accuracy",
        "The model classified {share} of {count} test photos correctly, and {validation} validation photos "
        "were set aside. With so few, its accuracy on new photos may be anywhere from {low} to {high}, "
        "and training, validation and test cannot be compared. Add photos, or raise "
        "data.validation_fraction and data.test_fraction.",
    ),
    "few_to_confirm": (
        WARNING,
        "Too few validation photos to confirm the accuracy",
        "The model classified {share} of {count} test photos correctly, so that its accuracy on photos like "
        "them lies between {low} and {high}. But {validation} validation photos are too few to say whether "
        "training, validation and test agree, and what was chosen by them was chosen by little. Add "
        "validation photos, or raise data.validation_fraction.",
    ),
    "honest": (
        GOOD,
        "The test accuracy can be trusted",
        "Of {count} photos that it had never seen, the model classified {share} correctly{tta}. Validation "
        "and test agree, training is not far above them, and no picture is in two of them. Expect about as "
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
        "The same test photos, slightly changed, are classified far worse: {names}. The model depends on how "
        "its training photos were taken. Train with augmentation (augment.policy), and add photos that "
        "were taken in those ways.",
    ),
    "shift": (
        WARNING,
        "Some changes of the photos are too much",
        "The same test photos, changed, are classified much worse: {names}. On new photos of that kind "
        "expect less than the test accuracy. Augmentation (augment.policy) helps, and photos taken that way.",
    ),
    "shift_strong": (
        WARNING,
        "A strong change of the photos breaks it",
        "The same test photos, strongly changed, are classified far worse: {names}. Photos that are "
        "changed less are classified nearly as well as before. Do not rely on it for photos like these.",
    ),
    "steady": (
        GOOD,
        "It holds up under changed conditions",
        "The same test photos from another angle, in other light, before another background, blurred, noisy "
        "or compressed are classified nearly as well; only strong changes cost some accuracy.",
    ),
    "confused": (
        WARNING,
        "It confuses {pairs}",
        "The model often takes one of two for the other. Look at those photos in the report: some labels may "
        "be wrong; if not, more photos of these classes help most.",
    ),
    "overconfident": (
        WARNING,
        "It is overconfident",
        "Where the model gives 90 %, fewer than 90 of 100 photos are classified correctly. The predicted "
        "class is not affected; take its percentages with caution.",
    ),
    "underconfident": (
        WARNING,
        "It is underconfident",
        "Where the model gives 70 %, more than 70 of 100 photos are classified correctly. The predicted "
        "class is not affected; take its percentages with caution.",
    ),
    "miscalibrated": (
        WARNING,
        "Its percentages are off",
        "Some percentages that the model gives are too high and others too low, so that they do not say how "
        "many photos are classified correctly. The predicted class is not affected; take them with "
        "caution.",
    ),
    "calibrated": (
        GOOD,
        "Its percentages mean what they say",
        "Of the photos that the model classifies with 90 % confidence, about 90 of 100 are classified "
        "correctly.",
    ),
}


def verdict(finding, evidence, **values):
    """One verdict: the texts of a finding with its values and evidence.

    Args:
      finding: a key of `FINDINGS`.
      evidence: the figures, and the threshold that they were held against.
      **values: values for the names in braces in the texts.

    Returns:
      {"level": "good", "warning" or "bad", "title", "text", "evidence"}.

    Example:
      >>> verdict("confused", "9 of 40", pairs="rose and tulip")["title"]
      'It confuses rose and tulip'
    """
    level, title, text = FINDINGS[finding]
    return {
        "level": level,
        "title": title.format(**values),
        "text": text.format(**values),
        "evidence": evidence,
    }
