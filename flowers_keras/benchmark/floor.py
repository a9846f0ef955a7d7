"""What a step of training would take if it did nothing but its matrix products."""

import math

import keras

from flowers_keras.benchmark.compiled import compile_function
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
        tuple(
            keras.random.normal(shape, dtype=dtype)
            for shape in ((rows, inner), (inner, columns), (rows, columns))
        )
        for rows, inner, columns in shapes
    ]

    def step(factors):
        return [
            (
                keras.ops.matmul(values, kernel),
                keras.ops.matmul(upstream, keras.ops.transpose(kernel)),
                keras.ops.matmul(keras.ops.transpose(values), upstream),
            )
            for values, kernel, upstream in factors
        ]

    compiled = compile_function(step)
    return rate(lambda: compiled(factors), examples)
