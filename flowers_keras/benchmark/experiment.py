"""What all benchmark tables share: the photos, split and networks of one experiment."""

import dataclasses
import itertools

import numpy as np

from flowers_keras import recipe
from flowers_keras.augment import training_views
from flowers_keras.model import classifier, folding
from flowers_keras.photos import pipeline, sources, splits


@dataclasses.dataclass(frozen=True)
class Experiment:
    """One experiment's photos, shared by the tables; `batch` is its first, uint8 [batch, S, S, 3]."""

    config: object
    photos: sources.Photos
    split: splits.Split
    batch: np.ndarray

    @property
    def train(self):
        return self.split.positions["train"]

    def views(self):
        """NumPy batches of the augmented training photos, epoch after epoch, for ever."""
        make = training_views.make_augmentation(self.config.augment, self.config.data.image_size)
        for epoch in itertools.count():
            batches = pipeline.view_batches(self.photos, self.train, epoch, len(self.batch), make)
            yield from batches.as_numpy_iterator()  # which every backend takes

    def trunks(self):
        """The frozen part, as the pass over the photos runs it and as Keras would.

        Returns:
          (folded, plain): two networks, photos -> (activation at the boundary, pooled features).
        """
        model = recipe.build(self.photos, self.split, self.config)
        classifier.freeze(model)
        boundary = self.config.model.unfreeze_from
        return folding.make_trunk(model, boundary), folding.plain_trunk(model, boundary)


def load_experiment(config):
    """The photos that `config` names, split as its runs would split them."""
    photos = sources.load_photos(config.data)
    split = splits.split_photos(photos, config.data)
    batches = pipeline.plain_batches(
        photos, split.positions["train"], config.data.image_size, config.data.batch_size
    )
    return Experiment(config, photos, split, next(batches.as_numpy_iterator()))
