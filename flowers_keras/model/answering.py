"""Classifies a stream of photos, in any runtime.

Threads decode the next photos while a batch is computed, and never are all photos in memory at once.
"""

import collections
import concurrent.futures
import dataclasses
import itertools
import os
from typing import Any

import numpy as np
from PIL import Image

from flowers_keras.model.novelty import Novelty
from flowers_keras.photos import decoding, reader

SMALL = (2, 8)  # batch sizes for so few photos alone, which should not wait for a full batch

THREADS = 4  # that decode; each may hold one large photo


@dataclasses.dataclass(frozen=True)
class Answer:
    """The classification of a photo, or the reason why there is none.

    Attributes:
      photo: as it was given.
      error: why it cannot be read; None if it can, and then the other fields are set.
      square: uint8 [S, S, 3], what the model saw.
      picture: uint8 [height, width, 3], a small copy for showing; None from an exported file.
      probabilities: float64 [classes].
      novelty: Novelty, whether it is unlike anything the model was trained on; None where the model
        holds no training photos to compare with.
    """

    photo: Any
    error: str | None = None
    square: np.ndarray | None = None
    picture: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    novelty: Novelty | None = None


def answer_photos(photos, preprocess, predict, tta, size):
    """Yields the Answer to each photo, in order; one that cannot be read does not stop it.

    Args:
      photos: in any form of `decoding.Photo`; an Answer among them is passed on.
      preprocess: pixels uint8 [height, width, 3] -> dict with the fields `square` and `picture` of their
        Answer; called by several threads.
      predict: (squares uint8 [count, S, S, 3], batch size) -> (float64 [count, classes], a Novelty or
        None for each).
      tta: whether to average each photo with its mirror image.
      size: photos computed at a time; a few photos alone are computed in a `SMALL` batch.

    Raises:
      TypeError: one photo instead of several.
    """
    one_array = isinstance(photos, np.ndarray) and photos.ndim not in (1, 4)  # 1: paths, as pandas has them
    if one_array or isinstance(photos, str | os.PathLike | bytes | Image.Image):
        raise TypeError("photos is one photo; pass a list of photos")
    decoded = _ahead(lambda photo: _decode(photo, preprocess), photos, size)
    try:
        first = list(itertools.islice(decoded, size))
        good = sum(each.error is None for each in first)
        small = [each for each in SMALL if good <= each < size and len(first) < size]
        yield from _compute(first, predict, tta, min(small, default=size))
        while more := list(itertools.islice(decoded, size)):
            yield from _compute(more, predict, tta, size)
    finally:
        decoded.close()


def _decode(photo, preprocess):
    """An Answer with everything except the probabilities."""
    if isinstance(photo, Answer):
        return photo
    try:
        pixels = decoding.read_pixels(photo)
    except reader.BrokenPhoto as broken:
        return Answer(photo, error=str(broken))
    return Answer(photo, **preprocess(pixels))


def _compute(decoded, predict, tta, size):
    """The Answers in full, for at most `size` of them."""
    squares = [each.square for each in decoded if each.error is None]
    if not squares:
        return decoded
    squares = np.stack(squares)
    found, novelties = predict(squares, size)
    if tta:
        found = (found + predict(squares[:, :, ::-1], size)[0]) / 2
    rows = ({"probabilities": row, "novelty": one} for row, one in zip(found, novelties, strict=True))
    return [each if each.error else dataclasses.replace(each, **next(rows)) for each in decoded]


def _ahead(function, items, count):
    """Yields `function(item)` of each item, in order; threads work on the next `count` meanwhile."""
    pool = concurrent.futures.ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1))
    waiting = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
