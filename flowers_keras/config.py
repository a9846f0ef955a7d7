"""The config of an experiment: each field with its default, the values it may have and its meaning.

The default config, the checks, their messages and the help (`experiment_flags.py`) all come from `FIELDS`.
"""

import dataclasses
import difflib
import math
from collections.abc import Callable
from typing import Any

import ml_collections

from flowers_keras.errors import UserError

# The network can be cut in two after any of these layers: the layers before it in `model.layers` are
# its ancestors, and those after it are not (mixed8 is Mixed_7a in the papers).
BOUNDARIES = ("rescaling", *(f"mixed{i}" for i in range(11)), "pooled")

SMALLEST_IMAGE = 75  # pixels; InceptionV3's strides leave nothing of a smaller one


@dataclasses.dataclass(frozen=True)
class Allowed:
    """The values that a field may have: their type, a test, and a description of both."""

    type: type
    test: Callable[[Any], bool]
    words: str


def _whole(low, high, unit=""):
    return Allowed(int, lambda value: low <= value <= high, f"a whole number from {low} to {high}{unit}")


def _number(low, high):
    return Allowed(float, lambda value: low <= value <= high, f"a number from {low:g} to {high:g}")


def _positive(high):
    return Allowed(float, lambda value: 0 < value <= high, f"a number above 0, up to {high:g}")


def _choice(*values):
    return Allowed(str, lambda value: value in values, f"one of {', '.join(values)}")


SEED = _whole(0, 2**31 - 1)
TEXT = Allowed(str, lambda value: "\0" not in value, "text")
SWITCH = Allowed(bool, lambda value: True, "true or false")
EPOCHS = _whole(0, 10_000)
RATE = _positive(10)


@dataclasses.dataclass(frozen=True)
class Field:
    """One setting of an experiment."""

    default: Any
    allowed: Allowed
    help: str


def _phase(section, title, epochs, learning_rate):
    """The fields of a phase."""
    share = _number(0, 0.999)
    fields = {
        "epochs": Field(epochs, EPOCHS, f"epochs of {title}"),
        "learning_rate": Field(learning_rate, RATE, "Adam's learning rate, at its highest"),
        "schedule": Field("constant", _choice("constant", "cosine"), "of the rate; cosine falls to 0"),
        "warmup_epochs": Field(0, EPOCHS, "epochs in which a cosine schedule first rises from 0"),
        "label_smoothing": Field(0.0, share, "share of each label that is spread over all classes"),
        "mixup": Field(0.0, _number(0, 100), "alpha: examples are blended by Beta(alpha, alpha); 0: off"),
        "ema": Field(0.0, share, "momentum of a moving average of the weights, which is then kept; 0: off"),
        "keep": Field(
            "best", _choice("best", "best_balanced", "last"), "epoch kept; best: highest validation accuracy"
        ),
        "interpolation": Field(1.0, _number(0, 1), "share of the phase's change that is kept (WiSE-FT)"),
        "patience": Field(0, EPOCHS, "epochs without improvement that end the phase; 0: never"),
    }
    return {f"{section}.{name}": field for name, field in fields.items()}


FIELDS = {
    "seed": Field(0, SEED, "seed of the training: head, dropout, order of the photos"),
    "data.source": Field(
        "tfds:tf_flowers",
        TEXT,
        "tfds:NAME, folder:PATH (one folder per class), csv:PATH (columns path, label and, optionally, "
        "split and group) or synthetic",
    ),
    "data.corrections": Field(
        "", TEXT, "a doubts.csv filled in, or the page's corrections.csv; several, with commas, apply in turn"
    ),
    "data.data_dir": Field("", TEXT, "folder of TFDS data sets; empty: TFDS_DATA_DIR, else TFDS's default"),
    "data.image_size": Field(
        299, _whole(SMALLEST_IMAGE, 1024, " pixels"), "side of the square that the network sees"
    ),
    "data.batch_size": Field(32, _whole(1, 4096, " photos"), "photos in a training step"),
    "data.validation_fraction": Field(0.1, _number(0.01, 0.49), "of each class; every choice is made on it"),
    "data.test_fraction": Field(0.1, _number(0.01, 0.49), "of each class; used once, at the end"),
    "data.split_seed": Field(0, SEED, "seed of the split"),
    "data.twin_distance": Field(
        8, _whole(0, 20, " bits"), "between 64-bit perceptual hashes; closer photos stay in one part"
    ),
    "data.class_weights": Field(
        "none", _choice("none", "balanced"), "in the loss; balanced: every class counts the same"
    ),
    "data.shuffle_labels": Field(False, SWITCH, "a check: with shuffled labels accuracy must fall to chance"),
    "data.synthetic_photos": Field(1000, _whole(15, 1_000_000), "flowers that source synthetic draws"),
    "augment.policy": Field("trivial_wide", _choice("trivial_wide", "none"), "TrivialAugmentWide or nothing"),
    "augment.flip_and_crop": Field(True, SWITCH, "random mirroring, and crops of 70 to 100 % of the area"),
    "augment.seed": Field(0, SEED, "seed of the augmentation"),
    "model.weights": Field(
        "imagenet", TEXT, "imagenet, empty for random weights, or the path of a Keras .h5 or .keras file"
    ),
    "model.start_from": Field("", TEXT, "a finished run, whose head and tail are the starting point"),
    "model.pooled_layers": Field(
        "mixed10", _choice("mixed10", "mixed8+mixed9+mixed10"), "layers whose global average the head takes"
    ),
    "model.hidden_units": Field(1024, _whole(1, 65_536), "width of the head's hidden layer"),
    "model.dropout": Field(0.6, _number(0, 0.99), "rate after the hidden layer"),
    "model.l2": Field(1e-4, _number(0, 1), "penalty on both kernels of the head"),
    "model.unfreeze_from": Field("mixed8", _choice(*BOUNDARIES[:-1]), "phase 2 trains the layers after it"),
    "model.train_batch_norm": Field(False, SWITCH, "whether BatchNorm after that layer trains as well"),
    **_phase("frozen", "phase 1, the head alone", 12, 1e-3),
    **_phase("finetune", "phase 2, which trains what follows model.unfreeze_from", 12, 1e-5),
    "features.views": Field(
        4, _whole(0, 1000), "augmented views stored of each photo; 0: a fresh one every epoch"
    ),
    "features.cache_dir": Field("", TEXT, "folder of stored features; empty: features, beside the run"),
    "evaluation.tta": Field(True, SWITCH, "also average the predictions for each photo and its mirror image"),
    "evaluation.shift_photos": Field(
        60, _whole(0, 1_000_000), "test photos tried in 18 changed conditions; 0: none"
    ),
    "runtime.dtype_policy": Field(
        "auto", _choice("auto", "float32", "mixed_bfloat16"), "auto: bfloat16 if the machine is fast in it"
    ),
    "runtime.deterministic": Field(False, SWITCH, "bit-for-bit repeatable results, a little slower"),
    "runtime.distributed": Field(False, SWITCH, "this is one of several processes that train the run"),
    "run.tracker": Field("none", _choice("none", "mlflow", "wandb"), "that also gets the epochs, offline"),
}

