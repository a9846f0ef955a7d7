"""The export formats: their packages, file names, and the description that each file contains.

This module does not import Keras, so that impossible requests are refused at once.
"""

import importlib.util
import json
import unicodedata

from flowers_keras import files, user_paths
from flowers_keras.errors import UserError

# Format -> {module: argument of `pip install`, with tested versions}, in addition to requirements.txt.
PACKAGES = {
    "saved_model": {},
    "litert": {"ai_edge_litert": '"ai-edge-litert>=2.3,<3"'},
    "onnx": {
        "onnx": '"onnx>=1.22,<2"',
        "onnxruntime": '"onnxruntime>=1.30,<2"',
        "tf2onnx": '"tf2onnx>=1.17,<2"',
    },
}

QUANTIZER = {"litert_quantizer": '"litert-quantizer>=0.11,<0.12"'}  # also needed for int8

SUFFIXES = {".tflite": "litert", ".onnx": "onnx"}  # of files; a SavedModel is a folder

SIGNATURE = "serving_default"  # the name that TensorFlow Serving calls, also of a LiteRT file

ABOUT = "flowers_keras.json"  # the description, in a SavedModel or a LiteRT file


def check_request(model_path, name, path, folder=None, int8=False, any_size=False):
    """Raises a UserError if an export is impossible or would overwrite something; see `exporting.export`."""
    if int8 and (name != "litert" or folder is None):
        raise UserError("--int8 needs --format=litert and --photos=FOLDER of photos like those it will see")
    if any_size and name != "litert":
        raise UserError(f"--any-size is for --format=litert; {name} takes photos of any size anyway")
    require(PACKAGES[name] | (QUANTIZER if int8 else {}))
    model_path, path = user_paths.user_path(model_path), user_paths.user_path(path)
    if path.resolve() in (model_path.resolve(), (model_path / "model.keras").resolve()):
        raise UserError(f"--output={path} is the model itself; choose another name")
    if SUFFIXES.get(path.suffix.lower(), name) != name:  # `format_of` would take it for another format
        advised = path.with_suffix({kind: suffix for suffix, kind in SUFFIXES.items()}.get(name, ""))
        raise UserError(f"--output={path} is not the name of a file of {name}; type --output={advised}")
    if path.is_dir() or (name == "saved_model" and path.exists()):
        raise UserError(f"--output={path} is already there; remove it or choose another name")
    files.check_writable(path)


def require(packages):
    """Raises a UserError with the command to type if one of the packages is not installed."""
    missing = [each for module, each in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise UserError(
            f"this export needs packages that are not installed; type: pip install {' '.join(missing)}"
        )


def description(class_names, image_size, any_size):
    """What users of an exported file need to know, {name: text}."""
    side = f"{image_size} x {image_size} pixels"
    size = f"any size, resized inside to {side}" if any_size else f"{side}; resize bilinearly, without a crop"
    return {
        "class_names": json.dumps(class_names),
        "image_size": str(image_size),
        "input": f"photo: uint8 RGB, 0 to 255, upright, {size}",
        "output": "probabilities: one for each of class_names, in their order",
    }


def label_lines(class_names):
    r"""The content of `labels.txt`, a line a class; characters that would end a line are escaped.

    Example:
      >>> label_lines(["rose ✿", "two\nlines"])
      'rose ✿\ntwo\\nlines\n'
    """
    return "".join("".join(map(_visible, name)) + "\n" for name in class_names)


def _visible(character):
    if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):  # controls, lone surrogates, separators
        return character.encode("unicode_escape").decode()
    return character


def texts(about, class_names):
    """Text files that are added to an export, name -> content."""
    return {"labels.txt": label_lines(class_names), ABOUT: json.dumps(about, indent=2) + "\n"}


def format_of(path):
    """The format of the exported file or folder at a pathlib.Path; None for anything else.

    Example:
      >>> format_of(user_paths.user_path("flowers.onnx")), format_of(user_paths.user_path("model.keras"))
      ('onnx', None)
    """
    if path.is_dir():
        return "saved_model" if user_paths.user_path(path / "saved_model.pb").is_file() else None
    return SUFFIXES.get(path.suffix.lower())


def model_path(text):
    """The path of a trained model, of the folder of its run, or of an export; for `type=`.

    Raises:
      UserError: there is none.
    """
    path = user_paths.user_path(text)
    if not (path.exists() and format_of(path)):
        return user_paths.model_file(text)
    if path.is_file():
        user_paths.check_readable(path)
    return path
