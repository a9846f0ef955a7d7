"""The classifier: InceptionV3 and a head, its phases, its cut at a boundary, its file.

One flat functional model, raw RGB in, probabilities out:

  photo [S, S, 3] 0-255 -> rescaling -> InceptionV3 ... mixed8 ... mixed10 -> pooled [2048]
  -> hidden [1024] -> dropout -> probabilities [classes]

Flat, so that `get_layer("mixed8")` works on it, it can be cut there, and it exports.
"""

import contextlib
import math

import keras

from flowers_keras import files
from flowers_keras.errors import UserError


def build_classifier(
    class_count, image_size=299, weights="", hidden_units=1024, dropout=0.6, l2=1e-4, policy="float32"
):
    """The classifier, nothing frozen.

    Args:
      class_count: number of classes, at least 2.
      image_size: side of the square photo in pixels, at least 75.
      weights: "imagenet" (downloaded), "" for random, or the path of a Keras `.h5` file of
        InceptionV3 without its top.
      hidden_units: width of the hidden layer.
      dropout: rate from 0 to 1, between the hidden layer and the output.
      l2: factor of the L2 penalty on both kernels of the head.
      policy: dtype policy of the backbone; the head is float32.

    Returns:
      keras.Model: float32 or uint8 [batch, image_size, image_size, 3], 0 to 255 ->
      float32 [batch, class_count] that sums to 1.

    Raises:
      UserError: the weights cannot be had or are not InceptionV3's.
    """
    photo = keras.Input((image_size, image_size, 3), name="photo")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="rescaling")(photo)
    with dtype_policy(policy):
        backbone = _backbone(scaled, weights)
    pooled = keras.layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(backbone.output)
    regularizer = keras.regularizers.L2(l2)
    x = keras.layers.Dense(
        hidden_units, "relu", kernel_regularizer=regularizer, dtype="float32", name="hidden"
    )(pooled)
    x = keras.layers.Dropout(dropout, dtype="float32", name="dropout")(x)
    probabilities = keras.layers.Dense(
        class_count,
        "softmax",
        kernel_regularizer=regularizer,
        dtype="float32",
        name="probabilities",
    )(x)
    return keras.Model(photo, probabilities, name="flower_classifier")


@contextlib.contextmanager
def dtype_policy(policy):
    """Layers made inside compute by `policy`, "float32" or "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _backbone(scaled, weights):
    """InceptionV3 without its top on the tensor `scaled`, with its weights."""
    known = weights == "imagenet"
    try:
        backbone = keras.applications.InceptionV3(
            include_top=False, weights="imagenet" if known else None, input_tensor=scaled
        )
    except Exception as error:
        if not known:
            raise
        raise UserError(
            f"the ImageNet weights cannot be downloaded ({type(error).__name__}); pass a file by "
            "--config.model.weights=PATH.h5, or try --config=configs/quickstart.py, which needs none"
        ) from error
    if weights and not known:
        _load_backbone_weights(backbone, files.user_path(weights))
    return backbone


def _load_backbone_weights(backbone, path):
    if not path.is_file():
        raise UserError(
            f"model.weights={path} is no file; type imagenet, the path of a Keras .h5 file of "
            'InceptionV3 without its top, or "" for random weights'
        )
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise whatever they stumble over
        raise UserError(
            f"model.weights={path} does not hold InceptionV3's weights without its top "
            f"({type(error).__name__}); it may be of another network or truncated: download it again"
        ) from error


def freeze(model):
    """Freezes the backbone: only the layers after `pooled`, the head's 4 variables, train."""
    unfreeze_from(model, "pooled")


def unfreeze_from(model, boundary, train_batch_norm=False):
    """Makes everything after the output of layer `boundary` trainable and freezes the rest.

    Takes effect at the next `compile()`.

    Args:
      model: a classifier.
      boundary: one of `BOUNDARIES`; "rescaling" frees the whole backbone.
      train_batch_norm: whether BatchNormalization after the boundary trains too. A frozen one uses
        and keeps the statistics that it has: passing `training=False` would not (keras#20285).
    """
    free = False
    for layer in model.layers:
        # Each layer's own flag: on a container Keras would leave frozen children frozen.
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = free and (train_batch_norm or not batch_norm)
        free = free or layer.name == boundary


def cut(model, boundary):
    """Cuts the classifier in two that share its layers: training a part trains the classifier.

    Args:
      boundary: one of `BOUNDARIES`.

    Returns:
      (trunk, tail): photo -> output of the layer `boundary`, and that output -> probabilities.
    """
    tensor = model.get_layer(boundary).output
    return keras.Model(model.input, tensor, name="trunk"), keras.Model(tensor, model.output, name="tail")


def count_parameters(model):
    """(trainable, frozen) numbers of parameters."""
    trainable, every = (
        sum(math.prod(variable.shape) for variable in variables)
        for variables in (model.trainable_weights, model.weights)
    )
    return trainable, every - trainable
