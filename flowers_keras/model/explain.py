"""See why: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391), where the winning class comes from.

The gradient is that of the winning class's logit, not of its probability: a softmax that is sure
has almost no gradient left. From the pooled features on it has a closed form, as only a rectified
layer and the logits follow. Small photos leave too few places in the layers that are pooled; then an
earlier layer is explained, and the backend differentiates what lies between.
"""

import keras
import numpy as np

from flowers_keras.config import BOUNDARIES
from flowers_keras.model import classifier

LEAST_PLACES = 5  # in a row and in a column of a heat map, before it is enlarged

BATCH = 8  # photos at a time; their activations are all in memory, layer by layer


def heat_maps(model, photos, classes=None):
    """How much each place of each photo speaks for a class.

    Args:
      model: a classifier.
      photos: uint8 [count, S, S, 3], 0 to 255.
      classes: int [count], the class to explain of each photo; the most probable by default.

    Returns:
      float32 [count, S, S], 0 to 1; the strongest place of a photo is 1. All 0 where no place
      speaks for the class.
    """
    maps = [np.zeros((0, *model.input_shape[1:3]), np.float32)]
    for start in range(0, len(photos), BATCH):
        values, found, first = keras.ops.convert_to_tensor(photos[start : start + BATCH]), [], "photo"
        for name in explained_layers(model):
            values, first = classifier.submodel(model, first, name)(values, training=False), name
            found.append(values)
        chosen = None if classes is None else classes[start : start + BATCH]
        activations = keras.ops.concatenate(found, axis=-1)
        maps.append(_enlarge(class_activation(model, activations, chosen), model.input_shape[1]))
    return np.concatenate(maps)


def explained_layers(model):
    """Names of the layers that heat maps are made of, their channels side by side.

    Returns:
      The layers that are pooled; where those have less than `LEAST_PLACES` in a row, the last mixed
      block that has them (at 96 pixels `mixed2`, with 9x9).
    """
    pooled = classifier.pooled_layers(model)
    blocks = [name for name in BOUNDARIES if name.startswith("mixed")]
    fine = [name for name in blocks if model.get_layer(name).output.shape[1] >= LEAST_PLACES]
    return pooled if pooled[-1] in fine else (fine[-1],)


def class_activation(model, activations, classes=None):
    """Grad-CAM of activations, at their own resolution and scale.

    Args:
      model: a classifier.
      activations: float [count, height, width, channels], the outputs of `explained_layers`.
      classes: as for `heat_maps`.

    Returns:
      float32 [count, height, width], at least 0.
    """
    layers = explained_layers(model)
    values = keras.ops.cast(activations, "float32")
    if layers == classifier.pooled_layers(model):
        slopes = _logit_slopes(model, keras.ops.mean(values, axis=(1, 2)), classes)
        weights = slopes / (values.shape[1] * values.shape[2])
    else:
        between = classifier.submodel(model, layers[0], "pooled")
        gradient = _gradient(between, values, lambda pooled: _logit_slopes(model, pooled, classes))
        weights = keras.ops.convert_to_numpy(gradient).mean(axis=(1, 2))
    return np.maximum(np.einsum("nhwc,nc->nhw", keras.ops.convert_to_numpy(values), weights), 0)


def _logit_slopes(model, pooled, classes):
    """d logit / d pooled, float32 [count, pooled features]: of the class, or the most probable one."""
    pooled = keras.ops.convert_to_numpy(pooled)
    (kernel, bias), (last_kernel, last_bias) = (
        model.get_layer(name).get_weights() for name in ("hidden", "probabilities")
    )
    hidden = pooled @ kernel + bias
    if classes is None:
        classes = (np.maximum(hidden, 0) @ last_kernel + last_bias).argmax(axis=1)
    # Back through the logits' kernel, the rectifier's mask, the hidden kernel.
    return (last_kernel.T[classes] * (hidden > 0)) @ kernel.T


def _gradient(network, values, slopes_of):
    """The gradient at `values`, by the backend, as Keras has none of its own.

    Args:
      network: keras.Model, values -> output.
      slopes_of: output -> what the output's elements weigh in what is differentiated.
    """
    if keras.backend.backend() == "jax":
        import jax

        output, pull_back = jax.vjp(lambda x: network(x, training=False), values)
        return pull_back(slopes_of(output))[0]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(values)
        output = network(values, training=False)
    return tape.gradient(output, values, slopes_of(output))


def _enlarge(maps, image_size):
    """float32 [count, image_size, image_size], scaled so that each map's maximum is 1."""
    enlarged = keras.ops.image.resize(
        maps[..., None], (image_size, image_size), "bicubic", data_format="channels_last"
    )
    enlarged = np.maximum(keras.ops.convert_to_numpy(enlarged)[..., 0], 0)
    strongest = enlarged.max(axis=(1, 2), keepdims=True)
    return np.divide(enlarged, strongest, out=np.zeros_like(enlarged), where=strongest > 0)
