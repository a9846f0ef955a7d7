"""How a picture looks, whatever it shows: its colours, and how much they change at each scale.

A network that was trained on few photos, or from random weights, may see in noise or a blank page what it
sees in photos; simple statistics of the pixels then tell them apart (for generative models: Serrà et al.
2020, arXiv 1909.11480).
"""

import numpy as np

SCALES = 4  # of details: 2, 4, 8 and 16 pixels; the smallest image has 75

# Lightness, red against green, blue against yellow: in photos they vary nearly independently.
CHANNELS = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, -1 / 2, 0], [-1 / 4, -1 / 4, 1 / 2]], np.float32)

WIDTH = len(CHANNELS) * (SCALES * 3 * 2 + 2)  # numbers that describe a picture

LEVEL = 1.0  # of 255: less than one is rounding, and its logarithm would tell nothing


def describe_squares(squares):
    """Numbers that are near for pictures that look alike.

    For each scale, channel and direction (across, down, diagonal) the size of the details of Haar
    wavelets, and how few places they are in; for each channel the mean and how much of it is left to
    change at the coarsest scale.

    Args:
      squares: uint8 [count, S, S, 3], S at least 2 ** (SCALES + 1).

    Returns:
      float32 [count, WIDTH], natural logarithms but for the means, which are parts of 255.

    Example:
      >>> blank = describe_squares(np.full((1, 75, 75, 3), 51, np.uint8))
      >>> blank.shape, round(float(blank[0, -6]), 3)
      ((1, 78), 0.2)
    """
    rows = [_describe(square) for square in squares]
    return np.array(rows, np.float32).reshape(-1, WIDTH)


def _describe(square):
    """The WIDTH numbers of one picture, uint8 [S, S, 3]."""
    numbers, rest = [], square.astype(np.float32) @ CHANNELS.T
    for _ in range(SCALES):
        height, width = (side // 2 * 2 for side in rest.shape[:2])
        one, right = rest[:height:2, :width:2], rest[:height:2, 1:width:2]
        below, last = rest[1:height:2, :width:2], rest[1:height:2, 1:width:2]
        for details in (one - right + below - last, one + right - below - last, one - right - below + last):
            size = np.sqrt(np.mean((details / 4) ** 2, axis=(0, 1))) + LEVEL
            mean = np.mean(np.abs(details / 4), axis=(0, 1)) + LEVEL
            numbers += [np.log(size), np.log(mean / size)]
        rest = (one + right + below + last) / 4
    numbers += [rest.mean(axis=(0, 1)) / 255, np.log(rest.std(axis=(0, 1)) + LEVEL)]
    return np.concatenate(numbers)
