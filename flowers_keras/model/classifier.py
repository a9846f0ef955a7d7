"""The classifier: InceptionV3 and a head; which layers train, and where it can be cut.

One flat functional model, from raw RGB to probabilities:

  photo [S, S, 3] 0-255 -> rescaling -> InceptionV3 ... mixed8 ... mixed10 -> pooled [2048]
  -> hidden [1024] -> dropout -> probabilities [classes]

It is flat, so that `get_layer("mixed8")` works, and so that it can be cut there and exported.
"""

import contextlib
import math

import keras

from flowers_keras import distributed, user_paths
from flowers_keras.errors import UserError

HEAD = ("hidden", "dropout", "probabilities")  # layers


def build_classifier(config, class_count, policy="float32"):
    """The classifier, nothing frozen.

    Args:
      config: with `data.image_size` and section `model`: `weights`, `pooled_layers`, `hidden_units`,
        `dropout` and `l2`.
      class_count: number of classes, at least 2.
      policy: dtype policy of the backbone; the head is float32.

    Returns:
      keras.Model: float32 or uint8 [batch, image_size, image_size, 3], 0 to 255 ->
      float32 [batch, class_count] that sums to 1.

    Raises:
      UserError: the weights cannot be downloaded or read, or are not InceptionV3's.
    """
    size, settings = config.data.image_size, config.model
    photo = keras.Input((size, size, 3), name="photo")
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0, dtype="float32", name="rescaling")(photo)
    with dtype_policy(policy):
        backbone = _backbone(scaled, settings.weights)
    regularizer = keras.regularizers.L2(settings.l2)
    x = _pool(backbone, settings.pooled_layers.split("+"))
    x = keras.layers.Dense(
        settings.hidden_units, "relu", kernel_regularizer=regularizer, dtype="float32", name="hidden"
    )(x)
    x = keras.layers.Dropout(settings.dropout, dtype="float32", name="dropout")(x)
    probabilities = keras.layers.Dense(
        class_count, "softmax", kernel_regularizer=regularizer, dtype="float32", name="probabilities"
    )(x)
    return keras.Model(photo, probabilities, name="flower_classifier")


def _pool(backbone, names):
    """The tensor `pooled`: global averages of one or more layers, concatenated."""
    if len(names) == 1:
        return keras.layers.GlobalAveragePooling2D(dtype="float32", name="pooled")(
            backbone.get_layer(names[0]).output
        )
    means = [
        keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"pooled_{name}")(
            backbone.get_layer(name).output
        )
        for name in names
    ]
    return keras.layers.Concatenate(dtype="float32", name="pooled")(means)


def pooled_layers(model):
    """Names of the layers whose global average the head takes, such as ("mixed10",), as `_pool` made them."""
    names = [layer.name for layer in model.layers if layer.name.startswith("pooled_")]
    return tuple(name.removeprefix("pooled_") for name in names) or ("mixed10",)


@contextlib.contextmanager
def dtype_policy(policy):
    """Layers that are created inside the block have the dtype policy "float32" or "mixed_bfloat16"."""
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
        with distributed.main_process_first("weights"):  # which Keras downloads once
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
    if path := user_paths.weights_file(weights):
        _load_backbone_weights(backbone, path)
    return backbone


def _load_backbone_weights(backbone, path):
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and Keras raise whatever they stumble over
        raise UserError(
            f"model.weights={path} does not hold InceptionV3's weights without its top "
            f"({type(error).__name__}); it may be of another network or truncated: download it again"
        ) from error


def freeze(model):
    """Freezes the backbone, so that only the head (the layers after `pooled`, 4 variables) trains."""
    unfreeze_from(model, "pooled")


def unfreeze_from(model, boundary, train_batch_norm=False):
    """Makes everything after the output of layer `boundary` trainable and freezes the rest.

    Takes effect at the next `compile()`.

    Args:
      model: a classifier.
      boundary: one of `config.BOUNDARIES`; "rescaling" unfreezes the whole backbone.
      train_batch_norm: whether BatchNormalization after the boundary trains, too. A frozen layer uses
        its statistics and does not change them; passing `training=False` would not do that (keras#20285).
    """
    free = False
    for layer in model.layers:
        # Set on each layer: set on a container, Keras would leave frozen children frozen.
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        layer.trainable = free and (train_batch_norm or not batch_norm)
        free = free or layer.name == boundary


def cut(model, boundary):
    """Cuts the classifier into two models that share its layers: training one trains the classifier.

    Args:
      model: a classifier.
      boundary: one of `config.BOUNDARIES`, not after any layer that is pooled.

    Returns:
      (trunk, tail): photo -> output of the layer `boundary`, and that output -> probabilities.
    """
    return submodel(model, "photo", boundary), submodel(model, boundary, "probabilities")


def submodel(model, first, *last):
    """The layers of a classifier from the output of the layer `first` to that of `last`, one or several.

    Made once for each model and kept as long as it: Keras leaves a node in every layer each time, so that a
    serving process would grow.

    Raises:
      ValueError: `last` reads a layer before `first`.
    """
    # Behind Keras's back, which would track an attribute and save the submodels along with the model.
    made = vars(model).setdefault("__submodels__", {})
    if (first, *last) not in made:
        start, *ends = (model.get_layer(name).output for name in (first, *last))
        names = "_".join(last)
        try:
            made[first, *last] = keras.Model(
                start, ends if len(ends) > 1 else ends[0], name=f"{first}_to_{names}"
            )
        except ValueError as error:
            raise ValueError(f"{names} reads a layer before {first}; cut the classifier before it") from error
    return made[first, *last]


def with_policy(model, policy):
    """A copy of a classifier, with its weights, whose backbone has another dtype policy; not compiled.

    Args:
      model: a classifier.
      policy: "float32", "mixed_bfloat16" or "float64".
    """

    def copy(layer):
        config = layer.get_config()
        if not layer.name.startswith(("photo", "rescaling", "pooled", *HEAD)):
            config["dtype"] = policy
        return type(layer).from_config(config)

    bare = keras.Model(model.input, model.output, name=model.name)  # a file has no use for an optimizer
    twin = keras.models.clone_model(bare, clone_function=copy)
    for layer in model.layers:
        twin.get_layer(layer.name).set_weights(layer.get_weights())
    return twin


def count_parameters(model):
    """(trainable, frozen) numbers of parameters."""
    trainable, every = (
        sum(math.prod(variable.shape) for variable in variables)
        for variables in (model.trainable_weights, model.weights)
    )
    return trainable, every - trainable
