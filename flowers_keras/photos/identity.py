"""What identifies a photo: a digest of its file, and hashes and colours of its picture."""

import collections.abc
import dataclasses
import hashlib

import imagehash
import numpy as np
from PIL import Image

# Increased when the fingerprint of a photo changes, or which photos can be read: stored fingerprints are
# then computed again. `tests/photos/test_identity.py` pins the values of each version.
FINGERPRINT_VERSION = 3

# The hash keeps signs only, which in flat pictures are noise.
LEAST_CONTRAST = 4.0  # standard deviation of the thumbnail, grey levels

RECORD = np.dtype(
    [("digest", "S32"), ("phash", "<u8"), ("mirrored", "<u8"), ("colours", "u1", (48,)), ("size", "<i8")]
)


@dataclasses.dataclass(frozen=True)
class Fingerprint:
    """What identifies one photo.

    Attributes:
      digest: SHA-256 of the encoded bytes, hexadecimal.
      phash: 64-bit perceptual hash of the picture, 16 hexadecimal digits; "" for a flat picture.
      mirrored: the same hash of its mirror image.
      colours: its 4x4 RGB thumbnail, row by row, hexadecimal.
      size: bytes of the encoded photo; 0 in the `splits.json` of older runs.
    """

    digest: str
    phash: str
    mirrored: str
    colours: str
    size: int = 0


def fingerprint(data, photo):
    """Fingerprint of a photo.

    Args:
      data: the encoded bytes.
      photo: the decoded photo, uint8 [height, width, 3].

    The perceptual hash is `imagehash.phash` (http://www.phash.org): the signs of the 8x8 lowest
    frequencies of a 32x32 greyscale thumbnail.
    """
    small = Image.fromarray(photo).resize((32, 32), Image.Resampling.BOX)
    colours = small.resize((4, 4), Image.Resampling.BOX).tobytes().hex()
    grey = small.convert("L")
    flat = np.std(grey) < LEAST_CONTRAST
    mirror = grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return Fingerprint(
        hashlib.sha256(data).hexdigest(),
        "" if flat else str(imagehash.phash(grey)),
        "" if flat else str(imagehash.phash(mirror)),
        colours,
        len(data),
    )


def pack(fingerprints):
    """The fingerprints as an array of `RECORD`, 104 bytes each; a hash of 0 is that of a flat picture."""
    records = np.zeros(len(fingerprints), RECORD)
    for i, one in enumerate(fingerprints):
        colours = np.frombuffer(bytes.fromhex(one.colours), np.uint8)
        hashes = (int(text or "0", 16) for text in (one.phash, one.mirrored))
        records[i] = (bytes.fromhex(one.digest), *hashes, colours, one.size)
    return records


def unpack(record):
    """The Fingerprint of one record."""
    phash, mirrored = (f"{value:016x}" if value else "" for value in (record["phash"], record["mirrored"]))
    digest = record["digest"].ljust(32, b"\0").hex()  # NumPy cuts zeros off
    return Fingerprint(digest, phash, mirrored, record["colours"].tobytes().hex(), int(record["size"]))


class FingerprintTable(collections.abc.Mapping):
    """Position -> Fingerprint, in 112 bytes a photo; as objects they would take 700.

    Args:
      positions: int64 [count], ascending.
      records: `RECORD` [count].

    Example:
      >>> one = fingerprint(b"a photo's file", np.zeros((8, 8, 3), np.uint8))
      >>> table = FingerprintTable(np.array([7]), pack([one]))
      >>> dict(table) == {7: one}
      True
    """

    def __init__(self, positions, records):
        self.positions, self.records = np.asarray(positions, np.int64), records

    def __len__(self):
        return len(self.positions)

    def __iter__(self):
        return map(int, self.positions)

    def __getitem__(self, position):
        row = np.searchsorted(self.positions, position)
        if row == len(self) or self.positions[row] != position:
            raise KeyError(position)
        return unpack(self.records[row])

    def at(self, positions):
        """`RECORD` [count] of some positions, in their order."""
        return self.records[np.searchsorted(self.positions, np.asarray(positions, np.int64))]


class Digests(collections.abc.Mapping):
    """Position -> SHA-256 of the photo's bytes, hexadecimal, of a mapping of Fingerprints."""

    def __init__(self, fingerprints):
        self._fingerprints = fingerprints

    def __len__(self):
        return len(self._fingerprints)

    def __iter__(self):
        return iter(self._fingerprints)

    def __getitem__(self, position):
        return self._fingerprints[position].digest


def uniform_hash(text, seed):
    """A number in [0, 1), uniformly distributed, that depends on a text and a seed alone.

    Example:
      >>> uniform_hash("a photo's digest", 0) == uniform_hash("a photo's digest", 0)
      True
      >>> uniform_hash("a photo's digest", 0) == uniform_hash("a photo's digest", 1)
      False
    """
    return int(hashlib.sha256(f"{seed}:{text}".encode()).hexdigest()[:13], 16) / 16**13


def draw_addresses(digests, count):
    """What each photo's random draws depend on: its content, so that added photos change no other's.

    Args:
      digests: position -> SHA-256 of the photo's bytes, hexadecimal.
      count: number of photos.

    Returns:
      int64 [count], the first 32 bits of each digest; 0 where there is none.
    """
    addresses = np.zeros(count, np.int64)
    for position, digest in digests.items():
        addresses[position] = int(digest[:8], 16)
    return addresses
