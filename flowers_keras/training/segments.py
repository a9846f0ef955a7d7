"""A segment: stored values of some photos, in a folder that is whole or absent.

activation.npy   [photos, ...], float32, or bfloat16 as the 16-bit integers that NumPy files know
pooled.npy       float32 [photos, ...]
manifest.json    the photos' addresses, and checksums
verified.json    size and time of the two files when their checksums were right last
"""

import contextlib
import hashlib
import os
import pathlib
import tempfile

import ml_dtypes
import numpy as np
from numpy.lib import format as npy

from flowers_keras import files
from flowers_keras.errors import UserError

PARTS = ("activation", "pooled")

MARK = "verified.json"


def write_segment(folder, addresses, batches):
    """Writes one segment; if it fails, nothing is left.

    Args:
      folder: pathlib.Path of the view.
      addresses: of the photos.
      batches: iterator of (activation, pooled), NumPy; as many batches are taken as the photos need.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256("\n".join(addresses).encode()).hexdigest()[:16]
    temporary = pathlib.Path(tempfile.mkdtemp(files.TEMPORARY, name, folder))
    try:
        _write_values(temporary, len(addresses), batches)
        manifest = {"addresses": addresses, "checksums": _checksums(temporary)}
        files.write_json(temporary / "manifest.json", manifest)
        files.write_json(temporary / MARK, _states(temporary))
        temporary.chmod(folder.stat().st_mode)  # mkdtemp's is for this user alone
        try:
            temporary.rename(folder / name)
        except OSError:  # without locks another process can have made the same segment
            if not (folder / name).exists():
                raise
        files.sync(folder)
    finally:
        files.discard(temporary)


def _write_values(folder, count, batches):
    """The values of `count` photos, appended row after row to files whose headers say so before."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(open(folder / f"{part}.npy", "wb")) for part in PARTS]
        written = 0
        while written < count:
            batch = next(batches)
            for file, values in zip(opened, batch, strict=True):
                values = np.ascontiguousarray(values)
                if values.dtype == ml_dtypes.bfloat16:
                    values = values.view(np.uint16)
                if not written:
                    header = npy.header_data_from_array_1_0(values)
                    npy.write_array_header_1_0(file, header | {"shape": (count, *values.shape[1:])})
                file.write(values.tobytes())
            written += len(batch[0])
    for part in PARTS:
        files.sync(folder / f"{part}.npy")


def read_addresses(folder):
    """The photos' addresses in the order of their rows, or None where the manifest is damaged."""
    try:
        return files.read_json(folder / "manifest.json")["addresses"]
    except (UserError, KeyError, TypeError):
        return None


def is_whole(folder):
    """Whether a segment is as it was written.

    Checksums are compared where the files' sizes or times are not those at which they were right: once
    for each copy of a store, as a start would otherwise read all of it, 164 kB a view of a photo.
    """
    try:
        if _is_marked(folder):
            activation, pooled = (np.load(folder / f"{part}.npy", mmap_mode="r") for part in PARTS)
            return len(activation) == len(pooled)
        if files.read_json(folder / "manifest.json")["checksums"] != _checksums(folder):
            return False
        with contextlib.suppress(UserError):  # of a store that this user may only read
            files.write_json(folder / MARK, _states(folder))
        return True
    except (OSError, UserError, KeyError, TypeError, ValueError):
        return False


def _is_marked(folder):
    """Whether both files have the size and the time at which their checksums were right."""
    with contextlib.suppress(UserError):  # there is no mark, or it is damaged
        return files.read_json(folder / MARK) == _states(folder)
    return False


def _states(folder):
    """Part -> [bytes, time of the last change in nanoseconds]."""
    found = {part: os.stat(folder / f"{part}.npy") for part in PARTS}
    return {part: [each.st_size, each.st_mtime_ns] for part, each in found.items()}


class Values:
    """The values of one part, read by any thread.

    The file's header is read here, in the thread of the caller: NumPy parses it with `ast`, which
    fails now and then where two threads of Python 3.11 parse at once (CPython issue 106905).

    Args:
      folder: pathlib.Path of the segment.
      part: "activation" or "pooled".
    """

    def __init__(self, folder, part):
        values = np.load(folder / f"{part}.npy", mmap_mode="r")
        self._place = {each: getattr(values, each) for each in ("filename", "dtype", "shape", "offset")}

    def __getitem__(self, rows):
        """Values [rows, ...] of some rows, as they are in the file."""
        # Mapped anew for each batch: pages of a map that stays open would count as our memory.
        return np.memmap(**self._place, mode="r")[rows]


def size(folder):
    """Bytes of the values."""
    return sum(os.path.getsize(folder / f"{part}.npy") for part in PARTS)


def _checksums(folder):
    return {part: files.checksum(folder / f"{part}.npy") for part in PARTS}
