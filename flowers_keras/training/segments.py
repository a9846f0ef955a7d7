"""A segment: the trunk's outputs for some photos, in a folder that is either complete or absent.

activation.npy   [photos, ...], float32, or bfloat16 as the 16-bit integers that NumPy files know
pooled.npy       float32 [photos, ...]
manifest.json    the photos' addresses, and checksums
verified.json    size and time of the two files when their checksums were last verified
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

OUTPUTS = ("activation", "pooled")  # of the trunk; each has a file

MARK = "verified.json"


def write_segment(folder, addresses, batches):
    """Writes one segment; on failure nothing is left behind.

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
    """Appends the values of `count` photos batch by batch; the files' headers state that count at once."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(open(folder / f"{output}.npy", "wb")) for output in OUTPUTS]
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
    for output in OUTPUTS:
        files.sync(folder / f"{output}.npy")


def read_addresses(folder):
    """The photos' addresses in the order of their rows, or None where the manifest is damaged."""
    try:
        return files.read_json(folder / "manifest.json")["addresses"]
    except (UserError, KeyError, TypeError):
        return None


def is_whole(folder):
    """Whether a segment is as it was written.

    Checksums are computed only if the files' sizes or times have changed since they were last verified, which
    happens once for each copy of a store. Otherwise every start would read 164 kB a photo and view.
    """
    try:
        if _is_marked(folder):
            activation, pooled = (np.load(folder / f"{output}.npy", mmap_mode="r") for output in OUTPUTS)
            return len(activation) == len(pooled)
        if files.read_json(folder / "manifest.json")["checksums"] != _checksums(folder):
            return False
        with contextlib.suppress(UserError):  # the store may be read-only for this user
            files.write_json(folder / MARK, _states(folder))
        return True
    except (OSError, UserError, KeyError, TypeError, ValueError):
        return False


def _is_marked(folder):
    """Whether both files have the size and time that they had when their checksums were last verified."""
    with contextlib.suppress(UserError):  # there is no mark, or it is damaged
        return files.read_json(folder / MARK) == _states(folder)
    return False


def _states(folder):
    """Output -> [bytes, time of the last change in nanoseconds]."""
    found = {output: os.stat(folder / f"{output}.npy") for output in OUTPUTS}
    return {output: [each.st_size, each.st_mtime_ns] for output, each in found.items()}


class Values:
    """The stored values of one output; any thread may read them.

    The constructor reads the file's header, in the caller's thread: NumPy parses it with `ast`, which now and
    then fails when two threads of Python 3.11 parse at once (CPython issue 106905).

    Args:
      folder: pathlib.Path of the segment.
      output: one of `OUTPUTS`.
    """

    def __init__(self, folder, output):
        values = np.load(folder / f"{output}.npy", mmap_mode="r")
        self._location = {each: getattr(values, each) for each in ("filename", "dtype", "shape", "offset")}

    def __getitem__(self, rows):
        """Values [rows, ...] of some rows, as they are in the file."""
        # Mapped again for each batch: pages of a map that stays open count as this process's memory.
        return np.memmap(**self._location, mode="r")[rows]


def size(folder):
    """Bytes of the values."""
    return sum(os.path.getsize(folder / f"{output}.npy") for output in OUTPUTS)


def _checksums(folder):
    return {output: files.checksum(folder / f"{output}.npy") for output in OUTPUTS}
