"""A list of photos: a CSV file with the columns path and label and, optionally, split and group."""

import dataclasses
import os
import pathlib
import unicodedata
import urllib.parse
import urllib.request

from flowers_keras import user_paths
from flowers_keras.errors import UserError
from flowers_keras.photos import folders, inspection, naming, part_names, tables


@dataclasses.dataclass(frozen=True)
class Row:
    """A line of the list.

    Attributes:
      name: of the photo: its path in the folder of the list, or the absolute one if it is elsewhere.
      path: where it is.
      label: name of its class.
      part: "train", "validation" or "test"; None in a list without splits.
      group: name of its group; "" for none.
      line: number in the file.
    """

    name: str
    path: pathlib.Path
    label: str
    part: str | None
    group: str
    line: int


def read_list(path):
    """The photos of a list that is a whole data set; see `read_rows`.

    Raises:
      UserError: see `read_rows`; or there is no class to tell from another, or nothing to train on.
    """
    found, missing = read_rows(path)
    classes = {row.label for row in found}
    if len(classes) < 2:
        raise UserError(f"{path} lists photos of {len(classes)} classes, and 2 are needed; add to it")
    if any(row.part for row in found) and not any(row.part == "train" for row in found):
        raise UserError(f"{path} lists nothing to train on; give some photos the split train")
    return found, missing


def read_rows(path):
    """As `find_rows`, and prints how many photos are missing."""
    found, missing = find_rows(path)
    if missing:
        count = len(found) + len(missing)
        print(
            f"left out {len(missing)} of {count} photos of {user_paths.user_path(path)} that are not there; "
            f"the first is {_place(missing[0])}"
        )
    return found, missing


def find_rows(path):
    """The photos of a list.

    Paths are absolute or relative to the list's folder. A repeated line counts once.

    Args:
      path: of the CSV file, as typed.

    Returns:
      (rows, missing): lists of Row, of the files that are there and of those that are not.

    Raises:
      UserError: a column, a label or a split is missing or wrong, a photo is listed twice with different
        words, or too many files are missing.
    """
    path = user_paths.user_path(path)
    lines = tables.read_table(path, ("path", "label"), ("split", "group"))
    has_splits = any(cells["split"] for _, cells in lines)
    rows = {}
    for line, cells in lines:
        row = _row(path, line, cells, has_splits)
        _refuse_contradiction(path, rows.setdefault(row.path, row), row)
    found, missing = [], []
    for row in rows.values():
        (found if os.path.isfile(row.path) else missing).append(row)  # pathlib's raises
    _refuse_missing(path, missing, len(rows))
    return found, missing


def _row(path, line, cells, has_splits):
    for column in ("path", "label", "split"):
        if not cells[column] and (column != "split" or has_splits):
            raise UserError(f"{path}: line {line} has no {column}; fill it in or remove the line")
    part = part_names.part_named(cells["split"])
    if has_splits and not part:
        raise UserError(
            f"{path}: line {line} has the split {cells['split']!r}; type train, validation or test"
        )
    if user_paths.ADDRESS.match(cells["path"]) and not cells["path"].lower().startswith("file:"):
        raise UserError(
            f"{path}: line {line} has the address {cells['path']!r}; download the photos and list their paths"
        )
    folder = os.path.abspath(path.parent)
    place = _find(cells["path"], folder)
    name = os.path.relpath(place, folder) if place.startswith(os.path.join(folder, "")) else place
    return Row(
        folders.as_text(pathlib.Path(name).as_posix()),
        pathlib.Path(place),
        naming.class_name(cells["label"]),
        part,
        unicodedata.normalize("NFC", cells["group"]),
        line,
    )


def _find(text, folder):
    """The path that a cell stands for: as it is, in another Unicode form, with backslashes, or as a URL."""
    forms = [text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")), text.replace("\\", "/")]
    if text.lower().startswith("file://"):
        forms.append(urllib.request.url2pathname(urllib.parse.urlsplit(text).path))
    places = [os.path.normpath(os.path.join(folder, os.path.expanduser(each))) for each in forms]
    return next(filter(os.path.isfile, places), places[0])


def _refuse_contradiction(path, one, other):
    """Raises a UserError if a photo is in the list twice with different labels, splits or groups."""
    for column, field in (("label", "label"), ("split", "part"), ("group", "group")):
        words = [getattr(row, field) for row in (one, other)]
        if words[0] != words[1]:
            raise UserError(
                f"{path}: {one.name} is listed twice, in line {one.line} with {column} {words[0]!r} and in "
                f"line {other.line} with {words[1]!r}; remove one of them"
            )


def _refuse_missing(path, missing, count):
    """Raises a UserError if too many of the list's `count` photos are missing."""
    if len(missing) > inspection.broken_allowed(count):
        raise UserError(
            f"{path}: {len(missing)} of {count} photos are not there, the first is {_place(missing[0])}; "
            f"paths are relative to {os.path.abspath(path.parent)} or absolute"
        )


def _place(row):
    return f"{row.path} of line {row.line}"
