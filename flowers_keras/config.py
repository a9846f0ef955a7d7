"""The classifier: InceptionV3 and a head, its phases, its cut at a boundary, its file.

One flat functional model, raw RGB in, probabilities out:

  photo [S, S, 3] 0-255 -> rescaling -> InceptionV3 ... mixed8 ... mixed10 -> pooled [2048]
  -> hidden [1024] -> dropout -> probabilities [classes]

Flat, so that `get_layer("mixed8")` works on it, it can be cut there, and it exports.
"""

import dataclasses
import difflib
import math
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

from absl import flags

from flowers_keras.errors import UserError

# After any of these layers the network can be cut in two: the layers before it in `model.layers`
# are its ancestors and those after it are not (mixed8 is Mixed_7a in the papers' names).
BOUNDARIES = ("rescaling", *(f"mixed{i}" for i in range(11)), "pooled")

SMALLEST_IMAGE = 75  # pixels; InceptionV3's strides leave nothing of less


def flatten(config, prefix=""):
    """Nested dict -> {"section.field": value}."""
    flat = {}
    for name, value in config.items():
        if isinstance(value, dict):
            flat |= flatten(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value
    return flat


@dataclasses.dataclass(frozen=True)
class Allowed:
    """The type of a field, a test of its value, and the words for both."""

    type: type
    test: Callable[[Any], bool]
    words: str


def _whole(low, high):
    return Allowed(int, lambda value: low <= value <= high, f"a whole number from {low} to {high}")


def _number(low, high):
    return Allowed(float, lambda value: low <= value <= high, f"a number from {low:g} to {high:g}")


def _positive(high):
    return Allowed(float, lambda value: 0 < value <= high, f"a number above 0, up to {high:g}")


def _choice(*values):
    return Allowed(str, lambda value: value in values, f"one of {', '.join(values)}")


SEED = _whole(0, 2**31 - 1)

TEXT = Allowed(str, lambda value: "\0" not in value, "text")

SWITCH = Allowed(bool, lambda value: True, "true or false")

FIELDS = {
    "seed": SEED,
    "data.source": TEXT,
    "data.data_dir": TEXT,
    "data.image_size": _whole(SMALLEST_IMAGE, 1024),
    "data.batch_size": _whole(1, 4096),
    "data.validation_fraction": _number(0.01, 0.49),
    "data.test_fraction": _number(0.01, 0.49),
    "data.split_seed": SEED,
    "data.twin_distance": _whole(0, 20),
    "data.shuffle_labels": SWITCH,
    "data.synthetic_photos": _whole(15, 1_000_000),
    "augment.policy": _choice("trivial_wide", "none"),
    "augment.flip_and_crop": SWITCH,
    "augment.seed": SEED,
    "model.weights": TEXT,
    "model.hidden_units": _whole(1, 65_536),
    "model.dropout": _number(0, 0.99),
    "model.l2": _number(0, 1),
    "model.unfreeze_from": _choice(*BOUNDARIES[:-1]),
    "model.train_batch_norm": SWITCH,
    "frozen.epochs": _whole(0, 10_000),
    "frozen.learning_rate": _positive(10),
    "finetune.epochs": _whole(0, 10_000),
    "finetune.learning_rate": _positive(10),
    "features.views": _whole(0, 1000),
    "features.cache_dir": TEXT,
    "evaluation.tta": SWITCH,
    "evaluation.shift_photos": _whole(0, 1_000_000),
    "runtime.dtype_policy": _choice("auto", "float32", "mixed_bfloat16"),
    "runtime.deterministic": SWITCH,
}


# Where files lie, not what they hold: runs that differ in these alone give the same results.
WITHOUT_EFFECT = frozenset({"data.data_dir", "features.cache_dir"})


def parse_flags(arguments, default=None):
    """Reads a door's flags, among them `--config=FILE` and overrides such as `--config.seed=1`.

    Args:
      arguments: the command line, the program's name first.
      default: the config's file where none is named.

    Returns:
      The program's name in a list, for nothing else may be left.

    Raises:
      UserError: names the file, the field or the flag that is wrong.
    """
    program, *others = arguments
    if any(each.startswith(("--help", "-h")) for each in others):
        return flags.FLAGS(arguments)
    path = default
    at = next((i for i, each in enumerate(others) if each.partition("=")[0] in ("--config", "-config")), None)
    if at is not None:
        path = others.pop(at).partition("=")[2]
        if not path and others[at:]:  # --config FILE
            path = others.pop(at)
    if not path or not pathlib.Path(path).is_file():
        fault = f"--config={path} is no file" if path else "--config is missing"
        raise UserError(f"{fault}; type for instance --config=configs/quickstart.py")
    for each in others:
        override = re.match(r"--?(?:no)?config\.([^=]*)", each)
        if override and override[1] not in FIELDS:
            raise unknown_field(override[1])
    # ml_collections looks for overrides in sys.argv itself, and takes none before the file is named.
    sys.argv[:] = [program, f"--config={path}", *others]
    try:
        rest = flags.FLAGS(sys.argv)
    except (flags.Error, TypeError, ValueError) as error:
        override = re.match(r"flag --config\.([^=]*)=(.*?): ", str(error))
        if override:
            raise not_allowed(*override.groups()) from error
        raise UserError(f"{error}; type --help for what may be typed") from error
    if rest[1:]:
        raise UserError(f"{rest[1]!r} is no flag; flags look like --config.seed=1")
    return rest


def unknown_field(field):
    """UserError that says which field may have been meant."""
    (near,) = difflib.get_close_matches(field, FIELDS, 1, 0.4) or ["one of those in configs/finetune.py"]
    return UserError(f"config field {field!r} is unknown; did you mean {near}?")


def not_allowed(field, value):
    """UserError that says what the value of `field` may be."""
    return UserError(f"config field {field}={value!r} is not allowed; it is {FIELDS[field].words}")


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
    for field, allowed in FIELDS.items():
        if field not in values:
            raise UserError(f"config field {field} is missing; it is {allowed.words}")
        check_field(field, values[field])
    if config.data.validation_fraction + config.data.test_fraction > 0.8:
        raise UserError(
            f"data.validation_fraction={config.data.validation_fraction} and data.test_fraction="
            f"{config.data.test_fraction} leave less than a fifth of the photos to train on; lower one"
        )
    if config.frozen.epochs + config.finetune.epochs == 0:
        raise UserError("frozen.epochs=0 and finetune.epochs=0 train nothing; raise one of them")


def check_field(field, value):
    """Refuses a value that `field` may not have (UserError)."""
    allowed = FIELDS[field]
    fits = isinstance(value, allowed.type) or (allowed.type is float and isinstance(value, int))
    if isinstance(value, bool) and allowed.type is not bool:
        fits = False
    if not fits or isinstance(value, float) and not math.isfinite(value) or not allowed.test(value):
        raise not_allowed(field, value)
