"""Drawn flowers: photos without a network, for the quickstart and the tests.

The five classes differ in the flower itself: number, shape and layers of the petals, the heart, the leaves.
Everything else comes from the same ranges in every class: petal colour, angle, tilt, size, position, light
and ground. So colour alone does not tell the class; a classifier has to learn the flower.
"""

import functools
import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from flowers_keras.photos import strokes

CLASS_NAMES = ("daisy", "dandelion", "roses", "sunflowers", "tulips")

REMEMBERED = 256 << 20  # bytes of pixels, of which PNG takes about two thirds

OVERSAMPLING = 2  # drawn this many times larger, then averaged down: smooth edges

# Hue, saturation and value, each from 0 to 1: (lowest, highest).
SKY, GRASS, GARDEN, SOIL, WALL = range(5)
GROUNDS = {
    SKY: (((0.53, 0.62), (0.10, 0.65), (0.60, 1.00)),),
    GRASS: (((0.20, 0.40), (0.30, 0.80), (0.25, 0.55)),),
    GARDEN: (((0.10, 0.45), (0.20, 0.70), (0.15, 0.55)),),
    SOIL: (((0.04, 0.11), (0.20, 0.60), (0.20, 0.50)),),
    WALL: (((0.00, 1.00), (0.00, 0.60), (0.10, 0.90)),),
}


def photo_bytes(index, seed, image_size):
    """The drawn photo number `index`, of class `CLASS_NAMES[index % 5]`.

    Args:
      index: at least 0.
      seed: at least 0; another seed gives another set of photos.
      image_size: height and width in pixels.

    Returns:
      A PNG file as bytes; the same arguments give the same pixels.
    """
    pixels = draw_flower(index % len(CLASS_NAMES), (seed, index), image_size)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def remembered(seed, image_size):
    """`photo_bytes` of one set, each drawn once: a run reads a photo about four times.

    Args:
      seed, image_size: as for `photo_bytes`.

    Returns:
      index -> bytes; those read last are kept in memory, as many as `REMEMBERED` has room for.

    Example:
      >>> draw = remembered(0, 32)
      >>> draw(7) is draw(7), draw(7) == photo_bytes(7, 0, 32)
      (True, True)
    """
    return functools.lru_cache(REMEMBERED // (3 * image_size**2))(lambda i: photo_bytes(i, seed, image_size))


def draw_flower(class_index, seed, image_size=96):
    """Draws one flower; a pure function of its arguments.

    Args:
      class_index: position in `CLASS_NAMES`.
      seed: an integer of at least 0, or a tuple of them.
      image_size: height and width in pixels.

    Returns:
      uint8 [image_size, image_size, 3], RGB.
    """
    draw_head, leaf, faces_us = FLOWERS[CLASS_NAMES[class_index]]
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence(seed)))
    image = _ground(random, image_size * OVERSAMPLING)
    pen = strokes.Pen(random, image, faces_us)
    _draw_shadow(pen, image)
    _draw_stem(pen, *leaf)
    draw_head(pen)
    return _lit(random, image.resize((image_size, image_size), Image.Resampling.BOX))


def _daisy(pen):
    """One ring of narrow round petals, with gaps between them, around a small heart."""
    count = int(pen.random.integers(10, 16))
    pen.ring(count, 0.12, 1.0, strokes.blade(1.75 / count, 1.1, 0.30), 1.0)
    radius = pen.random.uniform(0.22, 0.28)
    pen.shapes(strokes.disc(radius), pen.heart)
    pen.seeds(16, radius * 0.8, 0.025)


def _dandelion(pen):
    """A pompon: many thin straps, shorter and lighter towards a middle that has no heart."""
    strap = strokes.blade(0.038, 0.5, 0.12)
    for outer, count in ((1.0, 40), (0.84, 34), (0.67, 27), (0.50, 20), (0.33, 14), (0.18, 8)):
        pen.ring(count, 0.0, outer, strap, 1.03 - 0.33 * outer)


