"""The lower bound of a training step: the time of its matrix products alone."""

import dataclasses
import math

import keras

from flowers_keras.benchmark.compiled import compile_function


@dataclasses.dataclass(frozen=True)
class Product:
    """The matrix product that a convolution or a dense layer amounts to.

    Attributes:
      rows: places of all examples of a step.
      inner: values that each place looks at.
      columns: filters.
      passed_on: whether the gradient flows on to earlier layers, because some of them train.
    """

    rows: int
    inner: int
    columns: int
    passed_on: bool

    @property
    def times(self):
        """How often a step computes such a product: forward, for the kernel's gradient, and backward."""
        return 3 if self.passed_on else 2


def products(network, batch_size):
    """The Product of each convolution and dense layer of a network that trains.

    Args:
      network: functional keras.Model.
      batch_size: examples of a step.
    """
    found, copy = [], keras.models.clone_model(network, clone_function=_copy)  # whose layers are in it alone
    for layer in copy.layers:
        if isinstance(layer, keras.layers.Conv2D | keras.layers.Dense):
            *inner, columns = layer.kernel.shape
            places = batch_size * math.prod(layer.output.shape[1:-1])
            before = keras.Model(copy.input, layer.input).trainable_weights
            found.append(Product(places, math.prod(inner), columns, bool(before)))
    return found


def _copy(layer):
    layer = getattr(layer, "convolution", layer)  # of a tail made for fast steps
    return layer.from_config(layer.get_config())


def giga_operations(shapes):
    """Multiplications and additions of a step, in 1e9."""
    return sum(each.times * 2 * each.rows * each.inner * each.columns for each in shapes) / 1e9


def make_step(shapes, dtype):
    """A function that computes these products once, on tensors in memory.

    Args:
      shapes: Products.
      dtype: "bfloat16" or "float32".
    """
    factors = [
        tuple(
            keras.random.normal(shape, dtype=dtype)
            for shape in ((each.rows, each.inner), (each.inner, each.columns), (each.rows, each.columns))
        )
        for each in shapes
    ]

    def step(factors):
        found = []
        for each, (values, kernel, upstream) in zip(shapes, factors, strict=True):
            found.append(keras.ops.matmul(values, kernel))
            found.append(keras.ops.matmul(keras.ops.transpose(values), upstream))
            if each.passed_on:
                found.append(keras.ops.matmul(upstream, keras.ops.transpose(kernel)))
        return found

    compiled = compile_function(step)
    return lambda: compiled(factors)
