"""The fourteen operations of TrivialAugmentWide (arXiv 2103.10158) in torchvision's dialect.

On uint8 photos each gives exactly what Pillow gives, including its rounding, so that results for the policy
in PyTorch carry over. They are written in TensorFlow, to run in `tf.data`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

LEVELS = 31
LARGEST_SHIFT = 32  # pixels
FIXED_POINT = 65536  # Pillow steps through the photo in 1/65536 of a pixel


class Operation(NamedTuple):
    """One way to change a photo.

    Attributes:
      name: as torchvision spells it.
      apply: (uint8 [height, width, 3], float64 [] magnitude) -> uint8 [height, width, 3].
      magnitudes: float64 [31]: what each level means.
      signed: whether the magnitude may as well be negative.
      allowed: (lowest, highest) magnitude that makes sense, a little beyond those of the levels.
    """

    name: str
    apply: Callable
    magnitudes: np.ndarray
    signed: bool
    allowed: tuple[float, float]


def identity(image, magnitude):
    """The photo as it is."""
    del magnitude
    return image


def shear_x(image, magnitude):
    """Moves row y to the left by `magnitude` * y pixels."""
    return _affine(image, (1.0, magnitude, 0.0), (0.0, 1.0, 0.0))


def shear_y(image, magnitude):
    """Moves column x up by `magnitude` * x pixels."""
    return _affine(image, (1.0, 0.0, 0.0), (magnitude, 1.0, 0.0))


def translate_x(image, magnitude):
    """Moves the photo to the right by `magnitude` pixels, less their fraction."""
    return _shift(image, (0.0, magnitude))


def translate_y(image, magnitude):
    """Moves the photo down by `magnitude` pixels, less their fraction."""
    return _shift(image, (magnitude, 0.0))


def rotate(image, magnitude):
    """Turns the photo counterclockwise about its middle by `magnitude` degrees."""
    angle = -magnitude * (np.pi / 180)
    cos, sin = tf.cos(angle), tf.sin(angle)
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float64))
    x, y = width / 2, height / 2
    return _affine(image, (cos, sin, x - cos * x - sin * y), (-sin, cos, y + sin * x - cos * y))


def brightness(image, magnitude):
    """Blends with black: 1 + `magnitude` of the photo."""
    return _blend(0.0, image, magnitude)


def color(image, magnitude):
    """Blends with the grey photo: 1 + `magnitude` of the photo."""
    grey = tf.cast(_grey(image), tf.float32)
    # Repeated, as arithmetic that broadcasts along an axis of 3 takes twice as long.
    return _blend(tf.repeat(grey[..., tf.newaxis], 3, axis=-1), image, magnitude)


def contrast(image, magnitude):
    """Blends with the mean grey level: 1 + `magnitude` of the photo."""
    grey = _grey(image)
    count = tf.size(grey, tf.int64)
    mean = (2 * tf.reduce_sum(tf.cast(grey, tf.int64)) + count) // (2 * count)  # rounded half up
    return _blend(tf.cast(mean, tf.float32), image, magnitude)


def sharpness(image, magnitude):
    """Blends with the smoothed photo: 1 + `magnitude` of the photo. The border stays."""
    # In a photo thinner than the kernel, every pixel is border.
    thin = tf.reduce_min(tf.shape(image)[:2]) < 3
    return tf.cond(thin, lambda: image, lambda: _sharpen_inside(image, magnitude))


def posterize(image, magnitude):
    """Keeps the `magnitude` highest bits of each value, less its fraction."""
    dropped = 8 - tf.cast(magnitude, tf.int32)
    mask = 256 - tf.bitwise.left_shift(1, dropped)
    return tf.bitwise.bitwise_and(image, tf.cast(mask, tf.uint8))


def solarize(image, magnitude):
    """Inverts the values that are at least `magnitude`."""
    values = tf.cast(image, tf.float32)
    # The ceiling first: as float32 a threshold just above a grey level would fall on it.
    inverted = values >= tf.cast(tf.math.ceil(magnitude), tf.float32)
    return tf.cast(tf.abs(values - 255 * tf.cast(inverted, tf.float32)), tf.uint8)


def auto_contrast(image, magnitude):
    """Stretches each channel from its darkest and brightest value to 0 and 255."""
    del magnitude
    channels = _channels(image)
    low = tf.cast(tf.reduce_min(channels, axis=1, keepdims=True), tf.float64)
    high = tf.cast(tf.reduce_max(channels, axis=1, keepdims=True), tf.float64)
    ramp = tf.range(256, dtype=tf.float64)
    scale = 255 / tf.maximum(high - low, 1)
    # float64 and this order, as in Pillow: 255 may come out as 254.999..., which is cut to 254.
    stretched = tf.clip_by_value(ramp * scale + -low * scale, 0, 255)
    return _look_up(tf.where(high > low, stretched, ramp), _entries(channels), image)


def equalize(image, magnitude):
    """Spreads the values of each channel so that every range of them is equally common."""
    del magnitude
    entries = _entries(_channels(image))
    counts = tf.reshape(tf.math.bincount(entries, minlength=768, maxlength=768), (3, 256))
    ramp = tf.range(256)
    brightest = tf.reduce_max(tf.where(counts > 0, ramp, 0), axis=1, keepdims=True)
    others = tf.reduce_sum(tf.where(ramp == brightest, 0, counts), axis=1, keepdims=True)
    step = others // 255
    spread = (step // 2 + tf.cumsum(counts, axis=1, exclusive=True)) // tf.maximum(step, 1)
    return _look_up(tf.where(step > 0, tf.minimum(spread, 255), ramp), entries, image)


def _affine(image, x_row, y_row):
    """The pixel at (x, y) comes from (a x + b y + c, d x + e y + f); black comes from outside.

    The nearest pixel is taken; `x_row` is (a, b, c), floats or float64 scalars, `y_row` (d, e, f).
    """
    height, width = tf.unstack(tf.shape(image)[:2])
    x = tf.range(tf.cast(width, tf.float64), dtype=tf.float64)
    y = tf.range(tf.cast(height, tf.float64), dtype=tf.float64)[:, tf.newaxis]

    def source(row, size):
        """Where pixels come from along one axis, in the framed photo: int32 [height, width]."""
        a, b, c = row
        a, b, c = (_fixed_point(part) for part in (a, b, c + 0.5 * a + 0.5 * b))  # pixel centres
        place = tf.clip_by_value(a * x + (b * y + (c + 1)), 0, tf.cast(size + 1, tf.float64))
        return tf.cast(place, tf.int32)

    framed = tf.pad(image, ((1, 1), (1, 1), (0, 0)))
    pixels = source(y_row, height) * (width + 2) + source(x_row, width)
    # gather_nd, as it takes a pixel, or a single value, in two thirds of the time of gather.
    return tf.gather_nd(tf.reshape(framed, (-1, 3)), pixels[..., tf.newaxis])


def _fixed_point(value):
    """The float64 nearest to `value` of those that Pillow can step by."""
    return tf.floor(tf.cast(value, tf.float64) * FIXED_POINT + 0.5) / FIXED_POINT


def _shift(image, offset):
    """Moves the photo by `offset`, (down, right), at most 32 pixels: 4 times as fast as `_affine`."""
    frame = LARGEST_SHIFT
    framed = tf.pad(image, ((frame, frame), (frame, frame), (0, 0)))
    top, left = (frame - tf.cast(part, tf.int32) for part in offset)  # a cast drops the fraction
    return tf.slice(framed, (top, left, 0), tf.shape(image))


def _grey(image):
    """int32 [height, width], 0 to 255: ITU-R 601 luma in Pillow's integers."""
    red, green, blue = tf.unstack(tf.cast(image, tf.int32), axis=-1)
    return tf.bitwise.right_shift(red * 19595 + green * 38470 + blue * 7471 + 0x8000, 16)


