"""What a run is measured on: test photos by the saved file, the others by what is stored of them.

The test figures are those of the file that is shipped, from raw photos on, in float32. Validation and
training photos have been through the trunk before, so the saved file's tail takes their stored
activations: the same function, but for the precision in which the trunk computed.
"""

import numpy as np

from flowers_keras import distributed, runtime
from flowers_keras.evaluation import measure, unknown
from flowers_keras.model import classifier
from flowers_keras.photos import splits
from flowers_keras.training import features, feeds, trunk_pass


def reopen_stored(split, config, run):
    """features.Features of the photos that a run is measured on, or None where they are not stored."""
    stored = features.reopen(run, split.fingerprints, feeds.measured_views(split, config))
    return stored if all(distributed.all_gather(stored is not None)) else None


def predict_known(model, photos, positions, stored, config, title, tta):
    """Predictions of validation or training photos, from what is stored of them where that is there.

    Args:
      model: a classifier.
      photos, positions, config, title, tta: as for `measure.predict_photos`.
      stored: as `reopen_stored` gives it.
    """
    if stored is None:
        return measure.predict_photos(model, photos, positions, config, title, tta)
    _, tail = classifier.cut(model, config.model.unfreeze_from)
    tta = tta and config.evaluation.tta
    return measure.predict_stored(tail, stored, photos, positions, config.data.batch_size, tta)


def trunk_precision(stored, positions):
    """In which precision the trunk computed what figures of these photos come from, such as "bfloat16"."""
    if stored is None:
        return "float32"
    return str(stored.rows(trunk_pass.PLAIN, positions[:1]).read("activation", np.zeros(1, np.int64)).dtype)


def measure_parts(saved, photos, split, stored, config):
    """The figures of each part; the test photos are used only here.

    Args:
      saved: inference.Classifier, the run's file, loaded again.
      photos: sources.Photos.
      split: splits.Split.
      stored: as `reopen_stored` gives it.
      config: the run's config.

    Returns:
      (metrics, predictions): the figures of `metrics.json` that one pass over the photos gives, and
      the prediction_table.Predictions of the test photos. Of training photos there is no TTA.
      "precision" is that of the trunk for validation and training photos; all else is float32.
    """
    shown = feeds.measured_positions(split)
    found = {
        part: predict_known(saved.model, photos, shown[part], stored, config, part, tta=part == "validation")
        for part in ("validation", "train")
    }
    found["test"] = measure.predict_photos(
        saved.model, photos, shown["test"], config, "test", reference=saved.reference
    )
    metrics = {
        part: measure.compute_metrics(each) | measure.compare_uncalibrated(each, saved.temperature)
        for part, each in found.items()
    }
    for part in ("validation", "train"):
        metrics[part]["precision"] = trunk_precision(stored, shown[part])
    metrics |= {
        "temperature": saved.temperature,
        "novelty": unknown.describe_known(found["test"].novelty, saved.reference),
        "class_weights": config.data.class_weights,
        "training_photos": measure.count_by_class(photos, split.positions["train"]),
        "leaks": splits.describe(split, photos, config.data.twin_distance),
        "versions": runtime.versions(),
    }
    return metrics, found["test"]
