"""What every table of the benchmark starts from, and how it measures a rate."""

import dataclasses
import itertools
import time

import numpy as np

from flowers_keras import recipe
from flowers_keras.augment import trivial_augment
from flowers_keras.model import classifier, folding
from flowers_keras.photos import pipeline, sources, splits

SECONDS = 10.0  # each rate is measured for so long


@dataclasses.dataclass(frozen=True)
class Setting:
    """One experiment's photos, shared by the tables; `batch` is its first, uint8 [batch, S, S, 3]."""

    config: object
    photos: sources.Photos
    split: splits.Split
    batch: np.ndarray

    @property
    def train(self):
        return self.split.positions["train"]

    def views(self):
        """Batches of the augmented training photos, epoch after epoch, for ever."""
        make = trivial_augment.make_augmentation(self.config.augment, self.config.data.image_size)
        for epoch in itertools.count():
            yield from pipeline.view_batches(self.photos, self.train, epoch, len(self.batch), make)

    def trunks(self):
        """The frozen part, as the pass over the photos runs it and as Keras would.

        Returns:
          (folded, plain): two networks, photos -> (activation at the boundary, pooled features).
        """
        model = recipe.build(self.photos, self.split, self.config)
        classifier.freeze(model)
        boundary = self.config.model.unfreeze_from
        return folding.make_trunk(model, boundary), folding.plain_trunk(model, boundary)


@dataclasses.dataclass(frozen=True)
class Table:
    """What was measured.

    Attributes:
      title: of what.
      columns: names of the figures, with their units.
      rows: (label, a figure a column).
      ratio: whether the first figure is compared with that of the last row.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple]
    ratio: bool = True

    def __str__(self):
        width = max(len(self.title), *(len(label) for label, *_ in self.rows)) + 2
        heads = [*self.columns, *["ratio"] * self.ratio]
        lines = [f"{self.title:{width}}" + "".join(f"{head:>16}" for head in heads)]
        for label, *figures in self.rows:
            cells = [_figure(figure) for figure in figures]
            if self.ratio:
                cells.append(f"{figures[0] / self.rows[-1][1]:.2f} x")
            lines.append(f"{label:{width}}" + "".join(f"{cell:>16}" for cell in cells))
        return "\n".join(lines)


def _figure(value):
    if value is None:
        return "-"
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"


def rate(step, count):
    """Photos a second of `step()`, which handles `count` of them; two calls warm up."""
    step(), step()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        step()
        calls += 1
    return count * calls / (time.perf_counter() - start)
