"""Makes random weights trainable by setting BatchNormalization from photos, for runs without ImageNet's."""

import keras
import numpy as np

from flowers_keras.photos import pipeline


def condition_on_photos(model, photos, positions, config):
    """Calls `condition_random_weights` with 256 of the photos at `positions`, drawn with the run's seed."""
    sample = np.random.default_rng(config.seed).permutation(positions)[:256]
    # Of one size: each batch counts the same, and a single photo, the last of 65, has no variance.
    batch_size = pipeline.even_batch_size(len(sample), 64)
    batches = pipeline.plain_batches(photos, sample, config.data.image_size, batch_size)
    condition_random_weights(model, batches.as_numpy_iterator())


def condition_random_weights(model, batches):
    """Makes the features of a backbone with random weights useful, through its BatchNormalization alone.

    A new BatchNormalization has mean 0 and variance 1, which fit no layer's activations, so that the signal
    fades. Passes in training mode correct them in order, as each layer sees inputs that the layers before
    it normalised. That is not enough: 94 rectifiers in a row make a chaotic function (arXiv 1902.08129), on
    whose features a linear probe classifies 3 of 10 drawn flowers correctly. With offsets (beta) of 2
    standard deviations few units are cut off, the network is almost linear, and the probe reaches 8 of 10;
    with offsets of 0 in the last block it reaches 9.

    Args:
      model: a classifier.
      batches: photos [batch, S, S, 3], 0 to 255, not augmented, classes mixed, of about one size; the
        statistics are the average over the batches. Four of 64 are enough.
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
