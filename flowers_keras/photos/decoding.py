"""Decodes a photo in any form that Python programs use: a path, bytes, a PIL image or an array."""

import os
import threading

import numpy as np
from PIL import Image

from flowers_keras.photos import exif_block, reader

Photo = str | os.PathLike | bytes | Image.Image | np.ndarray

_LOADING = threading.Lock()  # a PIL image reads its file on first use, which two threads must not do at once


def read_pixels(photo: Photo) -> np.ndarray:
    """uint8 [height, width, 3] of a photo, however it is given.

    Raises:
      BrokenPhoto: it cannot be used; the text says why.
      TypeError: it is not a photo at all.
    """
    if isinstance(photo, bytes):
        return reader.read_photo(photo)
    if isinstance(photo, str | os.PathLike):
        return reader.read_photo(reader.read_file(photo))
    if isinstance(photo, Image.Image):
        return _image_pixels(photo)
    if not isinstance(photo, np.ndarray):
        raise TypeError(f"{type(photo).__name__} is not a photo; pass a path, bytes, a PIL image or an array")
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[-1] != 3 or not photo.size:
        raise TypeError(
            f"an array {photo.dtype} {list(photo.shape)} is not a photo; pass uint8 [height, width, 3]"
        )
    return photo


def _image_pixels(image):
    """uint8 [height, width, 3] of a PIL image, as `reader` would read its file."""
    try:
        with _LOADING:
            image.load()
        return reader.upright_pixels(image, _orientation(image))
    except Exception as error:  # with broken bytes Pillow raises nearly any exception
        raise reader.BrokenPhoto(f"damaged ({error})") from error


def _orientation(image):
    """1 to 8, of EXIF alone; Pillow's own takes that of an editor's XMP where EXIF has none."""
    tags = getattr(image, "tag_v2", None)  # of a TIFF
    if tags:
        return tags.get(exif_block.ORIENTATION, 1)
    found = [
        image.info.get("exif"),
        *(exif_block.of_text(image.info.get(each, "")) for each in exif_block.TEXTS),
    ]
    return exif_block.orientation(next(filter(None, found), b""))
