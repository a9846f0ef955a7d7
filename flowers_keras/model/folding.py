"""The classifier, or its frozen trunk, made for fast inference.

Frozen BatchNormalization is a factor and an offset per channel, which can be folded into the convolution
before it (Jacob et al. 2018, arXiv 1712.05877, section 3.2). Keras normalises bfloat16 values in float32,
through memory and back after each of 94 convolutions; without that, a pass in bfloat16 takes half the time.
"""

import keras

from flowers_keras.model import classifier

# Increased when the trunk's values change: stored features are then computed again.
# `tests/model/test_folding.py` pins the values of each version.
TRUNK_VERSION = 1


def make_trunk(model, boundary):
    """The frozen part of a classifier.

    Args:
      model: a classifier.
      boundary: one of `config.BOUNDARIES`.

    Returns:
      keras.Model: photos -> (output of the layer `boundary`, pooled features), in one pass. In
      float32 its layers are the classifier's: folding would save a tenth of the time and change
      the last digits. In bfloat16 it is a folded copy of the weights as they are now.
    """
    trunk = plain_trunk(model, boundary)
    if any(layer.compute_dtype == "bfloat16" for layer in trunk.layers):
        trunk = fold_batch_norm(trunk)
    return trunk


def plain_trunk(model, boundary):
    """The trunk in the classifier's own layers, whatever their dtype."""
    outputs = [model.get_layer(name).output for name in (boundary, "pooled")]
    return keras.Model(model.input, outputs, name="trunk")


def fast_copy(model, policy):
    """The classifier for passes that need not give the saved file's last digits.

    Args:
      model: a float32 classifier.
      policy: dtype policy of its backbone, "float32" or "mixed_bfloat16".

    Returns:
      keras.Model: photos -> probabilities. In float32 it is `model`; in bfloat16 a folded copy, as
      in `make_trunk`.
    """
    return model if policy == "float32" else fold_batch_norm(classifier.with_policy(model, policy))


def fold_batch_norm(network):
    """A copy of a network in inference mode, each BatchNormalization folded into its convolution.

    Args:
      network: functional keras.Model in which BatchNormalization follows a Conv2D that has no
        activation and no other reader; elsewhere it stays as it is.

    Returns:
      keras.Model of the same name, which computes the same function. None of it is trainable.
    """
    norm_after = norms_after_convolutions(network)

    def without_norm(layer):
        if layer in norm_after.values():
            return keras.layers.Activation("linear", name=layer.name, dtype=layer.dtype_policy)
        config = layer.get_config()
        if layer.name in norm_after:
            config["use_bias"] = True
        return type(layer).from_config(config)

    folded = keras.models.clone_model(
        network,
        clone_function=without_norm,
        call_function=lambda layer, *inputs, **_: layer(*inputs),  # no layer takes masks
    )
    for layer in folded.layers:
        if layer.weights:
            layer.set_weights(_weights(network.get_layer(layer.name), norm_after.get(layer.name)))
    folded.trainable = False
    return folded


def norms_after_convolutions(network):
    """Name of a Conv2D -> the BatchNormalization that alone reads its output, for all that there are.

    Args:
      network: functional keras.Model.
    """
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    norm_of = {id(norm.input): norm for norm in norms}
    return {
        layer.name: norm_of[id(layer.output)]
        for layer in network.layers
        if isinstance(layer, keras.layers.Conv2D) and id(layer.output) in norm_of
    }


def factor_and_offset(norm):
    """What BatchNormalization in inference mode multiplies each channel by, and then adds.

    Args:
      norm: built keras.layers.BatchNormalization.

    Returns:
      (factor, offset): float32 tensors [channels].
    """
    factor = 1 / keras.ops.sqrt(norm.moving_variance.value + norm.epsilon)
    if norm.scale:
        factor *= norm.gamma.value
    offset = -norm.moving_mean.value * factor
    if norm.center:
        offset += norm.beta.value
    return factor, offset


def _weights(layer, norm):
    """The weights of a layer, those of the BatchNormalization after it, if there is one, folded in."""
    if norm is None:
        return layer.get_weights()
    kernel, *bias = layer.get_weights()
    factor, offset = (keras.ops.convert_to_numpy(each) for each in factor_and_offset(norm))
    return [kernel * factor, offset + bias[0] * factor if bias else offset]
