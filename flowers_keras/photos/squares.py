"""The resize of `resize.py` in NumPy, bit for bit, for code that runs without TensorFlow.

Each new pixel is a mean of old ones, weighted by a triangle around its centre. The steps and their rounding
are those of TensorFlow's ScaleAndTranslate, as in `serving/portable.py`: otherwise a value halfway between
two levels could be rounded to the other one.
"""

import numpy as np


def resize_array(photo, image_size):
    """The whole photo, squashed to a square.

    Args:
      photo: uint8 [height, width, 3], 0 to 255.
      image_size: int, pixels.

    Returns:
      uint8 [image_size, image_size, 3], 0 to 255: bilinear, antialiased, rounded.

    Example:
      >>> resize_array(np.array([[[0, 0, 0], [100, 100, 100]]], np.uint8), 4)[0, :, 0].tolist()
      [0, 25, 75, 100]
    """
    for _ in range(2):
        photo = _resize_height(photo, image_size).transpose(1, 0, 2)
    return np.clip(np.rint(photo), 0, 255).astype(np.uint8)


def _resize_height(photo, image_size):
    """float32 [image_size, width, 3], not rounded."""
    total = np.zeros((image_size, *photo.shape[1:]), np.float32)
    for rows, weights in zip(*_taps(len(photo), image_size), strict=True):
        total += photo[rows].astype(np.float32) * weights[:, None, None]
    return total


def _taps(size, image_size):
    """Which old pixels make up each new one, and their shares: int and float32 [taps, image_size]."""
    one, half = np.float32(1), np.float32(0.5)
    ratio = one / (np.float32(image_size) / np.float32(size))
    radius = max(ratio, one)
    centres = (np.arange(image_size, dtype=np.float32) + half) * ratio
    first, last = (
        np.clip(edge.astype(np.int32), 0, size - 1)
        for edge in (np.ceil(centres - radius - half), np.floor(centres + radius - half))
    )
    taps = first + np.arange((last - first).max() + 1, dtype=np.int32)[:, None]
    distances = np.abs((taps.astype(np.float32) + half - centres) * (one / radius))
    weights = np.where(taps <= last, np.maximum(np.float32(0), one - distances), np.float32(0))
    total = np.cumsum(weights, axis=0)[-1]  # a running sum, for its order of additions is known
    return np.minimum(taps, size - 1), weights * (one / total)
