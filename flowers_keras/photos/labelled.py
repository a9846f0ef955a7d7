"""Labelled photos for a model that is trained: in its class order, beside what it was trained on."""

import dataclasses
import sys

import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import layouts, sources, splits, twins


def labelled_folder(data, class_names):
    """Photos of a folder that holds one folder a class, labelled in the order of `class_names`.

    Args:
      data: "folder:PATH".
      class_names: the model's; those that the folder lacks are named on standard error.

    Raises:
      UserError: there is no such folder, or the model does not know one of its classes.
    """
    kind, _, path = data.partition(":")
    if kind != "folder" or not path:
        raise UserError(f"--data={data} is no labelled folder; type --data=folder:PATH, a folder a class")
    known = list(map(layouts.class_name, class_names))  # a model may be older than this form of names
    _refuse_parts(data, path, known)
    photos = sources.folder_photos(path, 1, known)
    unknown = [name for name in photos.class_names if name not in known]
    if unknown:
        raise UserError(
            f"{data} holds {', '.join(unknown)}, which the model does not know; it knows "
            f"{', '.join(class_names)}: rename that folder or move it away"
        )
    absent = [name for name in known if name not in photos.class_names]
    if absent:
        print(f"note: {data} holds no {', '.join(absent)}; measured on the other classes", file=sys.stderr)
    order = np.array([known.index(name) for name in photos.class_names], np.int32)
    return dataclasses.replace(photos, labels=order[photos.labels], class_names=tuple(class_names))


def _refuse_parts(data, path, known):
    """Raises the UserError of a folder that holds several parts, with that of the part to measure on."""
    root = files.user_path(path)
    if not root.is_dir():
        return
    parts = {each.part: each.path for each in layouts.find_class_folders(root, known) if each.part}
    if parts:
        place = parts.get("test") or parts["validation"]
        if layouts.part_named(place.name):  # the parts are inside the classes
            raise UserError(f"{data} is split inside its classes; move one part of each into a folder apart")
        raise UserError(f"{data} is split already; type --data=folder:{place.parent}")


def twins_in_training(photos, fingerprints, path, distance):
    """Which photos show a picture that a model was trained on.

    Args:
      photos: sources.Photos.
      fingerprints: identity.FingerprintTable.
      path: the `splits.json` of the model's run.
      distance: of twins at most, bits of 64.

    Returns:
      A list of [id, id of the training photo, bits].
    """
    names, known = splits.training_records(path)
    pairs = twins.find_twins_across(fingerprints.records, known, distance)
    return [[photos.ids[fingerprints.positions[i]], names[j], bits] for i, j, bits in pairs]
