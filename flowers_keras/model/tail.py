"""The trainable tail as a network of its own, made for fast training steps.

In bfloat16 on a CPU most of a step went into the gradients of the convolution kernels, which oneDNN computes
much more slowly than its matrix products, and a seventh into BatchNormalization that does not train (see
`model/folding.py`). Here the gradient is one matrix product for each position in the kernel, and frozen
BatchNormalization is a factor of the kernel and an offset. GPUs do not need this: on an NVIDIA H200 the
classifier's own layers took 0.82 of the time at 32 photos per step.
"""

import keras

from flowers_keras import runtime
from flowers_keras.model import classifier, folding


def make_tail(model, boundary, train_batch_norm=False):
    """The layers of a classifier after a boundary, for training.

    Args:
      model: a classifier.
      boundary: one of `config.BOUNDARIES`.
      train_batch_norm: whether BatchNormalization after the boundary trains, too; it then stays unchanged.

    Returns:
      keras.Model: output of the layer `boundary` -> probabilities. It shares every variable with `model`,
      so that training it trains the classifier. Its layers are the classifier's, except that in bfloat16 on
      a CPU a `NormalizedConvolution` replaces each convolution that it can.
    """
    _, tail = classifier.cut(model, boundary)
    if train_batch_norm or runtime.accelerators():
        return tail
    normalized = folding.norms_after_convolutions(tail)
    fast = {
        name: norm
        for name, norm in normalized.items()
        if NormalizedConvolution.can_replace(tail.get_layer(name))
    }
    if not fast:
        return tail
    replaced = {norm.name for norm in fast.values()}

    def layer_of(layer):
        if layer.name in fast:
            return NormalizedConvolution(layer, fast[layer.name], name=f"{layer.name}_normalized")
        if layer.name in replaced:
            return keras.layers.Activation("linear", dtype=layer.dtype_policy)
        return layer

    return keras.models.clone_model(
        tail, clone_function=layer_of, call_function=lambda layer, *inputs, **_: layer(*inputs)
    )


class NormalizedConvolution(keras.layers.Layer):
    """A convolution and the frozen BatchNormalization after it as one layer.

    bfloat16 [batch, height, width, channels] -> bfloat16 [batch, height, width, filters].

    Args:
      convolution: built keras.layers.Conv2D for which `can_replace` holds; its kernel trains.
      norm: built keras.layers.BatchNormalization; its variables are read at every step.
    """

    def __init__(self, convolution, norm, **kwargs):
        super().__init__(autocast=False, dtype="float32", **kwargs)  # the variables as they are, in float32
        self.convolution, self.norm = convolution, norm
        self.built = True

    @staticmethod
    def can_replace(layer):
        """Whether a layer can be replaced: bfloat16, stride 1, odd kernel size, no bias."""
        return (
            layer.compute_dtype == "bfloat16"
            and layer.padding == "same"
            and not layer.use_bias
            and set(layer.strides) == set(layer.dilation_rate) == {layer.groups} == {1}
            and all(size % 2 for size in layer.kernel_size)
        )

    def call(self, inputs):
        factor, offset = folding.factor_and_offset(self.norm)
        kernel = keras.ops.cast(self.convolution.kernel.value * factor, "bfloat16")
        return convolve(inputs, kernel) + keras.ops.cast(offset, "bfloat16")

    def get_config(self):  # TensorBoard draws the network from it
        parts = {"convolution": self.convolution, "norm": self.norm}
        return super().get_config() | {
            name: keras.saving.serialize_keras_object(layer) for name, layer in parts.items()
        }

    def compute_output_spec(self, inputs):
        return keras.KerasTensor(self.convolution.compute_output_shape(inputs.shape), "bfloat16")


@keras.ops.custom_gradient
def convolve(inputs, kernel):
    """A convolution of stride 1 that keeps height and width, with faster gradients than the backend's.

    Args:
      inputs: [batch, height, width, channels].
      kernel: [rows, columns, channels, filters], rows and columns odd.

    Returns:
      [batch, height, width, filters].
    """

    def gradients(*given, upstream=None):  # Keras passes it by position or, under torch, by name
        upstream = given[0] if upstream is None else upstream
        mirrored = keras.ops.transpose(keras.ops.flip(kernel, (0, 1)), (0, 1, 3, 2))
        return keras.ops.conv(upstream, mirrored, padding="same"), _kernel_gradient(
            inputs, upstream, kernel.shape
        )

    return keras.ops.conv(inputs, kernel, padding="same"), gradients


def _kernel_gradient(inputs, upstream, shape):
    """[rows, columns, channels, filters]: for each position the inputs under it, times `upstream`."""
    rows, columns = shape[:2]
    height, width = inputs.shape[1:3]
    if rows == columns == 1:
        padded = inputs
    else:
        padded = keras.ops.pad(inputs, ((0, 0), (rows // 2,) * 2, (columns // 2,) * 2, (0, 0)))
    products = [
        keras.ops.einsum("bhwc,bhwf->cf", padded[:, i : i + height, j : j + width], upstream)
        for i in range(rows)
        for j in range(columns)
    ]
    return keras.ops.reshape(keras.ops.stack(products), shape)
