"""Completes a trained classifier before it is saved: its temperature, and its reference for novelty.

Both come from the float32 network that will be saved, and not from the test photos.
"""

import numpy as np

from flowers_keras import progress
from flowers_keras.evaluation import predicting, reliability, unknown
from flowers_keras.model import classifier, inference, novelty
from flowers_keras.photos import pipeline
from flowers_keras.training import measured_photos, sharding, trunk_pass


def calibrate(model, photos, split, stored, config):
    """Fits the temperature of a trained classifier, and makes its novelty reference.

    Args:
      model: a classifier as it was trained, in any precision.
      photos: sources.Photos.
      split: splits.Split.
      stored: as `measured_photos.reopen` returns it.
      config: the run's config.

    Returns:
      (temperature, reference): a float, fitted on the validation photos, and a novelty.Reference.
    """
    exact, validation = classifier.with_policy(model, "float32"), split.positions["validation"]
    found = predicting.predict_known(exact, photos, validation, stored, config, "calibration", tta=False)
    reference = make_reference(exact, photos, split, stored, config)
    progress.detail(f"novelty: {unknown.describe(reference)}")
    return reliability.fit_temperature(found.labels, found.plain), reference


def make_reference(model, photos, split, stored, config):
    """novelty.Reference of a float32 classifier; arguments as for `calibrate`.

    It is made of training photos without augmentation: augmented ones can be almost white or black, and
    such photos would then not be novel.
    """
    known = (measured_photos.sample(split, part, novelty.LARGEST[part]) for part in ("train", "validation"))
    return novelty.make_reference(*(find_traits(model, photos, each, stored, config) for each in known))


def find_traits(model, photos, positions, stored, config):
    """`novelty.make_traits` of validation or training photos, float32 [positions, traits].

    The pooled features come from stored activations if there are any; the pixel statistics always need
    pixels.
    """
    size = min(config.data.batch_size, inference.LARGEST_BATCH)
    if stored is not None:
        network = classifier.submodel(model, config.model.unfreeze_from, "pooled")
        pooled = predicting.predict_rows(
            network, "activation", stored.rows(trunk_pass.PLAIN, positions), size
        )

    def find(mine):
        squares = pipeline.plain_batches(photos, positions[mine], config.data.image_size, size)
        for number, batch in enumerate(squares.as_numpy_iterator()):
            if stored is None:
                seen = inference.predict_with_pooled(model, batch, size)[1]
            else:
                seen = pooled[mine[number * size :][: len(batch)]]
            yield novelty.make_traits(seen, batch)

    return np.concatenate(sharding.compute_sharded(find, len(positions), size))
