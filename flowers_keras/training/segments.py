"""A segment: stored values of some photos, in a folder that is whole or absent.

activation.npy   [photos, ...], float32, or bfloat16 as the 16-bit integers that NumPy files know
pooled.npy       float32 [photos, ...]
manifest.json    the photos' addresses, and checksums
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
    """Whether every byte is as it was written."""
    try:
        return files.read_json(folder / "manifest.json")["checksums"] == _checksums(folder)
    except (OSError, UserError, KeyError, TypeError):
        return False


def read_rows(folder, part, rows):
    """Values [rows, ...] of some rows, as they are in the file."""
    # Mapped anew for each batch: pages of a map that stays open would count as our memory.
    return np.load(folder / f"{part}.npy", mmap_mode="r")[rows]


def size(folder):
    """Bytes of the values."""
    return sum(os.path.getsize(folder / f"{part}.npy") for part in PARTS)


def _checksums(folder):
    return {part: files.checksum(folder / f"{part}.npy") for part in PARTS}
