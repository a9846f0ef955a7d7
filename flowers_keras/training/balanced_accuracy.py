"""Balanced accuracy as a Keras metric, so that an epoch can be chosen by it."""

import keras


@keras.saving.register_keras_serializable("flowers_keras")
class BalancedAccuracy(keras.metrics.Metric):
    """Mean of the recalls of the classes that have examples: each class counts the same.

    Args:
      class_count: number of classes.

    Example:
      >>> metric = BalancedAccuracy(2)
      >>> metric.update_state([[1.0, 0.0]] * 3 + [[0.0, 1.0]], [[0.9, 0.1]] * 4)  # of class 0, always
      >>> round(float(metric.result()), 3)
      0.5
    """

    def __init__(self, class_count, name="balanced_accuracy"):
        super().__init__(name=name)
        self.class_count = class_count
        self.correct = self.add_variable((class_count,), "zeros", name="correct")
        self.there = self.add_variable((class_count,), "zeros", name="there")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts a batch.

        Args:
          y_true, y_pred: [batch, classes]; the largest value of a row is its class.
          sample_weight: [batch], how often each example counts; None for once.
        """
        true, predicted = keras.ops.argmax(y_true, axis=-1), keras.ops.argmax(y_pred, axis=-1)
        rows = keras.ops.one_hot(true, self.class_count, dtype=self.dtype)
        if sample_weight is not None:
            rows *= keras.ops.cast(sample_weight, self.dtype)[:, None]
        hits = keras.ops.cast(true == predicted, self.dtype)[:, None]
        self.correct.assign(self.correct + keras.ops.sum(rows * hits, axis=0))
        self.there.assign(self.there + keras.ops.sum(rows, axis=0))

    def result(self):
        recall = self.correct / keras.ops.maximum(self.there, 1e-7)
        classes = keras.ops.sum(keras.ops.cast(self.there > 0, self.dtype))
        return keras.ops.sum(recall) / keras.ops.maximum(classes, 1.0)

    def get_config(self):
        """The arguments to make it again, as Keras does for a copy of a compiled network."""
        return {"class_count": self.class_count, "name": self.name}
