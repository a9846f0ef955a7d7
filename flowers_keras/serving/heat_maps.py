"""Writes pictures of photos beside their heat maps."""

import itertools
import pathlib
import re

import numpy as np

from flowers_keras import files
from flowers_keras.model import explain, overlays


def write_heat_maps(model, answered, folder):
    """Writes a picture for each photo: the photo, and beside it the regions that support its predicted class.

    Args:
      model: a classifier.
      answered: answering.Answers.
      folder: pathlib.Path; the picture of photo number 3 is called `00003-` and a safe form of its name.

    Yields:
      (Answer, pathlib.Path of its picture, or None where the photo cannot be read).
    """
    answered, before = iter(answered), 0
    while some := list(itertools.islice(answered, explain.BATCH)):
        good = [each for each in some if each.error is None]
        classes = np.array([each.probabilities.argmax() for each in good], int)
        squares = np.array([each.square for each in good])
        maps = iter(explain.heat_maps(model, squares, classes))
        for number, each in enumerate(some, start=before + 1):
            path = None
            if each.error is None:
                path = folder / f"{number:05d}-{_harmless(each.photo)}.jpg"
                explained = overlays.explain_picture(each.picture, next(maps))
                with files.whole_file(path) as temporary:
                    temporary.write_bytes(overlays.side_by_side(each.picture, explained))
            yield each, path
        before += len(some)


def _harmless(path):
    """A file's name with only letters, digits, dots and dashes, at most 50 characters."""
    return re.sub(r"[^\w.-]+", "_", pathlib.PurePath(path).stem)[:50]
