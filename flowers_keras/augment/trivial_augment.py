"""TrivialAugmentWide (arXiv 2103.10158) as functions of a photo and as a layer of Keras.

python -m flowers_keras.augment --output=sheet.png [PHOTO]
"""

import random

import keras
import keras_cv
import numpy as np
import tensorflow as tf

from flowers_keras.augment.operations import LEVELS, NAMES, OPERATIONS

MAGNITUDES = np.stack([operation.magnitudes for operation in OPERATIONS])

SIGNED = np.array([operation.signed for operation in OPERATIONS])


def apply_operation(image, name, magnitude):
    """Applies one operation to one photo.

    Args:
      image: uint8 [height, width, 3], 0 to 255, RGB.
      name: one of `NAMES`.
      magnitude: number or scalar tensor, with its sign. ShearX, ShearY: pixels a pixel, -1 to 1;
        TranslateX, TranslateY: pixels to the right or down, -32 to 32, their fraction dropped;
        Rotate: degrees counterclockwise, -180 to 180; Brightness, Color, Contrast, Sharpness: what
        is added to a factor of 1, -1 to 1, so that 0 leaves the photo as it is; Posterize: bits to
        keep, 1 to 8, their fraction dropped; Solarize: the lowest value that is inverted, 0 to 255.
        Identity, AutoContrast and Equalize take any finite number and do not use it.

    Returns:
      uint8 [height, width, 3].

    Raises:
      TypeError: the image is not uint8, or the magnitude no real number.
      ValueError: an unknown name, not [height, width, 3] with at least one pixel, or a magnitude
        that is not allowed. One that only the running graph knows: tf.errors.InvalidArgumentError.
    """
    if name not in NAMES:
        raise ValueError(f"unknown operation {name!r}; allowed: {', '.join(NAMES)}")
    operation = OPERATIONS[NAMES.index(name)]
    image = _checked_image(image)
    changed = operation.apply(image, _checked_magnitude(operation, magnitude))
    return tf.ensure_shape(changed, image.shape)


def _checked_image(image):
    """The image as a tensor; refused as `apply_operation` says."""
    image = tf.convert_to_tensor(image)
    if image.dtype != tf.uint8:
        raise TypeError(f"image is {image.dtype.name}; it must be uint8, 0 to 255")
    if not image.shape.is_compatible_with((None, None, 3)) or 0 in tuple(image.shape[:2]):
        raise ValueError(f"image has shape {image.shape}; it must be [height, width, 3], not empty")
    return tf.ensure_shape(image, (None, None, 3))


def _checked_magnitude(operation, magnitude):
    """The magnitude as float64 []; refused as `apply_operation` says."""
    low, high = operation.allowed
    allowed = f"{operation.name} takes " + ("any finite number" if high == np.inf else f"{low} to {high}")
    known = tf.get_static_value(magnitude) if tf.is_tensor(magnitude) else np.asarray(magnitude)
    given = magnitude if known is None else known
    kind = tf.as_dtype(given.dtype)
    if not (kind.is_floating or kind.is_integer) or not given.shape == ():
        raise TypeError(f"magnitude {magnitude!r} is not a real number; {allowed}")
    if known is not None:
        if not (np.isfinite(known) and low <= known <= high):
            raise ValueError(f"magnitude {known} is not allowed; {allowed}")
        return tf.constant(float(known), tf.float64)
    value = tf.cast(magnitude, tf.float64)
    fits = tf.math.is_finite(value) & (low <= value) & (value <= high)
    with tf.control_dependencies([tf.debugging.Assert(fits, [f"{allowed}; magnitude is", value])]):
        return tf.identity(value)


def draw(seed):
    """Draws what TrivialAugmentWide does to a photo: each of the 14 x 31 x 2 choices is equally likely.

    Args:
      seed: int32 [2].

    Returns:
      operation: int32 [], its place in `OPERATIONS`.
      level: int32 [], 0 to 30.
      sign: int32 [], -1 or 1. It counts only where the operation is signed.
    """
    choices = len(OPERATIONS) * LEVELS * 2
    number = tf.random.stateless_uniform([], seed, 0, choices, tf.int32)
    return number // (LEVELS * 2), number // 2 % LEVELS, number % 2 * 2 - 1


