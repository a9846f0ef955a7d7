"""What each phase trains on: stored views of the frozen part, or fresh ones through all of it."""

import dataclasses
import hashlib
import math
import pathlib
from collections.abc import Callable
from typing import Any

import keras

from flowers_keras.augment import mixup, operations, trivial_augment
from flowers_keras.model import classifier, folding
from flowers_keras.photos import pipeline, reader, resize
from flowers_keras.training import features


@dataclasses.dataclass(frozen=True)
class Feed:
    """A network and its examples.

    Attributes:
      network: the classifier, or the part of it that the stored values go into.
      count: examples in an epoch.
      batch_size: examples in a step.
      seed: of the training.
      training: range of epochs -> batches of (input, int32 labels) of all of them, in one stream.
      validation: batches of (input, int32 labels).
    """

    network: keras.Model
    count: int
    batch_size: int
    seed: int
    training: Callable[[range], Any]
    validation: Any

    @property
    def steps(self):
        """Steps in an epoch; the last one may be of fewer examples."""
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

    With `features.views = 0` both are the whole classifier on fresh views. Else the trunk runs over
    each view once, and the feeds are the head on pooled features and the tail on activations.

    Returns:
      (frozen, finetune): two Feeds whose networks share the layers of `model`.
    """
    augmentation = trivial_augment.make_augmentation(config.augment, config.data.image_size)
    if config.features.views:
        store = _store(model, photos, split, config, run, augmentation)
        boundary = config.model.unfreeze_from
        return tuple(
            _stored_feed(classifier.cut(model, layer)[1], store, part, photos, split, config)
            for layer, part in (("pooled", "pooled"), (boundary, "activation"))
        )
    return (_fresh_feed(model, photos, split, config, augmentation),) * 2


def _fresh_feed(model, photos, split, config, augmentation):
    train, validation = split.positions["train"], split.positions["validation"]
    batch_size = config.data.batch_size

    def training(epochs):
        return pipeline.training_batches(photos, train, batch_size, augmentation, config.seed, epochs)

    plain = pipeline.plain_batches(photos, validation, config.data.image_size, batch_size)
    labels = pipeline.label_batches(photos.labels[validation], batch_size)
    return Feed(model, len(train), batch_size, config.seed, training, pipeline.pair(plain, labels))


def _stored_feed(network, store, part, photos, split, config):
    train, validation = split.positions["train"], split.positions["validation"]
    batch_size = config.data.batch_size

    def training(epochs):
        return pipeline.stored_batches(
            lambda epoch, rows: store.read(epoch, part, rows),
            photos.labels[train],
            batch_size,
            config.seed,
            epochs,
        )

    kept = pipeline.stored_in_order(
        lambda rows: store.read(features.VALIDATION, part, rows), len(validation), batch_size
    )
    labels = pipeline.label_batches(photos.labels[validation], batch_size)
    return Feed(network, len(train), batch_size, config.seed, training, pipeline.pair(kept, labels))


def _store(model, photos, split, config, run, augmentation):
    boundary, image_size = config.model.unfreeze_from, config.data.image_size
    trunk = folding.make_trunk(model, boundary)
    train, validation = split.positions["train"], split.positions["validation"]

    def batches_of(view):
        batch_size = config.data.batch_size
        if view == features.VALIDATION:
            batches = pipeline.plain_batches(photos, validation, image_size, batch_size)
        else:
            batches = pipeline.view_batches(photos, train, view, batch_size, augmentation)
        return batches.as_numpy_iterator()  # which every backend takes

    shown = [(int(i), split.fingerprints[int(i)].digest) for part in (train, validation) for i in part]
    identity = [shown, len(train), config.augment.to_dict(), image_size, _code_digest()]
    cache = config.features.cache_dir or pathlib.Path(run.folder).resolve().parent / "features"
    return features.store_views(
        trunk,
        batches_of,
        (len(train), len(validation)),
        config.features.views,
        cache,
        features.cache_key(trunk, boundary, identity),
    )


def _code_digest():
    """Of the code between a file and what is stored: who edits it must not train on what it gave before."""
    digest = hashlib.sha256()
    for module in (reader, pipeline, resize, trivial_augment, operations, folding):
        digest.update(pathlib.Path(module.__file__).read_bytes())
    return digest.hexdigest()
