"""Statistics of a picture's pixels: its colours, and how much they change at each scale.

A network that was trained on few photos, or from random weights, may give noise or a blank page the same
features as photos; simple statistics of the pixels tell them apart (shown for generative models by Serrà
et al. 2020, arXiv 1909.11480).
"""

import numpy as np

SCALES = 4  # of details: 2, 4, 8 and 16 pixels; the smallest image has 75

# Lightness, red against green, blue against yellow: in photos they vary nearly independently.
CHANNELS = np.array([[1 / 3, 1 / 3, 1 / 3], [1 / 2, -1 / 2, 0], [-1 / 4, -1 / 4, 1 / 2]], np.float32)

WIDTH = len(CHANNELS) * (SCALES * 3 * 2 + 2)  # numbers that describe a picture

LEVEL = 1.0  # of 255: less than one is rounding, and its logarithm would tell nothing


def describe_squares(squares):
    """Statistics that are close for pictures that look alike.

    For each scale, channel and direction (across, down, diagonal) the size of the details of Haar
    wavelets, and how few places they are in; for each channel the mean and how much of it is left to
    change at the coarsest scale.

    Args:
      squares: uint8 [count, S, S, 3], S at least 2 ** (SCALES + 1).

    Returns:
      float32 [count, WIDTH], natural logarithms, except the means, which are fractions of 255.

    Example:
      >>> blank = describe_squares(np.full((1, 75, 75, 3), 51, np.uint8))
      >>> blank.shape, round(float(blank[0, -6]), 3)
      ((1, 78), 0.2)
    """
    rows = [_describe(square) for square in squares]
    return np.array(rows, np.float32).reshape(-1, WIDTH)


def _describe(square):
    """The WIDTH numbers of one picture, uint8 [S, S, 3]."""
    numbers, side = [], len(square)
    rest = (CHANNELS @ square.reshape(-1, 3).T.astype(np.float32)).reshape(-1, side, side)
    for _ in range(SCALES):
        even = rest.shape[-1] // 2 * 2
        above, below = rest[:, :even:2, :even], rest[:, 1:even:2, :even]
        total, change = above + below, above - below
        for details in (_difference(total), _sum(change), _difference(change)):
            details = details.reshape(len(CHANNELS), -1) / 4
            size = np.sqrt(np.mean(details * details, axis=1)) + LEVEL
            mean = np.abs(details, out=details).mean(axis=1) + LEVEL
            numbers += [np.log(size), np.log(mean / size)]
        rest = _sum(total) / 4
    numbers += [rest.mean(axis=(1, 2)) / 255, np.log(rest.std(axis=(1, 2)) + LEVEL)]
    return np.concatenate(numbers)


def _sum(values):
    """Of neighbours across: [..., 2 n] -> [..., n]."""
    return values[..., ::2] + values[..., 1::2]


def _difference(values):
    return values[..., ::2] - values[..., 1::2]
