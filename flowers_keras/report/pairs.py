"""Runs on the same photos, compared photo by photo: whether one is better by more than chance."""

import numpy as np

from flowers_keras.evaluation import paired, prediction_table

HEADER = ["against the first, on the same photos", "photos", "difference, points", "95 % interval", "p"]


def paired_table(names, folders):
    """Rows of text: a header, then one for each run on exactly the photos of the first.

    The probabilities compared are those with test-time augmentation where both runs have them.

    Args:
      names: of the runs.
      folders: paths with `predictions.csv`.

    Returns:
      The rows; only the header where no run is on the photos of the first.
    """
    first, *others = (prediction_table.load_predictions(folder / "predictions.csv") for folder in folders)
    rows = [HEADER]
    for name, other in zip(names[1:], others, strict=True):
        if set(other.ids) != set(first.ids):
            continue
        tta = first.tta is not None and other.tta is not None
        found = paired.paired_difference(*(_classified_correctly(each, tta) for each in (first, other)))
        low, high = (100 * bound for bound in found["interval"])
        difference = f"{100 * found['difference']:+.2f}"
        rows.append(
            [name, str(len(first.ids)), difference, f"{low:+.2f} to {high:+.2f}", f"{found['p_value']:.3f}"]
        )
    return rows


def _classified_correctly(predictions, tta):
    """bool [count], in the order of the ids' names."""
    probabilities = predictions.tta if tta else predictions.plain
    return (probabilities.argmax(axis=1) == predictions.labels)[np.argsort(predictions.ids)]
