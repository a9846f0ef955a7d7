"""Twins: photos that show the same picture, byte for byte or after mirroring, scaling, compressing.

A twin of a training photo in the test set makes the test accuracy a lie: the model has seen the
answer. Perceptual hashes find such pairs without looking at the labels.
"""

import concurrent.futures
import dataclasses
import hashlib
import os

import imagehash
import numpy as np
import scipy.sparse.csgraph
import tqdm.auto  # which draws a bar in a notebook, too
from PIL import Image

from flowers_keras.photos import reader

HASH_BITS = 64
# The hash keeps signs only. So that flat pictures, whose signs are noise, and pictures of one
# layout in other colours are no twins, both of these must hold as well:
LEAST_CONTRAST = 4.0  # standard deviation of the thumbnail, grey levels
COLOUR_TOLERANCE = 20.0  # mean absolute difference of two 4x4 thumbnails, grey levels


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


def fingerprint_photos(photos):
    """Reads and decodes every photo once, and prints which files are broken or no photos.

    Args:
      photos: sources.Photos.

    Returns:
      (fingerprints, left_out): position -> Fingerprint, and (id, reason) of the broken ones.
    """

    def inspect(position):
        data = photos.read(position)
        return fingerprint(data, reader.read_photo(data))

    found = dict(enumerate(_read_all(photos, range(len(photos.ids)), inspect)))
    left_out = [(photos.ids[i], why) for i, why in found.items() if isinstance(why, str)]
    for name, why in left_out:
        print(f"left out {name}: {why}")
    others = [name for name, why in photos.others if why == reader.NO_PHOTO]
    if others:
        print(reader.name_others(others))
    return {i: one for i, one in found.items() if not isinstance(one, str)}, left_out


def digest_photos(photos, positions):
    """SHA-256 of the bytes that each photo has now; they are not decoded.

    Args:
      photos: sources.Photos.
      positions: int [count].

    Returns:
      A list of (digest, reason): reason is "" where the photo can be read, and digest where not.
    """

    def digest(position):
        return hashlib.sha256(photos.read(position)).hexdigest(), ""

    return [("", one) if isinstance(one, str) else one for one in _read_all(photos, positions, digest)]


def _read_all(photos, positions, function):
    """`function` of each position, from many threads; the reason as text where a photo is broken."""

    def attempt(position):
        try:
            return function(position)
        except reader.BrokenPhoto as error:
            return str(error)

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    results = pool.map(attempt, positions)
    bar = tqdm.auto.tqdm(results, "reading the photos", len(positions), delay=5, unit=" photos", disable=None)
    try:
        return list(bar)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the photos to come


def draw_addresses(digests, count):
    """What each photo's random draws depend on: its content, so that a photo added changes no other's.

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


def find_twins(left, right, distance):
    """Pairs of twins between two lists of fingerprints.

    Args:
      left, right: lists of Fingerprint; the same list object twice compares a set with itself.
      distance: the largest Hamming distance of two hashes, out of 64 bits, that makes twins.
        Byte-identical photos are twins at any distance.

    Returns:
      A list of (i, j, bits): positions in `left` and `right` and the distance found, 0 for
      identical bytes, mirror images included; each pair once, and no photo with itself.

    Example:
      >>> picture = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8).repeat(9, 0).repeat(9, 1)
      >>> find_twins([fingerprint(b"one", picture)], [fingerprint(b"other", picture[:, ::-1])], 8)
      [(0, 0, 0)]
    """
    digests, hashes, colours = _columns(left)
    others, other_hashes, other_colours = _columns(right)
    pairs = []
    for i in range(len(left)):
        same = others == digests[i]
        bits = np.where(same, 0, _distances(hashes[i], colours[i], other_hashes, other_colours))
        near = np.flatnonzero(bits <= np.where(same, 0, distance))
        pairs += [(i, int(j), int(bits[j])) for j in near if left is not right or j > i]
    return pairs


def _columns(fingerprints):
    """Digests [n], hashes uint64 [n, 2] (0 for flat), thumbnails float32 [n, 4, 4, 3]."""
    digests = np.array([one.digest for one in fingerprints], "U64")
    hashes = [(int(one.phash or "0", 16), int(one.mirrored or "0", 16)) for one in fingerprints]
    colours = b"".join(bytes.fromhex(one.colours) for one in fingerprints)
    thumbnails = np.frombuffer(colours, np.uint8).reshape(-1, 4, 4, 3).astype(np.float32)
    return digests, np.array(hashes, np.uint64).reshape(-1, 2), thumbnails


def _distances(hashes, colours, other_hashes, other_colours):
    """Hamming distance of one photo to each other, as it is or mirrored; 64 where colours differ."""
    bits = np.bitwise_count(other_hashes ^ hashes[0]).astype(np.int32)
    # The hash of a mirror image is near, but not equal, to the mirror image of a hash: without the
    # other way round as well, a pair could be twins in one order and not in the other.
    bits[:, 1] = np.minimum(bits[:, 1], np.bitwise_count(other_hashes[:, 0] ^ hashes[1]))
    bits[(other_hashes == 0) | (hashes[0] == 0)] = HASH_BITS
    for column in np.flatnonzero(bits.min(axis=0, initial=HASH_BITS) < HASH_BITS):
        seen = other_colours[:, :, :: -1 if column else 1]
        unlike = np.abs(seen - colours).mean(axis=(1, 2, 3)) > COLOUR_TOLERANCE
        bits[unlike, column] = HASH_BITS
    return bits.min(axis=1)


def group_twins(count, pairs):
    """Connected groups of twins.

    Args:
      count: number of photos.
      pairs: (i, j, ...) as `find_twins` returns them.

    Returns:
      int32 [count]: the number of each photo's group.

    Example:
      >>> group_twins(4, [(0, 2, 0), (2, 3, 1)]).tolist()
      [0, 1, 0, 0]
    """
    left, right = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    graph = scipy.sparse.coo_array((np.ones(len(pairs)), (left, right)), (count, count))
    return scipy.sparse.csgraph.connected_components(graph, directed=False)[1]
