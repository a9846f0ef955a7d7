"""Atomic files: written under a temporary name, synced, then renamed."""

import collections.abc
import contextlib
import csv
import errno
import functools
import io
import json
import os
import pathlib
import re
import secrets
import shutil
import tempfile
import zlib

from flowers_keras.errors import DISK_FULL, UserError

TEMPORARY = ".part"  # in the name of a file that is being written, or was when the process died
LEFTOVER = f"*{TEMPORARY}{'[0-9a-f]' * 8}*"  # the pattern of such names, as `whole_file` makes them


def check_writable(path):
    """Refuses (UserError) a path where no file can be created; leaves nothing behind."""
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise UserError(f"{path} is a device, which a file would replace; type the name of a file")
    with _cannot_write(path):
        parents = pathlib.Path(path).absolute().parents
        tempfile.TemporaryFile(dir=next(each for each in parents if each.exists())).close()
        _temporary(path).exists()  # or its name is too long


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path beside `path`; it takes the name `path` when the block succeeds.

    The bytes are on the disk before the name is: a reader, or a machine that restarts after a power cut,
    finds either the old file or the new one, never half of one. If the block fails, the temporary file is
    removed and `path` is unchanged. If `path` is a link, its target is written.

    Raises:
      UserError: the disk is full or `path` cannot be written. Other exceptions of the block pass through.
    """
    path = pathlib.Path(os.path.realpath(os.path.expanduser(path)))
    temporary = _temporary(path)
    try:
        with _cannot_write(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        with _cannot_write(path, body=temporary):
            yield temporary
        with _cannot_write(path):
            sync(temporary)
            os.replace(temporary, path)
            sync(path.parent)
    finally:
        discard(temporary)


def _temporary(path):
    # Not the process id: processes on other hosts or in other containers can have the same.
    return path.with_name(f"{path.stem}{TEMPORARY}{secrets.token_hex(4)}{path.suffix}")


_ADVICE = {
    **dict.fromkeys(DISK_FULL, "free some space or choose another folder"),
    **dict.fromkeys((errno.EACCES, errno.EPERM, errno.EROFS), "choose a folder that you may write to"),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), "a part of it is a file; choose another folder"),
    errno.EISDIR: "it is a folder; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}


@contextlib.contextmanager
def _cannot_write(path, body=None):
    """Turns an OSError into a UserError; with `body`, a file, only an error of writing that file."""
    try:
        yield
    except OSError as error:
        number = error.errno or int((re.search(r"errno = (\d+)", str(error)) or "00")[1])  # as h5py has it
        if body and number not in DISK_FULL and str(error.filename) != str(body):
            raise
        advice = _ADVICE.get(number, "choose another folder")
        raise UserError(
            f"cannot write {path}: {os.strerror(number) if number else error}; {advice}"
        ) from error


def sync(path):
    """Waits until the file or folder at `path` is on the disk (untested on Windows)."""
    folder, windows = os.path.isdir(path), os.name == "nt"
    if folder and windows:
        return  # it has no such call
    descriptor = os.open(path, os.O_RDWR if windows else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not folder or error.errno != errno.EINVAL:  # a network file system that cannot sync folders
            raise
    finally:
        os.close(descriptor)


def discard(path):
    """Removes the file or folder at `path`, if there is one and it can be removed."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(path)


def write_text(path, text):
    """Writes `text` as UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes `value` as indented JSON; not-a-number and infinity are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_long_json(path, value):
    """Writes a JSON object whose entries need not all be in memory.

    Args:
      path: of the file.
      value: name -> JSON value. An iterator of (name, JSON value) becomes an object with one line per
        entry, and a list one with one line per value.
    """
    encode = functools.partial(json.dumps, ensure_ascii=False, allow_nan=False)
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        before = "{"
        for name, each in value.items():
            file.write(f"{before}\n  {encode(name)}: ")
            before = ","
            if isinstance(each, collections.abc.Iterator):
                _write_lines(file, "{}", (f"{encode(key)}: {encode(inner)}" for key, inner in each))
            elif isinstance(each, list):
                _write_lines(file, "[]", map(encode, each))
            else:
                file.write(encode(each))
        file.write("\n}\n")


def _write_lines(file, brackets, lines):
    before = "\n    "
    file.write(brackets[0])
    for line in lines:
        file.write(before + line)
        before = ",\n    "
    file.write("\n  " + brackets[1])


def read_text(path):
    """The text of a UTF-8 file of a run.

    Raises:
      UserError: the file is absent or cannot be read.
    """
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there; is its folder that of a finished run?") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); make it again") from error


def read_json(path, replace=None):
    """The value in a JSON file.

    Args:
      path: of the file.
      replace: called with each object in it, a dict, innermost first; returns what replaces it.

    Raises:
      UserError: the file is absent or is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text, object_hook=replace)
    except ValueError as error:
        raise UserError(f"{path} cannot be read ({error}); make it again") from error


def write_csv(path, header, rows):
    """Writes a table, with floats at full precision, so that reading it back gives the same numbers."""
    with whole_file(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(csv_line(header))
        file.writelines(map(csv_line, rows))


def csv_line(cells):
    r"""The line of a table.

    A name may hold a carriage return: a script of Windows's line ends makes such folders. It must be in
    quotes, or whoever reads the table sees two lines; `csv` does so only where its own lines end with one.

    Example:
      >>> csv_line(["roses\r/1.jpg", 0.5])
      '"roses\r/1.jpg",0.5\n'
    """
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n") + "\n"


def checksum(path):
    """CRC-32 of a file, read in pieces of 4 MiB."""
    crc = 0
    with open(path, "rb") as file:
        while piece := file.read(4 << 20):
            crc = zlib.crc32(piece, crc)
    return crc
