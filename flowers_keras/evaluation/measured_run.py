"""What a run is measured on: test photos by the saved file, the others by what is stored of them.

The test figures are those of the file that is shipped, from raw photos on, in float32. Validation and
training photos have been through the trunk before, so the saved file's tail takes their stored
activations: the same function, but for the precision in which the trunk computed.
"""

import dataclasses

import keras
import numpy as np

from flowers_keras import connection, progress, runtime
from flowers_keras.evaluation import measure, scores, unknown
from flowers_keras.model import archive, classifier, inference, novelty
from flowers_keras.photos import pipeline, splits
from flowers_keras.training import features, feeds, shares


def reopen_stored(split, config, run):
    """features.Features of the photos that a run is measured on, or None where they are not stored."""
    stored = features.reopen(run, split.fingerprints, feeds.measured_views(split, config))
    return stored if all(connection.gather(stored is not None)) else None


@dataclasses.dataclass(frozen=True)
class Saved:
    """What a run saved, complete and loaded again.

    Attributes:
      model: a classifier, calibrated.
      temperature: at which it is.
      reference: novelty.Reference of it.
    """

    model: keras.Model
    temperature: float
    reference: novelty.Reference


def complete_file(photos, split, stored, config, path):
    """The Saved of a file; writes into it, once a run, what was not known in training.

    That is its temperature, fitted on the validation photos, and what new photos are compared with.

    Args:
      photos: sources.Photos.
      split: splits.Split.
      stored: as `reopen_stored` gives it.
      config: the run's config.
      path: of the saved file.
    """
    model, card = archive.load(path)
    if card["temperature"] is None:
        validation = split.positions["validation"]
        found = predict_known(model, photos, validation, stored, config, "calibration", tta=False)
        archive.save(model, path, card, scores.fit_temperature(found.labels, found.plain))
        model, card = archive.load(path)
    if not archive.load_reference(path, model):
        archive.add_reference(path, make_reference(model, photos, split, stored, config))
    reference = archive.load_reference(path, model)
    progress.detail(f"novelty: {unknown.describe(reference)}")
    return Saved(model, card["temperature"], reference)


def make_reference(model, photos, split, stored, config):
    """novelty.Reference of a classifier; arguments as for `complete_file`.

    It is of training photos as they are: augmented ones can be almost white or black, and such photos
    would then be like them.
    """
    known = (feeds.draw_photos(split, part, novelty.LARGEST[part]) for part in ("train", "validation"))
    return novelty.make_reference(*(find_traits(model, photos, each, stored, config) for each in known))


def find_traits(model, photos, positions, stored, config):
    """`novelty.make_traits` of validation or training photos, float32 [positions, traits].

    What the network sees comes from what is stored of them where that is there; how they look is seen.
    """
    size = min(config.data.batch_size, inference.LARGEST_BATCH)
    if stored is not None:
        network = classifier.part(model, config.model.unfreeze_from, "pooled")
        pooled = measure.predict_rows(network, "activation", stored.rows(features.PLAIN, positions), size)

    def find(mine):
        squares = pipeline.plain_batches(photos, positions[mine], config.data.image_size, size)
        for number, batch in enumerate(squares.as_numpy_iterator()):
            if stored is None:
                seen = inference.predict_with_pooled(model, batch, size)[1]
            else:
                seen = pooled[mine[number * size :][: len(batch)]]
            yield novelty.make_traits(seen, batch)

    return np.concatenate(shares.compute_together(find, len(positions), size))


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
    return str(stored.rows(features.PLAIN, positions[:1]).read("activation", np.zeros(1, np.int64)).dtype)


def measure_parts(saved, photos, split, stored, config):
    """The figures of each part; the test photos are used only here.

    Args:
      saved: Saved.
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
