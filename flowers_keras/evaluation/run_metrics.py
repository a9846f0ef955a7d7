"""The figures of a run: test photos from their pixels, the others from stored activations.

The test figures are those of the saved file on raw photos, in float32. Validation and training photos have
been through the trunk already, so the saved file's tail takes their stored activations: the same function,
except for the precision in which the trunk computed.
"""

import numpy as np

from flowers_keras import runtime
from flowers_keras.evaluation import predicting, scores, unknown
from flowers_keras.photos import splits
from flowers_keras.training import measured_photos, trunk_pass


def trunk_precision(stored, positions):
    """The precision in which the trunk computed for these photos, such as "bfloat16"."""
    if stored is None:
        return "float32"
    return str(stored.rows(trunk_pass.PLAIN, positions[:1]).read("activation", np.zeros(1, np.int64)).dtype)


def measure(saved, photos, split, stored, config):
    """The figures of each part; the test photos are used only here.

    Args:
      saved: inference.Classifier, loaded from the run's file.
      photos: sources.Photos.
      split: splits.Split.
      stored: as `measured_photos.reopen` returns it.
      config: the run's config.

    Returns:
      (metrics, predictions): the part of `metrics.json` that comes from predictions and the split, and the
      prediction_table.Predictions of the test photos. Training photos have no TTA figures. "precision" is
      that of the trunk for validation and training photos; everything else is float32.
    """
    shown = measured_photos.positions(split)
    found = {
        part: predicting.predict_known(saved.model, photos, shown[part], stored, config, title=part, tta=tta)
        for part, tta in (("validation", True), ("train", False))
    }
    found["test"] = predicting.predict_photos(
        saved.model, photos, shown["test"], config, "test", reference=saved.reference
    )
    metrics = {
        part: scores.compute_metrics(each) | scores.compare_uncalibrated(each, saved.temperature)
        for part, each in found.items()
    }
    for part in ("validation", "train"):
        metrics[part]["precision"] = trunk_precision(stored, shown[part])
    metrics |= {
        "temperature": saved.temperature,
        "novelty": unknown.describe_known(found["test"].novelty, saved.reference),
        "class_weights": config.data.class_weights,
        "training_photos": count_by_class(photos, split.positions["train"]),
        "leaks": splits.describe(split, photos, config.data.twin_distance),
        "versions": runtime.versions(),
    }
    return metrics, found["test"]


def count_by_class(photos, positions):
    """Class name -> number of the photos at `positions`."""
    counts = np.bincount(photos.labels[positions], minlength=len(photos.class_names))
    return dict(zip(photos.class_names, counts.tolist(), strict=True))
