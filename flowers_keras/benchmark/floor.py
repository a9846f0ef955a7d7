"""What a step of training would take if it did nothing but its matrix products."""

import math

import keras
import tensorflow as tf

from flowers_keras.benchmark.table import rate


def products(network, batch_size):
    """The matrix product that each convolution and dense layer amounts to.

    Args:
      network: functional keras.Model.
      batch_size: examples of a step.

    Returns:
      [(rows, inner, columns)]: places of all examples, values that each looks at, filters.
    """
    found = []
    for layer in network.layers:
        layer = getattr(layer, "convolution", layer)  # of a tail made for fast steps
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            *inner, columns = layer.kernel.shape
            places = math.prod(layer.output.shape[1:-1])
            found.append((batch_size * places, math.prod(inner), columns))
    return found


def giga_operations(shapes):
    """Multiplications and additions of a step, in 1e9: forwards, and twice as many backwards."""
    return 3 * sum(2 * math.prod(shape) for shape in shapes) / 1e9


def fastest_rate(shapes, dtype, examples):
    """Examples a second of a step that is these products, forwards and backwards, on tensors in memory.

    Args:
      shapes: as of `products`.
      dtype: "bfloat16" or "float32".
      examples: of a step.
    """
    factors = [
        (tf.ones((rows, inner), dtype), tf.ones((inner, columns), dtype), tf.ones((rows, columns), dtype))
        for rows, inner, columns in shapes
    ]

    @tf.function(jit_compile=False)
    def step(factors):
        return [
            (
                tf.matmul(values, kernel),
                tf.matmul(upstream, kernel, transpose_b=True),
                tf.matmul(values, upstream, transpose_a=True),
            )
            for values, kernel, upstream in factors
        ]

    return rate(lambda: step(factors), examples)
