"""Twins: photos that show the same picture, byte for byte or after mirroring, scaling, compressing, greying.

A twin of a training photo in the test set makes the test accuracy a lie: the model has seen the
answer. Perceptual hashes find such pairs without looking at the labels.

The time grows more slowly than the number of pairs: copies are found by sorting, similar hashes by
`near_hashes`, and colours are compared only for these. Only photos of one layout in many colours, and the
twins themselves, cost time for every pair.
"""

import collections

import numpy as np
import scipy.sparse.csgraph

from flowers_keras.photos import folders, near_hashes

# The hash keeps signs only. So that pictures of one layout in other colours are no twins, this must
# hold as well: mean absolute difference of two 4x4 thumbnails, grey levels.
COLOUR_TOLERANCE = 20
MOST_GAIN = 2.5  # of two pictures that differ in exposure
MOST_TINT = 4  # grey levels between the channels of a picture without colours, as JPEG may keep it
BRIGHTNESS = np.array([0.299, 0.587, 0.114], np.float32)  # shares of red, green and blue (ITU-R BT.601)
CHUNK = 1 << 16  # pairs whose colours are compared at a time


def find_twins(records, distance):
    """Pairs of twins in a set of photos.

    Copies of one file are represented by the first of them: it makes a pair with each copy, and it
    alone makes pairs with other files.

    Args:
      records: `identity.RECORD` [count].
      distance: the largest Hamming distance of two hashes, out of 64 bits, that makes twins.
        Byte-identical photos are twins at any distance.

    Returns:
      A sorted list of (i, j, bits): positions, i before j, and the distance found, 0 for copies,
      mirror images included.

    Example:
      >>> from flowers_keras.photos import identity
      >>> picture = np.random.default_rng(0).integers(0, 256, (9, 9, 3), np.uint8).repeat(9, 0).repeat(9, 1)
      >>> photos = ((b"one", picture), (b"other", picture[:, ::-1]), (b"one", picture))
      >>> find_twins(identity.pack([identity.fingerprint(*each) for each in photos]), 8)
      [(0, 1, 0), (0, 2, 0)]
    """
    _, first, file = np.unique(records["digest"], return_index=True, return_inverse=True)
    copies = np.flatnonzero(first[file] != np.arange(len(records)))
    some = np.sort(first)
    i, j, bits = _near(records[some], None, distance)
    return _tuples(
        np.concatenate([some[i], first[file[copies]]]),
        np.concatenate([some[j], copies]),
        np.concatenate([bits, np.zeros(len(copies), np.uint8)]),
    )


def find_twins_across(left, right, distance):
    """Pairs of twins of which one is in each of two sets of photos.

    Copies of one file in `right` are represented by the first.

    Args:
      left, right: `identity.RECORD` [count].
      distance: as of `find_twins`.

    Returns:
      A sorted list of (i, j, bits): positions in `left` and `right`.
    """
    digests, some = np.unique(right["digest"], return_index=True)
    if not len(left) or not len(some):
        return []
    place = np.minimum(np.searchsorted(digests, left["digest"]), len(digests) - 1)
    same = digests[place] == left["digest"]
    copies = np.flatnonzero(same)
    i, j, bits = _near(left, right[some], distance)
    other = ~same[i] | (place[i] != j)  # a copy is a pair already
    return _tuples(
        np.concatenate([i[other], copies]),
        some[np.concatenate([j[other], place[copies]])],
        np.concatenate([bits[other], np.zeros(len(copies), np.uint8)]),
    )


def _tuples(i, j, bits):
    order = np.lexsort((j, i))
    return list(zip(i[order].tolist(), j[order].tolist(), bits[order].tolist(), strict=True))


def _near(left, right, distance):
    """(i, j, bits) of pairs whose hashes and colours are near; with `right` None of pairs within `left`."""
    within = right is None
    right = left if within else right
    found = [_near_one_way(left, "phash", right, "phash", distance, within)]
    # The hash of a mirror image is near, but not equal, to the mirror image of a hash: without the
    # other way round as well, a pair could be twins in one order and not in the other.
    found.append(_near_one_way(left, "phash", right, "mirrored", distance, False))
    if not within:
        found.append(_near_one_way(left, "mirrored", right, "phash", distance, False))
    i, j, bits = map(np.concatenate, zip(*found, strict=True))
    if within:
        i, j = np.minimum(i, j), np.maximum(i, j)
        i, j, bits = (each[i < j] for each in (i, j, bits))
    order = np.lexsort((bits, j, i))  # of a pair that was found in several ways, the nearest comes first
    i, j, bits = i[order], j[order], bits[order]
    new = np.append(True, (np.diff(i) != 0) | (np.diff(j) != 0))[: len(i)]
    return i[new], j[new], bits[new]