def _blend(start, image, magnitude):
    """`start` (float32) plus 1 + `magnitude` times the way to `image`, cut off to uint8."""
    factor = tf.cast(1 + magnitude, tf.float32)
    blended = start + factor * (tf.cast(image, tf.float32) - start)
    return tf.cast(tf.clip_by_value(blended, 0, 255), tf.uint8)


def _sharpen_inside(image, magnitude):
    """`sharpness` of a photo of at least 3 by 3 pixels."""
    values = tf.cast(image, tf.float32)
    inside = values[1:-1, 1:-1]
    rows = values[:-2] + values[1:-1] + values[2:]
    sums = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    smooth = tf.floor((sums + 4 * inside) / 13 + 0.5)  # the kernel 1 1 1, 1 5 1, 1 1 1
    middle = (image[1:-1, :1], _blend(smooth, inside, magnitude), image[1:-1, -1:])
    return tf.concat((image[:1], tf.concat(middle, axis=1), image[-1:]), axis=0)


def _channels(image):
    """uint8 [3, height * width]: one after the other, as it is slow to work along an axis of 3."""
    return tf.transpose(tf.reshape(image, (-1, 3)))


def _entries(channels):
    """int32 [3, height * width]: where each value stands in a flattened [3, 256] table."""
    return tf.cast(channels, tf.int32) + ((0,), (256,), (512,))


