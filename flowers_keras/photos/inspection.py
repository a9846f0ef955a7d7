"""Reads every photo once, for its fingerprint or its digest alone."""

import collections
import concurrent.futures
import hashlib
import itertools
import os

import numpy as np

from flowers_keras import distributed, progress
from flowers_keras.errors import UserError
from flowers_keras.photos import fingerprint_cache, folders, identity, reader

WINDOW = 16  # photos a processor that are being read or wait for those before them


def fingerprint_photos(photos, folder=None):
    """Reads every photo once, and prints which files are broken or no photos.

    Processes of one run decode a part of them each, and find those of the others kept.

    Args:
      photos: sources.Photos.
      folder: pathlib.Path where fingerprints are kept by content: of photos whose bytes are known
        nothing is decoded. None keeps nothing.

    Returns:
      (fingerprints, left_out): identity.FingerprintTable, and (id, reason) of the broken ones.
    """
    every, (number, count) = range(len(photos.ids)), distributed.rank_and_size()
    if count > 1:
        collections.deque(_fingerprint(photos, every[number::count], folder), maxlen=0)
        distributed.barrier("fingerprints")
    records, left_out = np.zeros(len(photos.ids), identity.RECORD), []
    whole = np.zeros(len(photos.ids), bool)
    for position, found in enumerate(_fingerprint(photos, every, folder)):
        if isinstance(found, str):
            left_out.append((photos.ids[position], found))
            print(f"left out {folders.printable(photos.ids[position])}: {found}")
        else:
            records[position] = found
            whole[position] = True
    others = [name for name, why in photos.others if why == reader.NO_PHOTO]
    if others:
        print(reader.name_others(others))
    return identity.FingerprintTable(np.flatnonzero(whole), records[whole]), left_out


def refuse_broken(left_out, count):
    """Raises a UserError if too many of `count` photos are broken: then the cause is rarely in the photos."""
    allowed = broken_allowed(count)
    if len(left_out) > allowed:
        raise UserError(
            f"{len(left_out)} of {count} photos are broken, more than the {allowed} that may be left out; "
            f"the first is {left_out[0][0]}: {left_out[0][1]}; repair or remove them"
        )


def broken_allowed(count):
    """How many of `count` photos may be broken without ending the run.

    One in ten, but ten at most; of more than a thousand photos one in a hundred; always at least one.

    Example:
      >>> [broken_allowed(count) for count in (5, 61, 400, 3000)]
      [1, 6, 10, 30]
    """
    return max(1, count // 100, min(10, count // 10))


def _fingerprint(photos, positions, folder):
    """Yields the `identity.RECORD` of each photo, which is kept in `folder`, or why it cannot be read."""
    kept = fingerprint_cache.FingerprintCache(folder)

    def inspect(position):
        data = photos.read(position)
        known = kept.find(hashlib.sha256(data).digest())
        if known is not None:
            return known
        return identity.pack([identity.fingerprint(data, reader.read_photo(data))])[0]

    for found in _read_all(positions, inspect):
        if not isinstance(found, str):
            kept.add(found)
        yield found
    kept.flush()


def digest_photos(photos, positions):
    """SHA-256 of the bytes that each photo has now; they are not decoded.

    Args:
      photos: sources.Photos.
      positions: int [count].

    Yields:
      (digest, reason): reason is "" where the photo can be read, and digest where not.
    """

    def digest(position):
        return hashlib.sha256(photos.read(position)).hexdigest(), ""

    for found in _read_all(positions, digest):
        yield ("", found) if isinstance(found, str) else found


def _read_all(positions, function):
    """Yields `function` of each position, from many threads; the reason as text where a photo is broken."""

    def attempt(position):
        try:
            return function(position)
        except reader.BrokenPhoto as error:
            return str(error)

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    left, window = iter(positions), WINDOW * (os.cpu_count() or 1)
    bar = progress.bar(len(positions), "reading the photos", delay=5)
    try:
        waiting = collections.deque(pool.submit(attempt, each) for each in itertools.islice(left, window))
        while waiting:
            yield waiting.popleft().result()
            bar.update()
            waiting.extend(pool.submit(attempt, each) for each in itertools.islice(left, 1))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the photos to come
        bar.close()
