"""Files are whole or absent, and a place that cannot be written is one line."""

import errno
import os

import pytest

from flowers_keras import files
from flowers_keras.errors import UserError


def test_a_path_that_a_person_types(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert str(files.user_path("~/x")) == "/home/me/x" and str(files.user_path("a/~")) == "a/~"
    with pytest.raises(UserError, match="File name too long; type another path"):
        files.user_path("x" * 300)


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
