"""Files are whole or absent, and a place that cannot be written is one line."""

import csv
import errno
import os

import pytest

from flowers_keras import files, user_paths
from flowers_keras.errors import UserError


@pytest.mark.parametrize(
    "name, message",
    [
        ("/proc/x.json", "cannot write /proc/x.json: No such file or directory; choose another folder"),
        ("/sys/x.json", "cannot write /sys/x.json"),
        ("file/x.json", "a part of it is a file; choose another folder"),
        ("file/below/x.json", "a part of it is a file; choose another folder"),
        ("folder", "Is a directory; it is a folder; choose another name"),
        ("x" * 300, "File name too long; choose a shorter name"),
    ],
)
def test_a_place_that_cannot_be_written(tmp_path, name, message):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=message):
        files.write_text(tmp_path / name, "text")
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}


@pytest.mark.parametrize(
    "number, advice",
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some space"),
        (errno.EACCES, "you may write to"),
        (errno.EROFS, "you may write to"),
    ],
)
def test_advice_fits_the_fault(tmp_path, monkeypatch, number, advice):
    def refuse(source, target):
        raise OSError(number, os.strerror(number), source)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(UserError, match=advice):
        files.write_text(tmp_path / "x", "text")
    assert not list(tmp_path.iterdir())


def test_only_the_blocks_own_writing_is_a_file_that_cannot_be_written(tmp_path):
    with pytest.raises(FileNotFoundError), files.whole_file(tmp_path / "x"):
        open(tmp_path / "a photo")
    for fault in (OSError(errno.ENOSPC, "full"), OSError("Can't write (errno = 28, error message = full)")):
        with pytest.raises(UserError, match="free some space"), files.whole_file(tmp_path / "x"):
            raise fault
    with pytest.raises(UserError, match="it is a folder"), files.whole_file(tmp_path / "x") as temporary:
        temporary.mkdir()
        temporary.write_text("text")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_removed_is_left(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(errno.EROFS, "Read-only file system")

    (tmp_path / "x").touch()
    monkeypatch.setattr(os, "unlink", refuse)
    files.discard(tmp_path / "x")


def test_a_file_system_that_cannot_sync_folders(tmp_path, monkeypatch):
    real = os.fsync

    def only_files(descriptor):
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", only_files)
    files.write_text(tmp_path / "x", "text")
    assert (tmp_path / "x").read_text() == "text"


def test_long_json_is_json_of_a_line_an_entry(tmp_path):
    photos = {f"é{i}": {"part": None, "group": 'a "b"'} for i in range(3)}
    value = {"names": ["a", "b"], "shares": {"train": 0.5}, "note": "x", "none": []}
    files.write_long_json(tmp_path / "long.json", value | {"photos": iter(photos.items()), "empty": iter({})})
    assert files.read_json(tmp_path / "long.json") == value | {"photos": photos, "empty": {}}
    lines = files.read_text(tmp_path / "long.json").splitlines()
    assert sum('"part"' in line for line in lines) == 3
    with pytest.raises(ValueError):
        files.write_long_json(tmp_path / "long.json", {"figure": float("nan")})
    assert files.read_json(tmp_path / "long.json")["photos"] == photos  # as it was


def test_entries_are_written_as_they_come(tmp_path):
    """None waits in memory for the last one."""
    seen = []

    def entries():
        for i in range(3000):
            seen.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            yield str(i), "x" * 100

    files.write_long_json(tmp_path / "long.json", {"photos": entries()})
    rows, seen_json = ([name, "x" * 100] for name, _ in entries()), list(seen)
    seen.clear()
    files.write_csv(tmp_path / "long.csv", ["id", "text"], rows)
    for sizes in (seen_json, [size - seen[0] for size in seen]):
        assert sizes[1500] > 100_000 and sizes[-1] > 250_000


def test_objects_in_json_are_replaced_as_they_are_read(tmp_path):
    files.write_json(tmp_path / "a.json", {"photos": {"a": {"part": 1}, "b": {"part": 2}}, "other": 3})
    found = files.read_json(tmp_path / "a.json", lambda each: each.get("part", each))
    assert found == {"photos": {"a": 1, "b": 2}, "other": 3}


def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(UserError, match="is a device"):
            user_paths.output_file(str(path))


def test_what_a_link_points_to_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "old.json").write_text("old")
    for name in ("old.json", "new.json"):
        link = tmp_path / f"latest {name}"
        link.symlink_to(tmp_path / "kept" / name)
        with files.whole_file(link) as temporary:
            temporary.write_text("whole")
        assert link.is_symlink() and (tmp_path / "kept" / name).read_text() == "whole"
    assert sorted(os.listdir(tmp_path)) == ["kept", "latest new.json", "latest old.json"]
    assert sorted(os.listdir(tmp_path / "kept")) == ["new.json", "old.json"]


def test_a_table_gives_names_back_whatever_they_hold(tmp_path):
    rows = [["roses\r/1.jpg", "a\nb"], ["\r\n", 'c,"d"'], ["", " e "]]
    files.write_csv(tmp_path / "t.csv", ["id", "label"], iter(rows))
    with open(tmp_path / "t.csv", encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [["id", "label"], *rows]
