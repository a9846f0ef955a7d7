"""model.keras: a trained classifier and what its user needs to know, in one file.

The temperature that was fitted on validation photos (Guo et al. 2017, arXiv 1706.04599) is part of
the weights: softmax(logits / T) is the last layer with its kernel and bias divided by T. So whatever
runs the file gives calibrated probabilities; times T, the layer is as it was trained.
"""

import io
import json
import math
import zipfile

import keras
import numpy as np

from flowers_keras import files, runtime, user_paths
from flowers_keras.config import FIELDS, SMALLEST_IMAGE, check_field, flatten
from flowers_keras.errors import DISK_FULL, UserError
from flowers_keras.model import classifier, image_statistics, novelty

CARD = "flowers_keras.json"  # a member of the .keras archive

LARGEST_CARD = 4 << 20  # bytes

REFERENCE = ("novelty_traits.npy", "novelty_trait_distances.npy")  # members, as in novelty.Reference

LARGEST_REFERENCE = 64 << 20  # bytes of each

LARGEST_RATIO = 20  # of the members' sizes to the file's; Keras does not compress them

READ = ("data.batch_size", "data.twin_distance", "evaluation.tta")  # what users of a model read of its recipe


def save(model, path, card, temperature=None, reference=None):
    """Saves the model in float32, whatever it was trained in, with what its user needs to know.

    Args:
      model: a classifier.
      path: the `.keras` file; written whole or not at all.
      card: {"class_names": [...] in output order, "image_size": pixels, "recipe": {...}}; it
        travels inside the archive.
      temperature: fitted on validation; the saved model's logits are divided by it, and its card
        says so under "temperature". None for a model as it was trained.
      reference: novelty.Reference of it, or None.

    Raises:
      ValueError: the model was calibrated before.
    """
    plain = classifier.with_policy(model, "float32")
    card = {"temperature": None} | card
    if temperature is not None:
        if card["temperature"] is not None:
            raise ValueError(f"the model is already calibrated, at {card['temperature']}")
        last = plain.get_layer("probabilities")
        last.set_weights([weights / temperature for weights in last.get_weights()])
        card["temperature"] = temperature
    with files.whole_file(path) as temporary:
        plain.save(temporary)
        with zipfile.ZipFile(temporary, "a") as archive:
            archive.writestr(CARD, json.dumps(card, indent=2))
            if reference is not None:
                for name, values in zip(REFERENCE, (reference.traits, reference.distances), strict=True):
                    with archive.open(name, "w") as member:
                        np.save(member, values, allow_pickle=False)


def load(path):
    """A saved classifier and its card; no code in the file is run.

    Args:
      path: a `.keras` file that `save` wrote, or the folder of the run that holds it.

    Returns:
      (keras.Model, card), the card as `save` wrote it, its recipe filled up with defaults of `READ`.

    Raises:
      UserError: no such file, not a classifier of ours, damaged, its card does not fit, or Keras's backend
        cannot compute.
    """
    path = user_paths.model_file(path)
    runtime.check_backend()  # or what it lacks would be taken for damage
    try:
        card = _complete(_read_card(path))
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        classes, image_size = model.output_shape[-1], model.input_shape[1]
        for name in ("mixed10", "pooled", *classifier.HEAD):
            model.get_layer(name)
    except Exception as error:  # zipfile, json, h5py and Keras raise whatever they stumble over
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            raise UserError(f"no room to unpack {path}; free some space beside it") from error
        raise _damaged(path, error) from error
    if classes != len(card["class_names"]) or image_size != card["image_size"]:
        raise UserError(
            f"{path} names {len(card['class_names'])} classes and {card['image_size']} pixels, but its "
            f"model gives {classes} for {image_size}; train it again"
        )
    return model, card


def load_reference(path, model):
    """The novelty.Reference in a saved model, or None: those of before hold none.

    Args:
      path: as for `load`.
      model: what `load` gave.

    Raises:
      UserError: it is damaged.
    """
    path = user_paths.model_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            if REFERENCE[0] not in archive.namelist():
                return None
            reference = novelty.Reference(*(_read_array(archive, name) for name in REFERENCE))
        width = image_statistics.WIDTH + model.get_layer("pooled").output.shape[-1] + 1
        if reference.traits.shape[1] != width:
            raise ValueError(f"{REFERENCE[0]} is not {width} wide")
    except Exception as error:
        raise _damaged(path, error) from error
    return reference


def _read_array(archive, name):
    """The array in a member; refuses one that would fill the memory (ValueError)."""
    if archive.getinfo(name).file_size > LARGEST_REFERENCE:
        raise ValueError(f"its {name} is larger than {LARGEST_REFERENCE >> 20} MB")
    return np.load(io.BytesIO(archive.read(name)), allow_pickle=False)


def _damaged(path, error):
    return UserError(
        f"{path} is not a classifier that flowers_keras saved, or is damaged "
        f"({type(error).__name__}: {str(error).strip().partition(chr(10))[0][:120]}); train it again"
    )


def describe_calibration(card):
    """What a model's probabilities are, in a few words.

    Example:
      >>> describe_calibration({"temperature": 1.25})
      'probabilities calibrated on validation photos (temperature 1.25)'
    """
    if card["temperature"] is None:
        return "probabilities not calibrated"
    if card["temperature"] == 1:
        return "probabilities as trained (all validation photos were right: nothing to calibrate by)"
    return f"probabilities calibrated on validation photos (temperature {card['temperature']:.2f})"


def _read_card(path):
    """The card in the archive at `path`; refuses one that would fill the memory (ValueError)."""
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if sum(each.file_size for each in members) > LARGEST_RATIO * path.stat().st_size:
            raise ValueError(f"its members unpack to more than {LARGEST_RATIO} times its size")
        if archive.getinfo(CARD).file_size > LARGEST_CARD:
            raise ValueError(f"its {CARD} is larger than {LARGEST_CARD >> 20} MB")
        return json.loads(archive.read(CARD))


def _complete(card):
    """The card with everything that is read of it, checked (ValueError, UserError)."""
    names, image_size, temperature = card["class_names"], card["image_size"], card.get("temperature")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("class_names is not a list of texts")
    if type(image_size) is not int or image_size < SMALLEST_IMAGE:
        raise ValueError(f"image_size={image_size!r} is not a number of pixels from {SMALLEST_IMAGE} on")
    if temperature is not None:
        if type(temperature) not in (int, float) or not math.isfinite(temperature) or temperature <= 0:
            raise ValueError(f"temperature={temperature!r} is not a number above 0")
    recipe = card.get("recipe", {})
    if not isinstance(recipe, dict):
        raise ValueError("recipe is not a table of fields")
    for name in READ:
        section, field = name.split(".")
        recipe[section] = {field: FIELDS[name].default} | recipe.get(section, {})
    recipe["data"]["image_size"] = image_size
    for field, value in flatten(recipe).items():
        if field in FIELDS:
            check_field(field, value)
    return card | {"temperature": temperature, "recipe": recipe}
