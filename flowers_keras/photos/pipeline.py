"""From positions to batches: index stream -> decode -> resize -> augment -> batch.

All photos reach the network through this module, in training and after it. Every draw is addressed by
(seed, epoch, photo), so that workers may finish in any order and a run resumes exactly.
"""

import contextlib
import functools
import math
import re

import numpy as np
import tensorflow as tf

from flowers_keras.errors import UserError
from flowers_keras.photos import reader
from flowers_keras.photos.resize import resize

# Increased when a photo's pixels, crop, resizing or augmentation change: stored features are then computed
# again. `tests/photos/test_pipeline.py` pins the values of each version.
PIXELS_VERSION = 2


def even_batch_size(count, largest):
    """The batch size, at most `largest`, that cuts `count` photos into as few batches, all of about one size.

    Example:
      >>> even_batch_size(65, 64), even_batch_size(64, 64)
      (33, 64)
    """
    return math.ceil(count / math.ceil(count / largest))


def plain_batches(photos, positions, image_size, batch_size):
    """Photos as they are, in the order of `positions`; the last batch may be smaller.

    Returns:
      tf.data.Dataset of uint8 [batch, image_size, image_size, 3].
    """
    return _in_order(photos, positions, batch_size, lambda photo, _: resize(photo, image_size))


def view_batches(photos, positions, epoch, batch_size, augmentation):
    """Photos as epoch `epoch` sees them, in the order of `positions`.

    Args:
      augmentation: (photo uint8 [height, width, 3], epoch, position) -> uint8 [S, S, 3], as
        `training_views.make_augmentation` makes it.

    Returns:
      tf.data.Dataset of uint8 [batch, S, S, 3].
    """
    return _in_order(photos, positions, batch_size, lambda photo, i: augmentation(photo, epoch, i))


def _in_order(photos, positions, batch_size, prepare):
    dataset = tf.data.Dataset.from_tensor_slices(np.asarray(positions, np.int64))
    dataset = dataset.map(lambda i: prepare(_decode(photos, i), i), tf.data.AUTOTUNE)
    return dataset.batch(batch_size).prefetch(2)


def stored_in_order(gather, count, batch_size):
    """Stored values one after the other: batches of `gather(rows)`, NumPy [batch, ...]."""
    rows = tf.data.Dataset.range(count).batch(batch_size)
    sample = gather(np.zeros(1, np.int64))
    return rows.map(lambda each: _call(gather, [each], sample)).prefetch(2)


def label_batches(labels, batch_size):
    """int32 [batch] labels, in order."""
    return tf.data.Dataset.from_tensor_slices(np.asarray(labels, np.int32)).batch(batch_size)


def one_hot(batches, class_count):
    """Batches of (values, int32 [batch] labels) with labels float32 [batch, class_count]."""
    return batches.map(lambda values, labels: (values, tf.one_hot(labels, class_count)))


def pair(values, labels):
    """Batches of (values, labels) from two datasets of one order."""
    return tf.data.Dataset.zip((values, labels))


def epochs_of(count, seed, epochs, batches_of):
    """The batches of many epochs, each in an order of its own.

    Args:
      count: number of examples.
      seed: of the order; it and the number of the epoch determine it.
      epochs: range of epochs.
      batches_of: (epoch, int64 [count] order of the examples) -> Dataset of one epoch's batches.

    Returns:
      tf.data.Dataset over all of `epochs`; an epoch's last batch may be smaller than the others.
    """

    def one_epoch(epoch):
        order = tf.random.experimental.stateless_shuffle(
            tf.range(count, dtype=tf.int64), seed=tf.stack([tf.cast(seed, tf.int64), epoch])
        )
        return batches_of(epoch, order)

    dataset = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch)
    return dataset.prefetch(2)


def training_batches(photos, positions, image_size, batch_size, augmentation, seed, epochs, wanted=None):
    """Fresh views: every epoch decodes and augments every photo again.

    Args:
      wanted: bool [positions], which examples of an epoch, in its order, this process computes; zeros
        stand for the others. None for all.

    Returns:
      tf.data.Dataset of (uint8 [batch, S, S, 3], int32 [batch] labels).
    """
    positions = tf.constant(positions, tf.int64)
    labels = tf.constant(photos.labels, tf.int32)
    wanted = tf.ones(len(positions), tf.bool) if wanted is None else tf.constant(wanted)
    blank = tf.zeros((image_size, image_size, 3), tf.uint8)

    def load(epoch, position, here):
        def view():
            return augmentation(_decode(photos, position), epoch, position)

        return tf.cond(here, view, lambda: blank), tf.gather(labels, position)

    def one_epoch(epoch, order):
        examples = tf.data.Dataset.from_tensor_slices((tf.gather(positions, order), wanted))
        return examples.map(functools.partial(load, epoch), tf.data.AUTOTUNE).batch(batch_size)

    return epochs_of(len(positions), seed, epochs, one_epoch)


def stored_batches(gather, labels, batch_size, seed, epochs):
    """Stored views: every epoch reads one back.

    Args:
      gather: (epoch, int64 [batch] rows) -> values [batch, ...], NumPy.
      labels: int32 [count].

    Returns:
      tf.data.Dataset of (values, int32 [batch] labels).
    """
    labels = tf.constant(labels, tf.int32)
    sample = gather(0, np.zeros(1, np.int64))

    def one_epoch(epoch, order):
        rows = tf.data.Dataset.from_tensor_slices(order).batch(batch_size)
        return rows.map(
            lambda each: (_call(gather, [epoch, each], sample), tf.gather(labels, each)),
            tf.data.AUTOTUNE,
        )

    return epochs_of(len(labels), seed, epochs, one_epoch)


def read_pixels(photos, position):
    """uint8 [height, width, 3]: the photo at `position`, which could be read when the run began.

    Raises:
      UserError: it broke or vanished since then.
    """
    try:
        return reader.read_photo(photos.read(position))
    except reader.BrokenPhoto as error:
        name = " ".join(photos.ids[position].split())
        raise UserError(
            f"the photo {name} cannot be read any more: {error}; "
            "put it back as it was, or start a new run without it"
        ) from error


@contextlib.contextmanager
def photo_errors():
    """Inside, a photo that a batch cannot read is a UserError, not TensorFlow's report of one."""
    try:
        yield
    except tf.errors.OpError as error:
        cause = re.search(r"\bUserError: (.+)", str(error))
        if cause is None:
            raise
        raise UserError(cause[1]) from None


def _decode(photos, position):
    """The same in a graph."""
    photo = tf.numpy_function(lambda i: read_pixels(photos, int(i)), [position], tf.uint8, stateful=False)
    photo.set_shape([None, None, 3])
    return photo


def _call(gather, arguments, sample):
    """`gather(*arguments)` in NumPy, of the dtype and row shape of `sample`."""
    values = tf.numpy_function(gather, arguments, sample.dtype, stateful=False)
    values.set_shape([None, *sample.shape[1:]])
    return values