def _rose(pen):
    """Broad petals wrapped in layers around a spiral."""
    pen.shapes(strokes.disc(0.8), pen.petal, 0.6)
    broad = int(pen.random.integers(4, 7))
    for layer, outer in enumerate((1.0, 0.82, 0.64, 0.47, 0.31)):
        count = max(3, broad - layer)
        across = np.linspace(-1, 1, 11)
        edge = outer * (1 - 0.22 * np.abs(across) ** 3)
        fan = strokes.around(across * min(1.35 * np.pi / count, 1.2)) * edge[:, None]
        angles = pen.random.uniform(-0.15, 0.15, count) + np.arange(count) * 2 * np.pi / count
        turns = strokes.rotation(angles + pen.random.uniform(0, 2 * np.pi))
        shades = 1.02 - 0.09 * layer + pen.random.uniform(-0.05, 0.05, count)
        pen.shapes(fan @ turns.mT, pen.petal, shades, 0.62)
    turns = np.linspace(0.3, 4.5 * np.pi, 24)
    pen.line(strokes.around(turns) * (turns / turns[-1] * 0.24)[:, None], pen.petal * 0.45, 0.035)


def _sunflower(pen):
    """Two rings of pointed petals around a disc of seeds half as wide as the flower."""
    count = int(pen.random.integers(15, 22))
    petal = strokes.blade(2.7 / count, 0.6, 0.95)
    pen.ring(count, 0.30, 1.00, petal, 0.75)
    pen.ring(count, 0.30, 0.94, petal, 1.00)
    radius = pen.random.uniform(0.47, 0.56)
    pen.shapes(strokes.disc(radius), pen.heart, 0.75, 0.6)
    pen.shapes(strokes.disc(radius * 0.5), pen.heart, 0.5, 1.0)
    pen.seeds(70, radius * 0.92, 0.022)


def _tulip(pen):
    """A cup seen from the side: pointed petals that stand on the stem, the back ones first."""
    spread = pen.random.uniform(0.30, 0.52)
    lean = np.array([-0.45, 0.45, -1, 1, 0]) * spread + pen.random.uniform(-0.06, 0.06, 5)
    length = np.array([1.50, 1.50, 1.55, 1.55, 1.38]) * pen.random.uniform(0.94, 1.04, 5)
    half_width = np.array([0.34, 0.34, 0.42, 0.42, 0.46])
    outlines = strokes.blade(1, 0.45, 0.65) * np.stack([length, half_width], -1)[:, None]
    outlines = outlines @ strokes.rotation(lean - np.pi / 2).mT + [0, 0.75]
    pen.shapes(outlines, pen.petal, np.array([0.72, 0.72, 0.90, 0.90, 1.00]), 0.66)
    pen.line(np.array([[0, 0.55], [0, -0.25]]), pen.petal * 0.75, 0.03)


# Kind: (its head, its leaf as (length, and what `strokes.blade` takes), whether we see its face).
FLOWERS = {
    "daisy": (_daisy, (0.7, 0.12, 1.2, 0.4), True),
    "dandelion": (_dandelion, (1.1, 0.12, 0.6, 0.6), True),
    "roses": (_rose, (0.8, 0.26, 0.5, 0.7), True),
    "sunflowers": (_sunflower, (1.0, 0.36, 0.35, 0.9), True),
    "tulips": (_tulip, (1.9, 0.17, 0.5, 0.8), False),
}


