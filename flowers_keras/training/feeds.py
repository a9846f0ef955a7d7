"""What each phase trains on: stored outputs of the trunk, or fresh views through the whole network."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from flowers_keras.augment import mixup, training_views
from flowers_keras.model.tail import make_tail
from flowers_keras.photos import identity, pipeline
from flowers_keras.training import devices, features, measured_photos, trunk_pass


@dataclasses.dataclass(frozen=True)
class Feed:
    """A network to train and its examples.

    Attributes:
      network: the classifier, or the layers of it that take the stored values.
      count: examples in an epoch.
      batch_size: examples in a step.
      seed: of the training.
      training: range of epochs -> one stream of batches (input, int32 labels) of all these epochs.
      validation: batches of (input, int32 labels).
      class_weights: class -> weight of its examples in the training loss; None for equal weights. For a
        blended example (mixup) Keras takes the weight of the class with the largest share.
    """

    network: keras.Model
    count: int
    batch_size: int
    seed: int
    training: Callable[[range], Any]
    validation: Any
    class_weights: dict[int, float] | None = None

    @property
    def steps(self):
        """Steps in an epoch; the last one may have fewer examples."""
        return math.ceil(self.count / self.batch_size)

    def training_examples(self, epochs, alpha):
        """`training` with float32 one-hot labels; blended by mixup where `alpha` is above 0."""
        batches = pipeline.one_hot(self.training(epochs), self.network.output_shape[-1])
        return mixup.mixup_batches(batches, alpha, self.seed, epochs.start * self.steps) if alpha else batches

    def validation_examples(self):
        """`validation` with float32 one-hot labels."""
        return pipeline.one_hot(self.validation, self.network.output_shape[-1])


def make_feeds(model, photos, split, config, run):
    """The feeds of phase 1 and phase 2.

    With `features.views = 0` both are the whole classifier on fresh views. Otherwise the trunk runs once
    over each view, and the feeds are the head on pooled features and the tail on activations. With
    `model.start_from` both are the tail: the stored pooled features are those of the tail as it was built,
    not of the one that training starts from.

    Returns:
      (frozen, finetune): two Feeds whose networks share the layers of `model`.
    """
    if not config.features.views:
        return (_fresh_feed(model, photos, split, config),) * 2
    train, validation = split.positions["train"], split.positions["validation"]
    stored = store_views(model, photos, split, config, run)
    inputs = [("pooled", "pooled"), (config.model.unfreeze_from, "activation")]  # layer, output of the trunk
    if config.model.start_from:
        inputs[0] = inputs[1]
    return tuple(
        stored_feed(
            make_tail(model, layer, config.model.train_batch_norm),
            stored,
            output,
            photos.labels,
            train,
            validation,
            config,
        )
        for layer, output in inputs
    )


def store_views(model, photos, split, config, run, shard=(0, 1)):
    """Stores what the phases and the evaluation read; returns features.Features, see `compute_features`."""
    wanted = dict.fromkeys(range(config.features.views), split.positions["train"])
    wanted |= measured_photos.views(split, config)
    run.counts = {part: len(at) for part, at in split.positions.items()}
    return features.compute_features(model, photos, split.fingerprints, wanted, config, run, shard)


def _fresh_feed(model, photos, split, config):
    train, validation = split.positions["train"], split.positions["validation"]
    batch_size, image_size = config.data.batch_size, config.data.image_size
    addresses = identity.draw_addresses(split.digests, len(photos.ids))
    augmentation = training_views.make_augmentation(config.augment, image_size, addresses)

    own = None if _blends(config) else devices.own_examples(len(train), batch_size)

    def training(epochs):
        return pipeline.training_batches(
            photos, train, image_size, batch_size, augmentation, config.seed, epochs, own
        )

    plain = pipeline.plain_batches(photos, validation, image_size, batch_size)
    labels = pipeline.label_batches(photos.labels[validation], batch_size)
    weights = class_weights(photos.labels[train], config)
    return Feed(model, len(train), batch_size, config.seed, training, pipeline.pair(plain, labels), weights)


def _blends(config):
    """Whether examples are blended with others of the batch, which other processes may compute."""
    return config.frozen.mixup or config.finetune.mixup


def class_weights(labels, config):
    """Class -> weight in the loss, or None where `data.class_weights` is none.

    Balanced: photos / (classes * photos of the class), so that the weights of all photos sum to their
    number and those of each class to the same.

    Args:
      labels: int [photos], of the training photos.
    """
    if config.data.class_weights == "none":
        return None
    classes, counts = np.unique(labels, return_counts=True)
    weights = len(labels) / (len(classes) * counts)
    return dict(zip(classes.tolist(), weights.tolist(), strict=True))


def stored_feed(network, stored, output, labels, train, validation, config):
    """A feed of stored views, for the run's own parts or for a fold.

    Args:
      network: keras.Model that takes the stored values.
      stored: features.Features with `config.features.views` views of the photos at `train`, and with the
        photos at `validation` as they are.
      output: of the trunk, one of `segments.OUTPUTS`.
      labels: int32 [photos], of all of them.
      train, validation: int positions of photos.
      config: the run's config.

    Returns:
      Feed.
    """
    batch_size = config.data.batch_size
    views = [stored.rows(view, train) for view in range(config.features.views)]
    blends = _blends(config)

    def read(epoch, rows):
        one_view = functools.partial(views[int(epoch) % len(views)].read, output)
        return one_view(rows) if blends else devices.read_own(one_view, rows)

    def training(epochs):
        return pipeline.stored_batches(
            read,
            labels[train],
            batch_size,
            config.seed,
            epochs,
        )

    plain = stored.rows(trunk_pass.PLAIN, validation)
    read_plain = functools.partial(devices.read_own, functools.partial(plain.read, output))
    kept = pipeline.stored_in_order(read_plain, len(validation), batch_size)
    batches = pipeline.pair(kept, pipeline.label_batches(labels[validation], batch_size))
    weights = class_weights(labels[train], config)
    return Feed(network, len(train), batch_size, config.seed, training, batches, weights)
