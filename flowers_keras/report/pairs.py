"""Runs on the same photos, compared photo by photo: whether one is better by more than chance."""

import numpy as np

from flowers_keras.evaluation import paired, prediction_table

HEADER = ["against the first, on the same photos", "photos", "difference, points", "95 % interval", "p"]


def paired_table(runs):
    """Rows of text: a header, then one for each run, on the photos that it and the first were both tested on.

    Photos whose content or label differs between the two are left out, and so is a run that shares none. So
    an older run and one on a grown folder can be compared. The probabilities are those with test-time
    augmentation where both runs have them.

    Args:
      runs: comparison.Finished, two at least.

    Returns:
      The rows; only the header where no run shares a photo with the first.
    """
    found = [prediction_table.load_predictions(run.folder / "predictions.csv") for run in runs]
    rows = [HEADER]
    for run, other in zip(runs[1:], found[1:], strict=True):
        tta = found[0].tta is not None and other.tta is not None
        one = _classified_correctly(found[0], tta, runs[0].photos)
        two = _classified_correctly(other, tta, run.photos)
        shared = sorted(one.keys() & two.keys())
        if not shared:
            continue
        both = paired.paired_difference(*(np.array([each[key] for key in shared]) for each in (one, two)))
        low, high = (100 * bound for bound in both["interval"])
        difference = f"{100 * both['difference']:+.2f}"
        interval, p_value = f"{low:+.2f} to {high:+.2f}", describe_p_value(both["p_value"])
        rows.append([run.name, str(len(shared)), difference, interval, p_value])
    return rows


def describe_p_value(value):
    """A p-value as text: what would be rounded to 0 is told by its bound.

    Example:
      >>> describe_p_value(0.0413), describe_p_value(2e-5)
      ('0.041', '< 0.001')
    """
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"


def _classified_correctly(predictions, tta, digests):
    """(id, SHA-256, name of its class) -> whether the photo was classified correctly."""
    right = (predictions.tta if tta else predictions.plain).argmax(axis=1) == predictions.labels
    labels = [predictions.class_names[label] for label in predictions.labels]
    keys = zip(predictions.ids, map(digests.get, predictions.ids), labels, strict=True)
    return dict(zip(keys, right.tolist(), strict=True))
