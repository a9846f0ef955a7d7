"""Paths that a person types, in a flag or a config: expanded, and refused where they cannot be used.

Commands check all of them before they import what takes seconds; the steps that use them check again.
"""

import os
import pathlib
import re
import zipfile

from flowers_keras import files
from flowers_keras.errors import UserError

ADDRESS = re.compile("[a-z][a-z0-9+.-]+://", re.IGNORECASE)  # a URL, of a bucket or a web server


def user_path(text):
    """pathlib.Path of a path that a person typed, `~` expanded; the `type=` of every command's paths.

    Raises:
      UserError: the system cannot look it up, as a name is too long or a folder is not accessible; or it is a
        URL, which would become a folder called "gs:".
    """
    if ADDRESS.match(os.fspath(text)):
        raise UserError(
            f"{text} cannot be used: it is an address of another place; type a path on this machine"
        )
    path = pathlib.Path(os.path.expanduser(text))
    try:
        path.exists()
    except OSError as error:
        raise UserError(f"{path} cannot be used: {error.strerror}; type another path") from error
    return path


def model_file(text):
    """The path of a trained model, typed as its own or as that of its run's folder; for `type=`.

    Raises:
      UserError: it does not exist, or is another kind of file, or is incomplete.
    """
    path = user_path(text)
    path = user_path(path / "model.keras") if path.is_dir() else path
    advice = "type the path of the model.keras of a finished run"
    if not path.is_file():
        raise UserError(f"{path} is not there; {advice}")
    check_readable(path)
    if not zipfile.is_zipfile(path):
        raise UserError(f"{path} is not a classifier that flowers_keras saved, or is damaged; {advice}")
    return path


def check_readable(path):
    """Refuses (UserError) a file that this user may not read: libraries say that it is damaged."""
    try:
        open(path, "rb").close()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; fix that, or type another path") from error


def output_file(text):
    """The path of a file that a command will write at its end, checked at once; for `type=`.

    Raises:
      UserError: it cannot be written, or is a folder.
    """
    path = user_path(text)
    if path.is_dir():
        raise UserError(f"{path} is a folder; type the name of a file")
    files.check_writable(path)
    return path


def check_paths(config):
    """Refuses (UserError) a config that names a file or folder that does not exist."""
    photo_source(config.data.source)
    for path in correction_files(config.data.corrections):
        if not path.is_file():
            raise UserError(f"data.corrections: {path} is not a file; type the path of a CSV file")
    weights_file(config.model.weights)
    if config.model.start_from:
        splits_of(config.model.start_from)


def photo_source(text):
    """(kind, place) of a `data.source`; the place of synthetic is "".

    Raises:
      UserError: it is not a source of photos, or the folder or list is not there.

    Example:
      >>> photo_source("tfds:tf_flowers"), photo_source("synthetic")
      (('tfds', 'tf_flowers'), ('synthetic', ''))
    """
    kind, _, place = text.partition(":")
    if text != "synthetic" and not (place and kind in ("folder", "csv", "tfds")):
        raise UserError(
            f"data.source={text!r} is not a source of photos; "
            "type tfds:tf_flowers, folder:PATH, csv:PATH or synthetic"
        )
    if kind == "folder":
        photo_folder(place)
    if kind == "csv" and not user_path(place).is_file():
        raise UserError(f"csv:{place} is not a file; type csv: and the path of your list")
    return kind, place


def photo_folder(path):
    """pathlib.Path of the folder of `folder:PATH`; UserError where there is none."""
    root = user_path(path)
    if not root.is_dir():
        raise UserError(f"folder:{path} is not a folder; type folder: and the path of your photos")
    return root


def correction_files(text):
    """Paths of the files in `data.corrections`, which are separated by commas."""
    return [user_path(each.strip()) for each in text.split(",") if each.strip()]


def weights_file(weights):
    """pathlib.Path of a file of weights, or None for "imagenet" and "".

    Raises:
      UserError: it is not there.
    """
    path = user_path(weights)
    if weights in ("imagenet", ""):
        return None
    if not path.is_file():
        raise UserError(
            f"model.weights={path} is not a file; type imagenet, the path of a Keras .h5 file of "
            'InceptionV3 without its top, or "" for random weights'
        )
    check_readable(path)
    return path


def splits_of(start):
    """pathlib.Path of the `splits.json` of the run of a finished model, a `model.start_from`.

    Raises:
      UserError: there is no model, or no such file beside it.
    """
    path = model_file(start).with_name("splits.json")
    if not path.is_file():
        raise UserError(
            f"model.start_from={start} has no splits.json beside it, which says what it was trained on; "
            "type the folder of a finished run"
        )
    return path


def refuse_workdir(config, workdir):
    """Refuses a run's folder that is inside, equal to or around the photos, before it is created.

    Args:
      config: ml_collections.ConfigDict; its stored features must not be inside the photos, either.
      workdir: path, which need not exist.

    Raises:
      UserError: says which folder to choose.
    """
    kind, _, path = config.data.source.partition(":")
    photos, run = user_path(path).resolve(), user_path(workdir).resolve()
    if kind != "folder" or not path or not photos.exists():
        return
    beside = f"choose a place beside the photos, such as {photos.parent / 'runs' / photos.name}"
    if _is_within(run, photos) or _is_within(photos, run):
        raise UserError(f"--workdir={workdir} and folder:{path} are inside one another; {beside}")
    cache = cache_folder(config, workdir).resolve()
    if _is_within(cache, photos):
        raise UserError(f"features.cache_dir={cache} is inside the photos of folder:{path}; {beside}")


def cache_folder(config, workdir):
    """pathlib.Path of the folder of stored features: `features.cache_dir`, or `features` beside the run."""
    return user_path(config.features.cache_dir or user_path(workdir).resolve().parent / "features")


def _is_within(path, folder):
    """Whether a path is `folder` or inside it, also if the file system ignores case."""
    return folder.exists() and any(each.exists() and each.samefile(folder) for each in (path, *path.parents))
