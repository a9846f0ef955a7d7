"""Corrections by people: `doubts.csv` with its column `correction` filled in, or the page's list of photos.

The first corrects labels. The second, with the columns `path` and `label`, adds photos to the source's.
"""

import dataclasses
import difflib
import hashlib
import json
import unicodedata

import numpy as np

from flowers_keras import user_paths
from flowers_keras.errors import UserError
from flowers_keras.photos import csv_list, naming, reader, tables

REMOVE = "remove"  # in place of a class: the photo is left out


@dataclasses.dataclass(frozen=True)
class Correction:
    """A row of `doubts.csv` that is filled in: the photo's id, its label so far, and a class or `REMOVE`."""

    id: str
    label: str
    correction: str
    line: int


def digest(data):
    """The SHA-256 of all corrections, which must not change while a run resumes.

    Args:
      data: config section with `corrections`.

    Returns:
      {"corrections_sha256": hexadecimal}, or {} without corrections. Rows whose correction is empty and the
      format of a file make no difference.
    """
    changes = [
        [(row.name, row.label) for row in csv_list.find_rows(path)[0]]
        if _adds(path)
        else [(each.id, each.label, each.correction) for each in _read(path)]
        for path in user_paths.correction_files(data.corrections)
    ]
    said = [each for each in changes if each]
    return {"corrections_sha256": hashlib.sha256(json.dumps(said).encode()).hexdigest()} if said else {}


def correct(photos, text):
    """Corrects labels, leaves out photos marked for removal and adds new ones; prints how many.

    Args:
      photos: sources.Photos.
      text: path of a `doubts.csv` or of a list of photos to add, as typed; several, separated by commas,
        are applied in turn.

    Returns:
      sources.Photos; the removed photos are among its `others`. Added photos come last; where the
      photos bring their parts, they are training photos.

    Raises:
      UserError: a file cannot be read, or names a photo or class that is not there, or a label that
        the photo does not have; or it adds a photo that is there already.
    """
    for path in user_paths.correction_files(text):
        photos = _add(photos, path) if _adds(path) else _correct(photos, path, _read(path))
    return photos


def _adds(path):
    """Whether a file is a list of photos to add."""
    return any(cells["path"] for _, cells in tables.read_table(path, (), ("path",)))


def _add(photos, path):
    """The photos with those of a list added; these keep their groups."""
    rows, missing = csv_list.read_rows(path)
    classes = {naming.class_name(name): label for label, name in enumerate(photos.class_names)}
    known, count = set(photos.ids), len(photos.ids)
    for row in rows:
        _refuse_class(f"{path}: line {row.line} adds {row.name} as", row.label, classes)
        if row.name in known:
            raise UserError(
                f"{path}: line {row.line} adds {row.name}, which is there already; remove that line"
            )
    print(f"corrections of {path}: photos added {len(rows)}")
    groups = (*(photos.groups or [""] * count), *(row.group for row in rows))
    return dataclasses.replace(
        photos,
        ids=(*photos.ids, *(row.name for row in rows)),
        labels=np.append(photos.labels, [classes[row.label] for row in rows]).astype(np.int32),
        read=lambda i: photos.read(i) if i < count else reader.read_file(rows[i - count].path),
        others=(*photos.others, *((row.name, "no such file") for row in missing)),
        parts=photos.parts and (*photos.parts, *["train"] * len(rows)),
        groups=groups if any(groups) else None,
    )


def _read(path):
    """The Corrections of a file, without empty ones."""
    found = {}
    for line, cells in tables.read_table(path, ("id", "label", "correction")):
        if not cells["correction"]:
            continue
        correction = naming.class_name(cells["correction"])
        one = Correction(cells["id"], naming.class_name(cells["label"]), correction, line)
        other = found.setdefault(one.id, one)
        if other.correction != one.correction:
            raise UserError(
                f"{path}: {one.id} is corrected twice, to {other.correction!r} in line {other.line} and to "
                f"{one.correction!r} in line {line}; remove one of them"
            )
    return list(found.values())


def _correct(photos, path, found):
    # As a table's cells are read: without spaces around them.
    known = {unicodedata.normalize("NFC", name.strip()): i for i, name in enumerate(photos.ids)}
    known |= {name: i for i, name in enumerate(photos.ids)}
    classes = {naming.class_name(name): label for label, name in enumerate(photos.class_names)}
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
    return leave_out(dataclasses.replace(photos, labels=labels), removed, f"removed by {path.name}")


def _refuse(photos, path, each, i, classes):
    """Raises a UserError if a correction does not fit the photos; `i` is its photo's position, or None."""
    where = f"{path}: line {each.line}"
    if i is None:
        raise UserError(f"{where} corrects {each.id}, which is not among the photos; remove that line")
    label = naming.class_name(photos.class_names[photos.labels[i]])
    if label != each.label:
        raise UserError(
            f"{where} corrects {each.id} of {each.label!r}, which is labelled {label!r} now; remove that "
            "line or cross-validate again"
        )
    if each.correction.lower() != REMOVE:
        _refuse_class(f"{where} corrects {each.id} to", each.correction, classes, (REMOVE,))


def _refuse_class(start, name, classes, others=()):
    """Raises a UserError that begins with `start` if there is no class of this name."""
    if name not in classes:
        near = difflib.get_close_matches(name, [*classes, *others], 1, 0.6) or [", ".join(classes)]
        raise UserError(f"{start} {name!r}, which is not a class; type {', or '.join([near[0], *others])}")


def leave_out(photos, removed, reason):
    """The photos without some of them.

    Args:
      photos: sources.Photos.
      removed: set of positions.
      reason: why, for the `others` of the result; with None they are not listed there.
    """
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
        others=(*photos.others, *((photos.ids[i], reason) for i in sorted(removed) if reason)),
        parts=select(photos.parts),
        groups=select(photos.groups),
    )
