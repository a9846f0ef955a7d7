"""The one way a photo of any size becomes a square: in training, evaluation, prediction, exports."""

import tensorflow as tf


def resize(photo, image_size):
    """The whole photo, squashed to a square.

    Args:
      photo: uint8 [height, width, 3], 0 to 255.
      image_size: int, pixels.

    Returns:
      uint8 [image_size, image_size, 3], 0 to 255: bilinear, antialiased, rounded.
    """
    resized = tf.image.resize(photo, (image_size, image_size), "bilinear", antialias=True)
    return tf.saturate_cast(tf.round(resized), tf.uint8)
