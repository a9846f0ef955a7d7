"""The classifier as one function of photos of any size, in operations that every export format has.

`tf.image.resize` has no counterpart in LiteRT, and ONNX's antialiased Resize gives other last digits.
These matter: a value halfway between two levels may be rounded to the other one, which changes a probability
by up to 4e-4. So the resize is written out here, with its additions in TensorFlow's order.
"""

import tensorflow as tf


def photos_spec(batch=None, size=None):
    """The input of an export: `batch` photos of `size` x `size` pixels; None is any number."""
    return tf.TensorSpec((batch, size, size, 3), tf.uint8, name="photo")


def serving_function(model, image_size, resize):
    """What an export computes.

    Args:
      model: a classifier.
      image_size: side of the photos that it was trained on, pixels.
      resize: (photos, image_size) -> [batch, image_size, image_size, 3], 0 to 255; of this module or
        of `photos/resize.py`.

    Returns:
      uint8 [batch, height, width, 3], RGB, 0 to 255 -> {"probabilities": float32 [batch, classes]}.
    """

    def serve(photo):
        square = tf.cast(resize(photo, image_size), tf.float32)
        return {"probabilities": model(square, training=False)}

    return serve


def resize(photos, image_size):
    """What `photos/resize.py` does, bit for bit, as float32 and for a batch of photos."""
    for _ in range(2):
        photos = tf.transpose(_resize_height(photos, image_size), [0, 2, 1, 3])
    return tf.clip_by_value(tf.round(photos), 0.0, 255.0)


def _resize_height(photos, image_size):
    """[batch, height, width, 3] -> float32 [batch, image_size, width, 3], not rounded."""
    batch, height, width, _ = tf.unstack(tf.shape(photos))
    rows, weights = resize_taps(height, image_size)

    def add(tap, total):
        pixels = tf.cast(tf.gather(photos, rows[tap], axis=1), tf.float32)
        return tap + 1, total + pixels * weights[tap][:, None, None]

    count = tf.shape(rows)[0]
    start = (tf.constant(0), tf.zeros([batch, image_size, width, 3]))
    return tf.while_loop(lambda tap, _: tap < count, add, start)[1]


def resize_taps(size, image_size):
    """Which old pixels make up each new one, and how much each adds: a triangle around its centre.

    The steps and their rounding are those of TensorFlow's ScaleAndTranslate.

    Returns:
      (int32 [taps, image_size] old pixels, float32 [taps, image_size] weights, whose sum over the
      taps is 1).
    """
    ratio = 1.0 / (tf.cast(image_size, tf.float32) / tf.cast(size, tf.float32))
    radius = tf.maximum(ratio, 1.0)
    centres = (tf.range(image_size, dtype=tf.float32) + 0.5) * ratio
    first, last = (
        tf.clip_by_value(tf.cast(edge, tf.int32), 0, size - 1)
        for edge in (tf.math.ceil(centres - radius - 0.5), tf.math.floor(centres + radius - 0.5))
    )
    taps = first + tf.range(tf.reduce_max(last - first) + 1)[:, None]
    distances = tf.abs((tf.cast(taps, tf.float32) + 0.5 - centres) * (1.0 / radius))
    weights = tf.where(taps <= last, tf.maximum(0.0, 1.0 - distances), 0.0)
    # A running sum, for its order of additions is known.
    total = tf.cumsum(weights, axis=0)[-1]
    return tf.minimum(taps, size - 1), weights * (1.0 / total)
