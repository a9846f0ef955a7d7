"""How drawn flowers are drawn: outlines, colours, and a pen that knows the flower's pose and light."""

import colorsys

import numpy as np
from PIL import ImageDraw

GOLDEN_ANGLE = np.pi * (3 - np.sqrt(5))

# Hue, saturation and value, each from 0 to 1: (lowest, highest).
PETALS = (
    ((0.00, 1.00), (0.00, 0.10), (0.90, 1.00)),  # white
    ((0.12, 0.16), (0.60, 1.00), (0.88, 1.00)),  # yellow
    ((0.05, 0.10), (0.70, 1.00), (0.88, 1.00)),  # orange
    ((0.96, 1.02), (0.70, 0.95), (0.65, 0.95)),  # red
    ((0.88, 0.96), (0.25, 0.60), (0.88, 1.00)),  # pink
    ((0.72, 0.82), (0.30, 0.65), (0.65, 0.95)),  # violet
)
HEARTS = (
    ((0.11, 0.15), (0.70, 0.95), (0.80, 0.98)),  # yellow
    ((0.05, 0.09), (0.60, 0.85), (0.25, 0.45)),  # brown
    ((0.20, 0.28), (0.50, 0.70), (0.45, 0.70)),  # green
)
LEAVES = (((0.22, 0.38), (0.40, 0.80), (0.30, 0.62)),)


class Pen:
    """Draws in flower units (petals reach 1) on a picture, in the pose and light of one flower."""

    def __init__(self, random, image, faces_us):
        """`faces_us`: seen from the front, turned and tilted freely; else it stands on its stem."""
        self.random, self.canvas = random, ImageDraw.Draw(image)
        self.radius = image.width * random.uniform(0.29, 0.42)
        self.centre = image.width * random.uniform(0.42, 0.58, 2)
        self.upright = rotation(random.uniform(-0.6, 0.6))
        if faces_us:
            across = rotation(random.uniform(0, 2 * np.pi))
            tilt = across @ np.diag([1, random.uniform(0.7, 1)]) @ across.T
            self.facing = tilt @ rotation(random.uniform(0, 2 * np.pi))
        else:
            self.facing = self.upright @ np.diag([random.uniform(0.85, 1.15), 1])
        self.light = rotation(random.uniform(0, 2 * np.pi))[0] * random.uniform(0.05, 0.22)
        self.petal, self.heart, self.leaf = (pick_colour(random, x) for x in (PETALS, HEARTS, LEAVES))

    def pixels(self, points, turn=None):
        """Flower units [..., 2] to pixels; `turn` is `facing` or `upright`."""
        return points @ (self.facing if turn is None else turn).T * self.radius + self.centre

    def shapes(self, outlines, colour, shades=1.0, rim=0.78, turn=None):
        """Fills polygons [count, n, 2] one over the other, each with its shade and a darker rim."""
        pixels = self.pixels(outlines, turn)
        lit = 1 + (pixels.mean(1) - self.centre) / self.radius @ self.light
        colours = colour * (np.broadcast_to(shades, len(pixels)) * lit)[:, None]
        outlines = pixels.reshape(len(pixels), -1).tolist()
        for outline, fill, edge in zip(outlines, inks(colours), inks(colours * rim), strict=True):
            self.canvas.polygon(outline, fill, edge)

    def ring(self, count, inner, outer, petal, shade):
        """Petals all around from `inner` to `outer`; `petal` [n, 2] points along x from 0 to 1."""
        draws = self.random.uniform((-0.22, 0.9, 0.9), (0.22, 1.05, 1.05), (count, 3))
        jitter, reach, light = draws.T
        turns = (self.random.permutation(count) + self.random.random() + jitter) / count
        along = inner + petal[:, 0] * (outer * reach - inner)[:, None]
        petals = np.stack([along, np.broadcast_to(petal[:, 1], along.shape)], -1)
        self.shapes(petals @ rotation(turns * 2 * np.pi).mT, self.petal, shade * light)

    def line(self, points, colour, width, turn=None):
        """A line through [n, 2], `width` flower units thick."""
        thick = max(1, round(width * self.radius))
        self.canvas.line(self.pixels(points, turn).ravel().tolist(), inks(colour), thick, "curve")

    def seeds(self, count, radius, size):
        """Dots in a sunflower's spiral: r ~ sqrt(n), one golden angle from each to the next."""
        n, half, ink = np.arange(count), size * self.radius, inks(self.heart * 1.25)
        spiral = around(n * GOLDEN_ANGLE) * (radius * np.sqrt((n + 0.5) / count))[:, None]
        for x, y in self.pixels(spiral).tolist():
            self.canvas.ellipse((x - half, y - half, x + half, y + half), ink)


def blade(half_width, start, end):
    """The outline of a petal or leaf along x from 0 to 1, float [18, 2].

    The width goes as x**start * (1 - x)**end: a small `end` is a blunt tip, a large one a point.
    """
    x = (1 - np.cos(np.linspace(0, np.pi, 10))) / 2
    width = x**start * (1 - x) ** end
    upper = np.stack([x, width * (half_width / width.max())], 1)
    return np.concatenate([upper, upper[-2:0:-1] * [1, -1]])


def disc(radius):
    """The outline of a disc as the only polygon, float [1, 20, 2]."""
    return around(np.linspace(0, 2 * np.pi, 20, endpoint=False))[None] * radius


def around(angles):
    """Points of the unit circle, float [n, 2].

    Example:
      >>> around(np.zeros(1)).tolist()
      [[1.0, 0.0]]
    """
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def rotation(angle):
    """The matrix that turns points by `angle` radians, float [2, 2]; [n, 2, 2] for n angles."""
    rows = [np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def pick_colour(random, choices):
    """A colour out of one of several ranges of hue, saturation and value: float [3], RGB 0 to 1."""
    ranges = choices[random.integers(len(choices))]
    hue, saturation, value = (random.uniform(*limits) for limits in ranges)
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def inks(colours):
    """RGB from 0 to 1, [3] or [n, 3], as Pillow wants it: a tuple, or a list of tuples.

    Example:
      >>> inks(np.array([1.0, 0.5, 0.0]))
      (255, 127, 0)
    """
    levels = (np.clip(colours, 0, 1) * 255).astype(int).tolist()
    return tuple(levels) if np.ndim(colours) == 1 else [tuple(level) for level in levels]