def _look_up(table, entries, image):
    """uint8 in the shape of `image`: the values of `table` [3, 256], less their fraction."""
    values = tf.reshape(tf.cast(table, tf.uint8), (-1,))
    channels = tf.gather_nd(values, entries[..., tf.newaxis])
    return tf.reshape(tf.transpose(channels), tf.shape(image))


def _operation(name, function, magnitudes=None, signed=False, allowed=(-np.inf, np.inf)):
    """An Operation whose `apply` is compiled once, for photos of all sizes."""
    compiled = tf.function(
        function,
        input_signature=(tf.TensorSpec((None, None, 3), tf.uint8), tf.TensorSpec((), tf.float64)),
        # TensorFlow would inline all fourteen where one is chosen, and then spend more time on
        # passing over the nodes of the other thirteen than on most of the operations.
        experimental_attributes={"_noinline": True},
    )
    magnitudes = np.zeros(LEVELS) if magnitudes is None else magnitudes
    return Operation(name, compiled, magnitudes, signed, allowed)


_LEVEL = np.arange(LEVELS)
_STRENGTH = _LEVEL / (LEVELS - 1)
_SHIFTS = (-LARGEST_SHIFT, LARGEST_SHIFT)

OPERATIONS = (
    _operation("Identity", identity),
    _operation("ShearX", shear_x, 0.99 * _STRENGTH, True, (-1, 1)),
    _operation("ShearY", shear_y, 0.99 * _STRENGTH, True, (-1, 1)),
    _operation("TranslateX", translate_x, np.trunc(LARGEST_SHIFT * _STRENGTH), True, _SHIFTS),
    _operation("TranslateY", translate_y, np.trunc(LARGEST_SHIFT * _STRENGTH), True, _SHIFTS),
    _operation("Rotate", rotate, 135 * _STRENGTH, True, (-180, 180)),
    _operation("Brightness", brightness, 0.99 * _STRENGTH, True, (-1, 1)),
    _operation("Color", color, 0.99 * _STRENGTH, True, (-1, 1)),
    _operation("Contrast", contrast, 0.99 * _STRENGTH, True, (-1, 1)),
    _operation("Sharpness", sharpness, 0.99 * _STRENGTH, True, (-1, 1)),
    _operation("Posterize", posterize, 8 - np.round(_LEVEL / 5), False, (1, 8)),
    # Not 255 * (1 - strength), which is a little off the grey levels that it should hit.
    _operation("Solarize", solarize, 255 * (LEVELS - 1 - _LEVEL) / (LEVELS - 1), False, (0, 255)),
    _operation("AutoContrast", auto_contrast),
    _operation("Equalize", equalize),
)

NAMES = tuple(operation.name for operation in OPERATIONS)
