"""Labelled photos to measure a trained model on, in its class order."""

import dataclasses
import sys

import numpy as np

from flowers_keras import user_paths
from flowers_keras.errors import UserError
from flowers_keras.photos import corrections, layouts, naming, part_names, sources

SOURCES = "folder:PATH (one folder per class), csv:PATH or tfds:NAME"


def labelled_photos(data, class_names):
    """Photos of a folder, a list or a TFDS set, labelled in the order of `class_names`.

    They are read as for training. Of a list or a set that is split, those of its split test count, if
    there are any, else all; which they are is printed.

    Args:
      data: "folder:PATH", "csv:PATH" or "tfds:NAME".
      class_names: the model's; those that `data` lacks are named on standard error.

    Raises:
      UserError: there is no such thing, or the model does not know one of its classes.
    """
    kind, _, place = data.partition(":")
    known = list(map(naming.class_name, class_names))  # a model may be older than this form of names
    if kind == "folder" and place:
        _refuse_parts(data, place, known)
        photos = sources.folder_photos(place, 1, known)
    elif kind == "csv" and place:
        photos = _test_photos(data, sources.csv_photos(place, training=False))
    elif kind == "tfds" and place:
        photos = _test_photos(data, sources.tfds_photos(place, ""))
    else:
        raise UserError(f"--data={data} is not a source of labelled photos; type --data={SOURCES}")
    return _in_order(data, photos, known, class_names)


def _test_photos(data, photos):
    """The photos of the split test, or all where there are none."""
    others = {i for i, part in enumerate(photos.parts or ()) if part != "test"}
    if photos.parts and len(others) < len(photos.ids):
        print(f"measured on the split test of {data}; photos of its other splits: {len(others)}")
        return corrections.leave_out(photos, others, None)
    print(f"measured on all photos of {data}" + ", as none is of a split test" * bool(photos.parts))
    return photos


def _in_order(data, photos, known, class_names):
    """The photos with labels in the order of the model's classes, `known` in the form of our names."""
    there = list(map(naming.class_name, photos.class_names))
    present = [there[label] for label in np.unique(photos.labels)]
    unknown = [name for name in present if name not in known]
    if unknown:
        raise UserError(
            f"{data} holds {', '.join(unknown)}, which the model does not know; it knows "
            f"{', '.join(class_names)}: rename that class or take it out"
        )
    absent = [name for name in known if name not in present]
    if absent:
        print(f"note: {data} holds no {', '.join(absent)}; measured on the other classes", file=sys.stderr)
    order = np.array([known.index(name) if name in known else -1 for name in there], np.int32)
    return dataclasses.replace(photos, labels=order[photos.labels], class_names=tuple(class_names))


def _refuse_parts(data, path, known):
    """Raises the UserError of a folder that holds several parts, with that of the part to measure on."""
    root = user_paths.user_path(path)
    if not root.is_dir():
        return
    parts = {each.part: each.path for each in layouts.find_class_folders(root, known) if each.part}
    if parts:
        place = parts.get("test") or parts["validation"]
        if part_names.part_named(place.name):  # the parts are inside the classes
            raise UserError(f"{data} is split inside its classes; move one part of each into a folder apart")
        raise UserError(f"{data} is split already; type --data=folder:{place.parent}")