def trivial_augment_wide(image, seed):
    """Applies one random operation at a random level; only that one is computed.

    TrivialAugment (arXiv 2103.10158) as torchvision's `TrivialAugmentWide`. The same seed gives the same
    result: eager, in `tf.function` and in `Dataset.map`.

    Args:
      image: uint8 [height, width, 3], 0 to 255, RGB.
      seed: int32 [2].

    Returns:
      uint8 [height, width, 3].

    Raises:
      TypeError, ValueError: the image or the seed is something else.
    """
    image, seed = _checked_image(image), tf.convert_to_tensor(seed)
    if seed.dtype not in (tf.int32, tf.int64) or not seed.shape.is_compatible_with([2]):
        raise ValueError(f"seed is {seed.dtype.name} {seed.shape}; it must be int32 [2]")
    operation, level, sign = draw(seed)
    magnitude = tf.gather_nd(MAGNITUDES, (operation, level))
    sign = tf.where(tf.gather(SIGNED, operation), tf.cast(sign, tf.float64), 1)
    branches = [lambda apply=each.apply: apply(image, sign * magnitude) for each in OPERATIONS]
    return tf.ensure_shape(tf.switch_case(operation, branches), image.shape)


def _whole_pixels(image):
    """A float photo as uint8; one that was scaled would be all black.

    A filter such as bicubic makes values a little below 0 and above 255, which count as these; where one is
    far below 0, or none above 1 and some between, the photo was scaled, to -1 to 1 or 0 to 1.
    """
    low, high = tf.reduce_min(image), tf.reduce_max(image)
    between = tf.reduce_any(image != tf.round(image))
    scaled = (low < -high / 2) | ((high <= 1) & between)
    told = ["pixels go from 0 to 255, not from", low, "to", high, "; scale them after TrivialAugmentWide"]
    with tf.control_dependencies([tf.debugging.Assert(~scaled, told)]):
        return tf.saturate_cast(tf.round(image), tf.uint8)


@keras.saving.register_keras_serializable("flowers_keras")
class TrivialAugmentWide(keras_cv.layers.BaseImageAugmentationLayer):
    """TrivialAugmentWide as a layer: one operation for each photo, another at each call.

    Takes photos [height, width, 3] or [batch, height, width, 3], RGB, uint8 or float from 0 to 255
    (floats are rounded first), or a dict of them as "images" with "labels", which stay as they are.
    Returns the same dtype. Like every augmentation, it does nothing where `training` is false.

    Args:
      seed: int of the layer's random generator, or None for one that `keras.utils.set_random_seed` makes
        repeat, as it does those of Keras's own layers. For draws that do not depend on the order of the
        calls, map `trivial_augment_wide` instead.

    Raises:
      tf.errors.InvalidArgumentError: floats that were scaled to another range, such as 0 to 1.
    """

    def __init__(self, seed=None, **kwargs):
        # Python's generator is the one that Keras draws from; the base class would take one of TensorFlow's
        # that no seed reaches.
        mapped = tf.inside_function()  # of `Dataset.map`, where no generator can be made
        super().__init__(seed=random.getrandbits(31) if seed is None and not mapped else seed, **kwargs)
        self.seed = seed
        # `tf.vectorized_map`, the default, would compute all 14 operations for every photo.
        self.auto_vectorize = False
        self.supports_jit = False  # XLA cannot count the values that Equalize needs, and GPUs would use it

    def call(self, inputs, training=True):
        if not training:
            return inputs
        if isinstance(inputs, dict):
            left_behind = {"bounding_boxes", "keypoints", "segmentation_masks"} & inputs.keys()
            if left_behind:
                raise ValueError(f"TrivialAugmentWide cannot move {', '.join(sorted(left_behind))}")
        return super().call(inputs)

    def get_random_transformation(self, **kwargs):
        return self._random_generator.uniform_full_int([2], tf.int32)

    def augment_image(self, image, transformation, **kwargs):
        pixels = _whole_pixels(image) if image.dtype.is_floating else image
        return tf.cast(trivial_augment_wide(pixels, transformation), image.dtype)

    def augment_label(self, label, transformation, **kwargs):
        return label

    def _ensure_inputs_are_compute_dtype(self, inputs):
        # The base class would make all of them the dtype of the layer, and labels follow its photos.
        if isinstance(inputs, dict):
            return {**inputs, "images": tf.convert_to_tensor(inputs["images"])}
        return tf.convert_to_tensor(inputs)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}