def _near_one_way(left, name, right, other_name, distance, within):
    """Pairs by one hash of each; `within` one set, of each hash with those at later positions only."""
    hashes, members = _by_hash(left[name])
    others, other_members = (hashes, members) if within else _by_hash(right[other_name])
    u, v, bits = near_hashes.near_hashes(hashes, others, distance)
    if within:  # photos of one hash
        u, v = (np.append(each, np.arange(len(hashes))) for each in (u, v))
        bits = np.append(bits, np.zeros(len(hashes), np.uint8))
    colours, other_colours = (each["colours"].reshape(-1, 4, 4, 3) for each in (left, right))
    if name != other_name:
        other_colours = other_colours[:, :, ::-1]
    found = []
    for pair, i, j in _members_of_pairs(members, other_members, u, v):
        if within:
            pair, i, j = (each[(u[pair] != v[pair]) | (i < j)] for each in (pair, i, j))
        near = _unlike(colours[i], other_colours[j]) <= COLOUR_TOLERANCE
        found.append((i[near], j[near], bits[pair[near]]))
    empty = np.zeros(0, np.int64)
    return tuple(map(np.concatenate, zip(*found, strict=True))) if found else (empty, empty, empty)


def _unlike(one, other):
    """Mean absolute difference of thumbnails, grey levels, of uint8 [count, 4, 4, 3] two times.

    What an editor changes first does not count: the darker picture is also compared as bright as the other
    one, and where one of them has no colours, brightness alone is compared.
    """
    grey = np.minimum(_tint(one), _tint(other)) <= MOST_TINT
    one, other = (each.reshape(len(each), 48).astype(np.float32) for each in (one, other))
    gain = np.clip((other.mean(1) + 1) / (one.mean(1) + 1), 1 / MOST_GAIN, MOST_GAIN)[:, None]
    as_bright = np.minimum(one * np.maximum(gain, 1), 255), np.minimum(other / np.minimum(gain, 1), 255)
    return np.minimum(_difference(one, other, grey), _difference(*as_bright, grey))


def _tint(thumbnails):
    red, green, blue = np.moveaxis(thumbnails, -1, 0)  # several times as fast as `np.ptp` of so few
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    return spread.max(axis=(1, 2))


def _difference(one, other, grey):
    difference = one - other
    difference[grey] = (difference[grey].reshape(-1, 16, 3) @ BRIGHTNESS).repeat(3, axis=1)
    return np.abs(difference).mean(1)


Members = collections.namedtuple("Members", "positions starts counts")  # of the photos of each hash


def _by_hash(hashes):
    """(different hashes but 0, which flat pictures have, Members)."""
    order = np.argsort(hashes, kind="stable")
    order = order[hashes[order] != 0]
    values, starts, counts = np.unique(hashes[order], return_index=True, return_counts=True)
    return values, Members(order, starts, counts)


def _members_of_pairs(members, others, u, v):
    """Yields (number of the pair of hashes, photo, photo), arrays of about `CHUNK` pairs of photos."""
    sizes = members.counts[u] * others.counts[v]
    ends = np.cumsum(sizes)
    for start in range(0, int(ends[-1]) if len(ends) else 0, CHUNK):
        numbers = np.arange(start, min(start + CHUNK, ends[-1]))
        pair = np.searchsorted(ends, numbers, "right")
        row, column = np.divmod(numbers - (ends[pair] - sizes[pair]), others.counts[v[pair]])
        yield (
            pair,
            members.positions[members.starts[u[pair]] + row],
            others.positions[others.starts[v[pair]] + column],
        )


def find_conflicts(photos, fingerprints):
    """Finds and prints copies of one file that have different labels, of which at most one can be right.

    Args:
      photos: sources.Photos.
      fingerprints: identity.FingerprintTable.

    Returns:
      Position -> reason.
    """
    copies = collections.defaultdict(list)
    _, first, file = np.unique(fingerprints.records["digest"], return_index=True, return_inverse=True)
    for row in np.flatnonzero(np.bincount(file)[file] > 1):
        copies[first[file[row]]].append(int(fingerprints.positions[row]))
    conflicts = {}
    for positions in copies.values():
        last = positions[-1]
        others = [i for i in positions if photos.labels[i] != photos.labels[last]]
        for i in positions if others else ():
            other = last if photos.labels[i] != photos.labels[last] else others[-1]
            labels = " and ".join(sorted(photos.class_names[photos.labels[k]] for k in (i, other)))
            conflicts[i] = f"the same file as {photos.ids[other]}, labelled both {labels}"
    for i, why in sorted(conflicts.items()):
        print(f"left out {folders.printable(photos.ids[i])}: {folders.printable(why)}")
    return conflicts


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
