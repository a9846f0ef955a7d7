"""Mixup (Zhang et al. 2018, arXiv 1710.09412), of photos or of stored activations of them."""

import tensorflow as tf


def mixup(values, labels, alpha, seed):
    """Blends each example of a batch, and its label, with the one at the mirrored position in the batch.

    One share is drawn a batch, from Beta(alpha, alpha). The batch is in random order already, so its
    reverse is as good a partner as any.

    Args:
      values: [batch, ...], any numeric dtype; blended in float32.
      labels: float32 [batch, classes], rows that sum to 1.
      alpha: number above 0; the larger, the closer the shares are to a half.
      seed: int32 or int64 [2]; the draw is a pure function of it.

    Returns:
      (values, labels): the same dtypes and shapes.

    Example:
      >>> values, labels = mixup(tf.constant([[0.0], [8.0]]), tf.eye(2), 0.2, [0, 1])
      >>> bool(tf.reduce_all(tf.reduce_sum(values) == 8))
      True
    """
    first, second = tf.unstack(tf.random.stateless_gamma([2], seed, alpha))
    # Of a small alpha both can be less than float32 can hold, and come out as the same least number. Their
    # share is then next to 0 or 1, which blend alike.
    share = tf.where(first == second, 1.0, first / (first + second))

    def blend(tensor):
        mixed = tf.cast(tensor, tf.float32)
        return tf.cast(share * mixed + (1 - share) * tf.reverse(mixed, axis=[0]), tensor.dtype)

    return blend(values), blend(labels)


def mixup_batches(batches, alpha, seed, first=0):
    """Mixup of each batch of a stream.

    Args:
      batches: tf.data.Dataset of (values, labels), as `mixup` takes them.
      alpha: as for `mixup`.
      seed: of the draws; batch number i gets the same draw in every run.
      first: number of the stream's first batch, where a run resumes.
    """
    numbered = batches.enumerate(first)
    return numbered.map(
        lambda number, batch: mixup(*batch, alpha, tf.stack([tf.cast(seed, tf.int64), number]))
    )