def _draw_stem(pen, length, half_width, start, end):
    """A bent stem down out of the picture, with a leaf on either side."""
    along = np.linspace(0, 1, 8)
    stem = np.stack([pen.random.uniform(-0.4, 0.4) * along**2, 0.6 + along * 2.6], 1)
    pen.line(stem, pen.leaf * 0.85, 0.10, pen.upright)
    leaf = strokes.blade(half_width, start, end) * [length, 1]
    for side in (-1, 1):
        turn = strokes.rotation(-np.pi / 2 + side * pen.random.uniform(0.4, 1.2))
        placed = leaf @ turn.T + stem[pen.random.integers(2, 5)]
        pen.shapes(placed[None], pen.leaf, pen.random.uniform(0.8, 1.1), turn=pen.upright)
        pen.line(placed[[0, len(leaf) // 2 - 1]], pen.leaf * 0.7, 0.02, pen.upright)


def _draw_shadow(pen, image):
    """Darkens the ground beside the flower, softly."""
    small, shrink = Image.new("L", (32, 32)), 32 / image.width
    x, y = (pen.centre + pen.radius * pen.random.uniform(-0.35, 0.35, 2)) * shrink
    half, depth = pen.radius * shrink * 0.9, int(pen.random.integers(30, 130))
    ImageDraw.Draw(small).ellipse((x - half, y - half, x + half, y + half), depth)
    small = small.filter(ImageFilter.GaussianBlur(2))
    image.paste((0, 0, 0), (0, 0), small.resize(image.size, Image.Resampling.BILINEAR))


def _ground(random, size):
    """What is behind the flower, coarse or fine, in focus or not: an image of `size` squared."""
    kind = random.integers(len(GROUNDS))
    near, far = strokes.pick_colour(random, GROUNDS[kind]), strokes.pick_colour(random, GROUNDS[kind])
    blotches = random.random((random.choice([3, 6, 24]),) * 2 + (1,))
    image = _enlarged(far + (near - far) * blotches, size)
    if kind == GRASS:
        canvas = ImageDraw.Draw(image)
        feet = random.uniform(-0.1, 1.1, (70, 2))
        tips = feet + random.uniform((-0.12, -0.35), (0.12, -0.1), (70, 2))
        blades = np.concatenate([feet, tips], 1)
        shades = strokes.inks(near * random.uniform(0.6, 1.4, (70, 1)))
        for blade, ink in zip((blades * size).tolist(), shades, strict=True):
            canvas.line(blade, ink, max(1, size // 64))
    elif kind == GARDEN:
        _draw_bokeh(random, image)
        image = _enlarged(np.asarray(image.resize((12, 12), Image.Resampling.BOX)) / 255, size)
        _draw_bokeh(random, image)
    elif kind == SOIL:
        grains = random.uniform(0.75, 1.25, (size // 4, size // 4, 1))
        image = _enlarged(np.asarray(image.resize((size // 4,) * 2)) / 255 * grains, size)
    return image


def _draw_bokeh(random, image):
    """Discs in the colours of petals, as other flowers look when they are out of focus."""
    canvas = ImageDraw.Draw(image)
    for x, y, half in random.uniform((0, 0, 0.04), (1, 1, 0.13), (9, 3)) * image.width:
        ink = strokes.inks(strokes.pick_colour(random, strokes.PETALS) * 0.9)
        canvas.ellipse((x - half, y - half, x + half, y + half), ink)


def _lit(random, image):
    """The picture in a light of its own, with sensor noise: uint8 [height, width, 3]."""
    warmth, noise = random.uniform(-0.14, 0.14), random.uniform(0, 0.03)
    tint = np.array([1 + warmth, 1, 1 - warmth], np.float32) * random.uniform(0.7, 1.15)
    ramp = np.linspace(-1, 1, image.width)
    down, right = strokes.rotation(random.uniform(0, 2 * np.pi))[0] * random.uniform(0, 0.3)
    light = (1 + down * ramp[:, None] + right * ramp)[..., None] * tint
    pixels = np.clip(np.asarray(image) / 255 * light, 0, 1) ** random.uniform(0.8, 1.25)
    grain = random.standard_normal(pixels.shape, np.float32) * noise
    return (np.clip(pixels + grain, 0, 1) * 255 + 0.5).astype(np.uint8)


def _enlarged(values, size):
    """Float [height, width, 3], clipped to 0 to 1, as a smooth image of `size` squared."""
    small = Image.fromarray((np.clip(values, 0, 1) * 255).astype(np.uint8))
    return small.resize((size, size), Image.Resampling.BICUBIC)