# Where files are and who computes: runs that differ in these alone give the same results, except for
# rounding in several processes. (The content of the corrections is compared by its digest.)
WITHOUT_EFFECT = frozenset(
    {"data.corrections", "data.data_dir", "features.cache_dir", "run.tracker", "runtime.distributed"}
)


def default_config():
    """The config with every field at its default.

    Returns:
      ml_collections.ConfigDict, locked: its fields can be set, and no other can be added.

    Example:
      >>> config = default_config()
      >>> config.model.dropout = 0.5
      >>> config.finetune.learning_rate
      1e-05
    """
    config = ml_collections.ConfigDict()
    for name, field in FIELDS.items():
        section, _, leaf = name.rpartition(".")
        if section and section not in config:
            config[section] = ml_collections.ConfigDict()
        (config[section] if section else config)[leaf] = field.default
    return config.lock()


get_config = default_config  # this file is a config file, too: `--config` of the benchmark has it by default


def flatten(config, prefix=""):
    """Nested dict -> {"section.field": value}.

    Example:
      >>> flatten({"seed": 1, "model": {"l2": 0.0}})
      {'seed': 1, 'model.l2': 0.0}
    """
    flat = {}
    for name, value in config.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


def check_config(config):
    """Refuses a config before any work starts.

    Args:
      config: ml_collections.ConfigDict.

    Raises:
      UserError: names the field, its value and what is allowed.
    """
    values = flatten(config.to_dict())
    for field in values.keys() - FIELDS.keys():
        raise unknown_field(field)
    for field in FIELDS:
        if field not in values:
            raise UserError(f"config field {field} is missing; it must be {FIELDS[field].allowed.words}")
        check_field(field, values[field])
    validation, test = values["data.validation_fraction"], values["data.test_fraction"]
    if validation + test > 0.8:
        raise UserError(
            f"data.validation_fraction={validation} and data.test_fraction={test} leave less than a fifth "
            "of the photos to train on; lower one"
        )
    pooled, boundary = values["model.pooled_layers"], values["model.unfreeze_from"]
    if BOUNDARIES.index(boundary) > BOUNDARIES.index(first := pooled.partition("+")[0]):
        raise UserError(
            f"model.unfreeze_from={boundary} comes after {first} of model.pooled_layers={pooled}; "
            f"type {first} or a layer before it"
        )
    if values["frozen.epochs"] + values["finetune.epochs"] == 0:
        raise UserError("frozen.epochs=0 and finetune.epochs=0 train nothing; raise one of them")
    for phase in ("frozen", "finetune"):
        warmup, epochs = values[f"{phase}.warmup_epochs"], values[f"{phase}.epochs"]
        if warmup and (values[f"{phase}.schedule"] == "constant" or warmup >= epochs):
            raise UserError(
                f"{phase}.warmup_epochs={warmup} needs {phase}.schedule=cosine and more epochs than that; "
                f"{phase}.epochs is {epochs}"
            )


def check_field(field, value):
    """Refuses (UserError) a value that `field` may not have."""
    allowed = FIELDS[field].allowed
    fits = isinstance(value, allowed.type) or (allowed.type is float and isinstance(value, int))
    if isinstance(value, bool) and allowed.type is not bool:
        fits = False
    if not fits or isinstance(value, float) and not math.isfinite(value) or not allowed.test(value):
        raise not_allowed(field, value)


def unknown_field(field):
    """The UserError for an unknown field, which suggests a similar one."""
    (near,) = difflib.get_close_matches(field, FIELDS, 1, 0.4) or ["one of those that --help lists"]
    return UserError(f"config field {field!r} is unknown; did you mean {near}?")


def not_allowed(field, value):
    """The UserError for a value that `field` may not have, which says what is allowed."""
    return UserError(
        f"config field {field}={value!r} is not allowed; it must be {FIELDS[field].allowed.words}"
    )
