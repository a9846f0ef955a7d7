"""What a config names on the disk: photos, corrections, weights and the run to start from.

Commands ask whether all of it is there before they import what takes seconds; the steps that use it ask
again.
"""

from flowers_keras import files
from flowers_keras.errors import UserError


def check_places(config):
    """Refuses (UserError) a config of which a file or folder is not there."""
    photo_source(config.data.source)
    for path in correction_files(config.data.corrections):
        if not path.is_file():
            raise UserError(f"data.corrections: {path} is no file; type the path of a CSV file")
    weights_file(config.model.weights)
    if config.model.start_from:
        splits_of(config.model.start_from)


def photo_source(text):
    """(kind, place) of a `data.source`; the place of synthetic is "".

    Raises:
      UserError: it is no source of photos, or the folder or list is not there.

    Example:
      >>> photo_source("tfds:tf_flowers"), photo_source("synthetic")
      (('tfds', 'tf_flowers'), ('synthetic', ''))
    """
    kind, _, place = text.partition(":")
    if text != "synthetic" and not (place and kind in ("folder", "csv", "tfds")):
        raise UserError(
            f"data.source={text!r} is no source of photos; "
            "type tfds:tf_flowers, folder:PATH, csv:PATH or synthetic"
        )
    if kind == "folder":
        photo_folder(place)
    if kind == "csv" and not files.user_path(place).is_file():
        raise UserError(f"csv:{place} is no file; type csv: and the path of your list")
    return kind, place


def photo_folder(path):
    """pathlib.Path of the folder of `folder:PATH`; UserError where there is none."""
    root = files.user_path(path)
    if not root.is_dir():
        raise UserError(f"folder:{path} is no folder; type folder: and the path of your photos")
    return root


def correction_files(text):
    """Paths of the files of a `data.corrections`, which commas separate."""
    return [files.user_path(each.strip()) for each in text.split(",") if each.strip()]


def weights_file(weights):
    """pathlib.Path of a file of weights, or None for "imagenet" and "".

    Raises:
      UserError: it is not there.
    """
    path = files.user_path(weights)
    if weights in ("imagenet", ""):
        return None
    if not path.is_file():
        raise UserError(
            f"model.weights={path} is no file; type imagenet, the path of a Keras .h5 file of "
            'InceptionV3 without its top, or "" for random weights'
        )
    return path


def splits_of(start):
    """pathlib.Path of the `splits.json` of the run of a finished model, a `model.start_from`.

    Raises:
      UserError: there is no model, or no such file beside it.
    """
    path = files.model_file(start).with_name("splits.json")
    if not path.is_file():
        raise UserError(
            f"model.start_from={start} has no splits.json beside it, which says what it was trained on; "
            "type the folder of a finished run"
        )
    return path
