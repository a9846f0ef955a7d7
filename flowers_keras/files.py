"""Files that are whole or absent: written under a temporary name, synced, then renamed."""

import contextlib
import csv
import io
import json
import os
import pathlib
import shutil
import zlib

from flowers_keras.errors import UserError

TEMPORARY = ".part"  # a name that ends in this was being written when the power went


def user_path(text):
    """pathlib.Path of a path that a person typed, `~` expanded; the `type=` of every command's paths."""
    return pathlib.Path(os.path.expanduser(text))


def model_file(text):
    """The path of a trained model, which may be typed as that of its run's folder; for `type=`.

    Raises:
      UserError: there is none.
    """
    path = user_path(text)
    path = path / "model.keras" if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"{path} is not there; type the path of the model.keras of a finished run")
    return path


@contextlib.contextmanager
def whole_file(path):
    """Yields a temporary path beside `path`; it takes the name `path` when the block succeeds.

    The bytes are on the disk before the name is: a reader, or a machine that starts again after a
    power cut, finds the old file or the new one, never half of one. If the block fails, the
    temporary file is removed and `path` is as it was.

    Raises:
      UserError: the disk is full or the folder cannot be written.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f"{path.stem}{TEMPORARY}{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another folder"
        ) from error
    finally:
        discard(temporary)


def sync(path):
    """Waits until the file or folder at `path` is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def discard(path):
    """Removes the file or folder at `path`, if there is one."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(path)


def write_text(path, text):
    """Writes `text` as UTF-8."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Writes `value` as indented JSON; not-a-number and infinity are refused (ValueError)."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path):
    """The value in a JSON file.

    Raises:
      UserError: the file is absent or is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there; is its folder that of a finished run?") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); make it again") from error


def write_csv(path, header, rows):
    """Writes a table; floats in full, so that what reads it back computes with the same numbers."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, table.getvalue())


def checksum(path):
    """CRC-32 of a file, read in pieces of 4 MiB."""
    crc = 0
    with open(path, "rb") as file:
        while piece := file.read(4 << 20):
            crc = zlib.crc32(piece, crc)
    return crc
