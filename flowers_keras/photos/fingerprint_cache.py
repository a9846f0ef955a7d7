"""Fingerprints stored by content, so that a second run decodes nothing to split its photos.

Each FOLDER/fingerprints/KEY/NAME.npy holds some of them and is either complete or absent. KEY stands for
everything that they depend on besides the photo. Runs and processes add files and never change one.
"""

import contextlib
import hashlib
import importlib.metadata
import io
import json

import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import identity

PIECE = 4096  # fingerprints a file; what a kill can cost


class FingerprintCache:
    """The fingerprints that are kept in a folder.

    Args:
      folder: pathlib.Path of the stored features; None keeps nothing.
    """

    def __init__(self, folder):
        self._folder = None if folder is None else folder / "fingerprints" / cache_key()
        self._known, self._new = self._load(), []
        self._digests = self._known["digest"].copy()  # in one piece, or each search would copy all of them

    def find(self, digest):
        """The `identity.RECORD` of a photo's file with this SHA-256, 32 bytes; None where it is not known."""
        digest = np.array(digest, self._digests.dtype)
        row = np.searchsorted(self._digests, digest)
        return self._known[row] if row < len(self._known) and self._digests[row] == digest else None

    def add(self, record):
        """Keeps a record, if it is not there yet; on the disk after `PIECE` of them or `flush`."""
        if self._folder is not None and self.find(record["digest"]) is None:
            self._new.append(record)
            if len(self._new) == PIECE:
                self.flush()

    def flush(self):
        """Writes what was added; where the folder cannot be written, says so and keeps nothing more."""
        if not self._new:
            return
        records, self._new = _different(np.array(self._new, identity.RECORD)), []
        name, file = _name(records), io.BytesIO()
        np.save(file, records)  # to a path NumPy would report a full disk without its reason
        try:
            with files.whole_file(self._folder / f"{name}.npy") as temporary:
                temporary.write_bytes(file.getvalue())
        except UserError as error:
            print(f"note: fingerprints are not kept: {error}")
            self._folder = None

    def _load(self):
        """All that are there, by digest: `identity.RECORD` [count]."""
        found = [np.zeros(0, identity.RECORD)]
        for path in sorted(self._folder.glob("*.npy")) if self._folder else ():
            if files.TEMPORARY not in path.name:
                found.append(_read(path))
        return _different(np.concatenate(found))


def _different(records):
    """One of each digest, in their order."""
    return records[np.unique(records["digest"], return_index=True)[1]]


def _name(records):
    """A file's name, by which damage to it is noticed, too."""
    return hashlib.sha256(records.tobytes()).hexdigest()[:20]


def _read(path):
    """The records in a file; none, and no file any more, where it is damaged."""
    try:
        records = np.load(path)
        if records.dtype == identity.RECORD and _name(records) == path.stem:
            return records
    except (OSError, ValueError, EOFError):
        pass
    files.discard(path)
    return np.zeros(0, identity.RECORD)


def cache_key():
    """A name for what shapes a fingerprint besides the photo, and which photos can be read.

    Example:
      >>> len(cache_key())
      20
    """
    versions = {"fingerprint": identity.FINGERPRINT_VERSION}
    for package in ("pillow", "pillow-heif", "imagehash"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # the second is not always there
            versions[package] = importlib.metadata.version(package)
    text = json.dumps(versions)
    return hashlib.sha256(text.encode()).hexdigest()[:20]
