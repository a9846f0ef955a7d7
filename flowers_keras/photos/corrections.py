"""Corrections of labels, from a `doubts.csv` whose column `correction` a person has filled in."""

import dataclasses
import difflib
import hashlib
import json
import unicodedata

import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import layouts, tables

REMOVE = "remove"  # in place of a class: the photo is left out


@dataclasses.dataclass(frozen=True)
class Correction:
    """A line of the file that says something: the photo's id, its label so far, a class or `REMOVE`."""

    id: str
    label: str
    correction: str
    line: int


def digest(data):
    """What a run compares when it goes on: the SHA-256 of what the corrections say, if there are any.

    Args:
      data: config section with `corrections`.

    Returns:
      {"corrections_sha256": hexadecimal}, or {} without corrections. Empty corrections and the form of
      the file do not count.
    """
    changes = [
        [(each.id, each.label, each.correction) for each in _read(path)] for path in _paths(data.corrections)
    ]
    return {"corrections_sha256": hashlib.sha256(json.dumps(changes).encode()).hexdigest()} if changes else {}


def correct(photos, text):
    """Corrects labels and leaves out the photos that are to be removed; prints how many.

    Args:
      photos: sources.Photos.
      text: path of a `doubts.csv`, as typed; several, separated by commas, are applied in turn.

    Returns:
      sources.Photos; those that were removed are among its `others`.

    Raises:
      UserError: a file cannot be read, or names a photo or class that is not there, or a label that
        the photo does not have.
    """
    for path in _paths(text):
        photos = _correct(photos, path, _read(path))
    return photos


def _paths(text):
    return [files.user_path(each.strip()) for each in text.split(",") if each.strip()]


def _read(path):
    """The Corrections of a file, but for empty ones."""
    found = {}
    for line, cells in tables.read_table(path, ("id", "label", "correction")):
        if not cells["correction"]:
            continue
        correction = layouts.class_name(cells["correction"])
        one = Correction(cells["id"], layouts.class_name(cells["label"]), correction, line)
        other = found.setdefault(one.id, one)
        if other.correction != one.correction:
            raise UserError(
                f"{path}: {one.id} is corrected twice, to {other.correction!r} in line {other.line} and to "
                f"{one.correction!r} in line {line}; remove one of them"
            )
    return list(found.values())


def _correct(photos, path, found):
    known = {unicodedata.normalize("NFC", name): i for i, name in enumerate(photos.ids)}
    known |= {name: i for i, name in enumerate(photos.ids)}
    classes = {layouts.class_name(name): label for label, name in enumerate(photos.class_names)}
    labels, removed = photos.labels.copy(), set()
    for each in found:
        i = known.get(each.id, known.get(unicodedata.normalize("NFC", each.id)))
        _refuse(photos, path, each, i, classes)
        if each.correction.lower() == REMOVE:
            removed.add(i)
        else:
            labels[i] = classes[each.correction]
    changed = int(np.count_nonzero(labels != photos.labels))
    print(f"corrections of {path}: labels changed {changed}, photos removed {len(removed)}")
    return _without(dataclasses.replace(photos, labels=labels), removed, f"removed by {path.name}")


def _refuse(photos, path, each, i, classes):
    """Raises the UserError of a correction that does not fit the photos; `i` is its photo's position."""
    where = f"{path}: line {each.line}"
    if i is None:
        raise UserError(f"{where} corrects {each.id}, which is not among the photos; remove that line")
    label = layouts.class_name(photos.class_names[photos.labels[i]])
    if label != each.label:
        raise UserError(
            f"{where} corrects {each.id} of {each.label!r}, which is labelled {label!r} now; remove that "
            "line or cross-validate again"
        )
    if each.correction not in classes and each.correction.lower() != REMOVE:
        near = difflib.get_close_matches(each.correction, [*classes, REMOVE], 1, 0.6) or [", ".join(classes)]
        raise UserError(
            f"{where} corrects {each.id} to {each.correction!r}, which is no class; type {near[0]}, "
            f"or {REMOVE}"
        )


def _without(photos, removed, reason):
    """The photos but those at the positions `removed`, which are left out for a reason."""
    if not removed:
        return photos
    kept = [i for i in range(len(photos.ids)) if i not in removed]

    def select(column):
        return column and tuple(column[i] for i in kept)

    return dataclasses.replace(
        photos,
        ids=select(photos.ids),
        labels=photos.labels[kept],
        read=lambda position: photos.read(kept[position]),
        others=(*photos.others, *((photos.ids[i], reason) for i in sorted(removed))),
        parts=select(photos.parts),
        groups=select(photos.groups),
    )
