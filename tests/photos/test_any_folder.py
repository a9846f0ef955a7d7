"""Any folder at all: no traceback, and photos used + files named as left out = files that are there."""

import collections
import os
import pathlib
import tempfile

import ml_collections
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from flowers_keras.errors import UserError
from flowers_keras.model.answering import Answer
from flowers_keras.photos import folders, inspection, labelled, reader, sources, splits
from flowers_keras.serving import inputs
from tests.photos import bad_photos

SPLIT = ml_collections.ConfigDict(
    {"validation_fraction": 0.2, "test_fraction": 0.2, "twin_distance": 0, "split_seed": 0}
)


def photo(number, kind="PNG"):
    """The bytes of a small photo that is like no other."""
    pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
    return bad_photos.encode(Image.fromarray(pixels), kind)


PNGS = [photo(number) for number in range(40)]
JPEGS = [photo(number, "JPEG") for number in range(40, 60)]
CONTENTS = st.one_of(
    st.sampled_from([*PNGS, *JPEGS]),
    st.sampled_from(
        [photo(60, "TIFF"), photo(61, "WEBP"), photo(62, "GIF"), JPEGS[0][:-2], b"\r\n" + JPEGS[1]]
    ),
    st.sampled_from([b"", b"words", b"<html>", bytes(99), PNGS[0][:50], JPEGS[0][:300], b"\0\x05\x16\7"]),
    st.binary(max_size=40),
    st.sampled_from(["link", "nowhere", "circle", "up", "pipe"]),
)
NAMES = st.one_of(
    st.sampled_from(
        ["IMG_1", "ä", "a\u0308", "a\nb", "*", "[x]", "-x", "train", "val", "CON", "~", "a,b", "%s"]
    ),
    st.sampled_from([".hidden", "._IMG_1", "Thumbs", "@eaDir", "$RECYCLE.BIN", "desktop"]),
    st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12),
)
SUFFIXES = st.sampled_from(
    ["", ".jpg", ".JPG", ".jfif", ".heic", ".HEIC", ".png", ".tif", ".avif", ".txt", ".db", ".mov", "."]
)
NAME = st.builds(str.__add__, NAMES, SUFFIXES)
PLACES = st.lists(st.one_of(st.sampled_from(["daisy", "rose", "tulip", "train", "test"]), NAMES), max_size=3)
TREES = st.lists(st.tuples(PLACES, NAME, CONTENTS), max_size=12)


def write(root, tree, classes):
    """A folder of files as drawn, besides whole classes; what the file system refuses is left out."""
    for name, numbers in classes.items():
        (root / name).mkdir()
        for number in numbers:
            (root / name / f"{number}.png").write_bytes(PNGS[number])
    for i, (place, name, content) in enumerate(tree):
        if classes:  # a folder of its own would be a class, mostly one of too few photos
            place = [list(classes)[i % 2], *place] if place or i % 4 else []
        path = root.joinpath(*place, name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() or path.is_symlink():
                continue
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif content == "pipe":
                os.mkfifo(path)
            else:
                target = {"link": next(root.rglob("*.png"), "x"), "nowhere": "vanished", "circle": name}
                path.symlink_to(target.get(content, ".."))
        except (OSError, ValueError):
            pass


def files_there(folder, seen=()):
    """All files in a folder but for those of the system; a folder that is reached twice counts once."""
    seen = set() if seen == () else seen
    if folder.resolve() in seen:
        return []
    seen.add(folder.resolve())
    found = []
    for each in sorted(folder.iterdir(), key=lambda one: (one.is_symlink(), one)):
        if not folders.is_system(each.name):
            found += files_there(each, seen) if each.is_dir() else [each]
    return found


def one_line(error):
    assert 5 < len(str(error)) and "Traceback" not in str(error)
    return False


@pytest.mark.parametrize("count", [50, pytest.param(500, marks=pytest.mark.long)])
def test_every_file_is_used_or_named(count):
    used = collections.Counter()

    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate])
    @given(TREES)
    def check(tree):
        with tempfile.TemporaryDirectory() as place:
            root = pathlib.Path(place, "photos")  # so that a link upwards stays inside of `place`
            root.mkdir()
            # Every second one has classes; drawn, they would be anything from 8 to 31 of 50.
            classes = {"daisy": range(12), "rose": range(12, 24)} if used["folders"] % 2 else {}
            write(root, tree, classes)
            there = files_there(root)
            used["folders"] += 1
            used["training"] += check_training(root, there)
            used["evaluate"] += check_evaluate(root, there)
            used["predict"] += check_predict(root, there)

    check()
    assert used["folders"] == count
    assert min(used.values()) > count / 10, used  # the others are refused in a line each


def names_of(files, root):
    return sorted(folders.as_text(each.relative_to(root).as_posix()) for each in files)


def check_training(root, there):
    """Whether the folder is used; if it is, each of the files must be accounted for, once."""
    try:
        photos = sources.folder_photos(root)
        split = splits.split_photos(photos, SPLIT)
    except UserError as error:
        return one_line(error)
    used = [photos.ids[i] for each in split.positions.values() for i in each]
    assert sorted(used + [name for name, _ in split.left_out]) == names_of(there, root)
    return True


def check_evaluate(root, there):
    """The same of a model that knows the folder's classes."""
    try:
        known = sources.folder_photos(root, 1).class_names
        photos = labelled.labelled_photos(f"folder:{root}", known[::-1])
    except UserError as error:
        return one_line(error)
    fingerprints, left_out = inspection.fingerprint_photos(photos)
    named = [name for name, _ in (*left_out, *photos.others)]
    assert sorted([photos.ids[i] for i in fingerprints] + named) == names_of(there, root)
    return True


def check_predict(root, there):
    found = list(inputs.find_inputs([str(root)]))
    if any(isinstance(each, Answer) for each in found):
        assert len(found) == 1
        return False
    others = []
    reader.find_photos(root, others=others)
    assert sorted([*map(pathlib.Path, found), *others]) == sorted(there)
    for each in found:
        try:
            reader.read_photo(reader.read_file(each))
        except reader.BrokenPhoto as error:
            one_line(error)
    return True
