"""The classifier as one function of photos of any size, in operations that every format has.

`tf.image.resize` has no counterpart in LiteRT, and ONNX's antialiased Resize takes its coordinates in
another precision. Two matrix products, with weights that the graph computes from the size of the
photo, say the same everywhere.
"""

import tensorflow as tf


def serving_function(model, image_size, resize):
    """What an export computes.

    Args:
      model: a classifier.
      image_size: side of the photos that it was trained on, pixels.
      resize: (photos, image_size) -> [batch, image_size, image_size, 3]; of this module, or of
        `flowers_keras.resize`.

    Returns:
      uint8 [batch, height, width, 3], RGB, 0 to 255 -> {"probabilities": float32 [batch, classes]}.
    """

    def serve(photo):
        square = tf.cast(resize(photo, image_size), tf.float32)
        return {"probabilities": model(square, training=False)}

    return serve


def resize(photos, image_size):
    """What `flowers_keras.resize.resize` does, as float32 and for a batch of photos.

    Its values are the same but for one level where the exact one lies halfway between two, which
    happens to about 1 in 10,000: sums of float32 depend on their order.
    """
    photos = tf.cast(photos, tf.float32)
    for _ in range(2):
        photos = _resize_height_and_transpose(photos, image_size)
    return tf.clip_by_value(tf.round(photos), 0.0, 255.0)


def _resize_height_and_transpose(photos, image_size):
    """[batch, height, width, 3] -> [batch, width, image_size, 3]."""
    batch, height, width, _ = tf.unstack(tf.shape(photos))
    columns = tf.reshape(photos, [batch, height, width * 3])
    rows = tf.matmul(resize_weights(height, image_size), columns)
    return tf.transpose(tf.reshape(rows, [batch, image_size, width, 3]), [0, 2, 1, 3])


def resize_weights(size, image_size):
    """How much each old pixel adds to each new one: float32 [image_size, size], rows sum to 1.

    A triangle around the new pixel's centre, as wide as a new pixel where those are larger. The steps
    are those of TensorFlow's ScaleAndTranslate, which takes the reciprocal of a rounded ratio.
    """
    ratio = 1.0 / (tf.cast(image_size, tf.float32) / tf.cast(size, tf.float32))
    centres = (tf.range(image_size, dtype=tf.float32) + 0.5) * ratio
    distances = tf.range(size, dtype=tf.int32)
    distances = tf.cast(distances, tf.float32) + 0.5 - centres[:, None]
    weights = tf.maximum(0.0, 1.0 - tf.abs(distances / tf.maximum(ratio, 1.0)))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)
