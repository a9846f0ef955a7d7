"""Random weights that can learn: BatchNormalization set from photos, for runs without ImageNet's."""

import keras
import numpy as np

from flowers_keras.photos import pipeline


def condition_on_photos(model, photos, positions, config):
    """`condition_random_weights` on 256 of the photos at `positions`, drawn by the run's seed."""
    sample = np.random.default_rng(config.seed).permutation(positions)[:256]
    batches = pipeline.plain_batches(photos, sample, config.data.image_size, 64)
    condition_random_weights(model, batches.as_numpy_iterator())


def condition_random_weights(model, batches):
    """Makes a backbone of random weights fit to learn from, by its BatchNormalization alone.

    Random weights leave each layer's means at 0 and variances at 1, which describe none of them: the
    signal fades. Passes in training mode set them right in the right order, for each layer sees
    inputs that the layers before it normalised. That is not enough: 94 rectifiers one after the
    other make a chaotic function (arXiv 1902.08129), on whose features a linear probe names 3 drawn
    flowers of 10. With offsets of 2 standard deviations few units are cut off, the network is almost
    linear, and the probe names 8; the last block keeps offsets of 0, which makes it 9.

    Args:
      model: a classifier.
      batches: photos [batch, S, S, 3], 0 to 255, not augmented, classes mixed; the statistics are
        the average over the batches. Four of 64 are enough.
    """
    backbone = keras.Model(model.input, model.get_layer("pooled").output)
    last_block = model.layers.index(model.get_layer("mixed9"))
    norms = []
    for place, layer in enumerate(model.layers):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(keras.ops.full(layer.beta.shape, 2.0 if place < last_block else 0.0))
            norms.append(layer)
    before = [(norm.trainable, norm.momentum) for norm in norms]
    for seen, photos in enumerate(batches):
        for norm in norms:  # a frozen one would ignore training=True
            norm.trainable, norm.momentum = True, seen / (seen + 1)
        backbone(keras.ops.cast(photos, "float32"), training=True)
    for norm, (trainable, momentum) in zip(norms, before, strict=True):
        norm.trainable, norm.momentum = trainable, momentum
