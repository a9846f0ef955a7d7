"""A trained classifier for Python programs: `load_classifier("runs/x").predict(photos)`."""

import os
from collections.abc import Iterable, Iterator

import keras
import numpy as np

from flowers_keras.model import answering, archive, classifier, novelty, overlays
from flowers_keras.model.answering import Answer
from flowers_keras.model.novelty import Reference
from flowers_keras.photos import decoding, reader
from flowers_keras.photos.resize import resize

_computing = None  # number of the process whose classifiers compute

LARGEST_BATCH = 32  # photos; measuring gains nothing by more


class Classifier:
    """A trained model and everything needed to classify photos with it.

    Attributes:
      model: keras.Model, [batch, image_size, image_size, 3] of 0 to 255 -> [batch, classes].
      class_names: tuple of str, in the order of the probabilities.
      image_size: pixels, side of the square that the model sees.
      temperature: at which its probabilities are calibrated; None where they are not.
      batch_size: photos computed at a time, as in the evaluation of the model.
      reference: novelty.Reference of its training photos, or None.
    """

    def __init__(self, model: keras.Model, card: dict, reference: Reference | None = None) -> None:
        """Takes what `archive.load` and `archive.load_reference` return."""
        self.model = model
        self.class_names = tuple(card["class_names"])
        self.image_size = card["image_size"]
        self.temperature = card.get("temperature")
        self.batch_size = min(card["recipe"]["data"]["batch_size"], LARGEST_BATCH)
        self.reference = reference

    def predict(self, photos: Iterable[decoding.Photo], tta: bool = False) -> np.ndarray:
        """Class probabilities, the same as evaluation's.

        Args:
          photos: paths, encoded photos (bytes), PIL images or uint8 arrays [height, width, 3], of
            any size; they may come from a generator.
          tta: whether to average each photo with its mirror image.

        Returns:
          float64 [photos, classes], in the order of `class_names`; rows sum to 1.

        Raises:
          photos.reader.BrokenPhoto: a ValueError that names the photo and says why it is unusable.
          RuntimeError: the process was forked from one that has loaded a classifier.
          TypeError: one photo instead of several, or something that is not a photo.
        """
        rows = [np.zeros((0, len(self.class_names)))]
        for number, answer in enumerate(self.answer(photos, tta)):
            if answer.error:
                name = answer.photo if isinstance(answer.photo, str | os.PathLike) else f"photo {number}"
                raise reader.BrokenPhoto(f"{name}: {answer.error}")
            rows.append(answer.probabilities[None])
        return np.concatenate(rows)

    def answer(
        self, photos: Iterable[decoding.Photo], tta: bool = False, batch_size: int | None = None
    ) -> Iterator[Answer]:
        """An iterator of the Answer to each photo, in order; one that cannot be read does not stop it.

        Photos are computed in batches of one size, the last one filled up, so that the other photos of a
        batch change a probability by about 1e-6 at most (see `predict_batch`). A few photos alone are
        computed in a small batch, where the last digits may differ, under JAX by about 1e-6.

        Args:
          photos, tta: as for `predict`; an Answer among the photos is passed on.
          batch_size: photos computed at a time; `self.batch_size` by default, 32 at most.
        """
        _refuse_fork()
        size = min(batch_size or self.batch_size, LARGEST_BATCH)
        return answering.answer_photos(photos, self._preprocess, self._predict, tta, size)

    def _preprocess(self, pixels):
        """What an Answer holds of a photo's pixels."""
        square = np.asarray(resize(pixels, self.image_size))
        return {"square": square, "picture": overlays.shrink(pixels)}

    def _predict(self, squares, size):
        """(probabilities, a Novelty or None for each) of squares, in one pass."""
        if self.reference is None:
            return predict_batch(self.model, squares, size), [None] * len(squares)
        found, pooled = predict_with_pooled(self.model, squares, size)
        return found, self.reference.judge(novelty.make_traits(pooled, squares))


def load_classifier(path: str | os.PathLike) -> Classifier:
    """A trained classifier, ready for photos.

    Args:
      path: a run's folder, or its `model.keras`.

    Raises:
      RuntimeError: the process was forked from one that has loaded a classifier.
      UserError: there is no such model, or it is damaged.
    """
    _refuse_fork()
    model, card = archive.load(path)
    return Classifier(model, card, archive.load_reference(path, model))


def _refuse_fork():
    """RuntimeError in a fork, where TensorFlow would wait for ever for threads that were not forked.

    See keras-team/keras#9964.
    """
    global _computing
    _computing = _computing or os.getpid()
    if _computing != os.getpid():
        raise RuntimeError(
            "TensorFlow cannot compute in a process forked from one that has loaded a classifier; load it in "
            'the new processes alone, or start them with multiprocessing.get_context("spawn")'
        )


def predict_batch(model, photos, batch_size):
    """Probabilities of photos, always computed in a batch of the same size.

    The backend chooses its algorithms by the size of the batch: a photo alone gives other last digits than
    the same photo among others. So a smaller batch is filled up, and the extra results are dropped. A
    backend with several threads divides a batch among them, so that the position of a photo may still
    change its probabilities by about 1e-6.

    Args:
      model: a classifier.
      photos: [count, S, S, 3], 0 to 255, at most `batch_size`.
      batch_size: photos computed at a time, at most 32 (larger values count as 32).

    Returns:
      float64 [count, classes].
    """
    return predict_filled_up(model, photos, min(batch_size, LARGEST_BATCH)).astype(np.float64)


def predict_filled_up(network, values, batch_size):
    """Runs a network on a batch that is filled up to `batch_size`; returns the results without the filling.

    Args:
      network: keras.Model of one output or several.
      values: NumPy [count, ...], at most `batch_size`; the last one is repeated.
      batch_size: of the batch that is computed.

    Returns:
      NumPy [count, ...], or a list of them.
    """
    filled = np.concatenate([values, np.repeat(values[-1:], batch_size - len(values), axis=0)])
    return keras.tree.map_structure(lambda found: found[: len(values)], network.predict_on_batch(filled))


def predict_with_pooled(model, photos, batch_size):
    """Probabilities and pooled features of photos, in one pass.

    Args:
      model, photos, batch_size: as for `predict_batch`.

    Returns:
      (float64 [count, classes], as of `predict_batch`; float32 [count, pooled features]).
    """
    both = classifier.submodel(model, "photo", "probabilities", "pooled")
    probabilities, pooled = predict_filled_up(both, photos, min(batch_size, LARGEST_BATCH))
    return probabilities.astype(np.float64), pooled
