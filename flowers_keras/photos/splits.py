"""Splits photos into train, validation and test: stratified by class, without leaks, stable.

A photo's part depends on its content and `data.split_seed` alone, so neither the order in which photos are
read nor photos that are added later move it. There are two exceptions: a new twin (`parts.group_key`) and
the guarantees for a class (`parts.assign_parts`). Twins stay in one part, and so do photos of one group.
Photos that come with a split keep it.
"""

import dataclasses

import numpy as np

from flowers_keras.photos import groups, identity, inspection, parts, twins
from flowers_keras.photos.part_names import PARTS

DRAWN = (
    "Each photo's part depends on its content alone, so that photos added later do not move it; the "
    "requested shares are met on average, not exactly."
)
GIVEN = "The parts are those that the photos came with; a missing one was drawn from the training photos."
DRAWN_GROUPS = (
    "Each group's part depends on its name alone; the requested shares are met on average, not exactly."
)


@dataclasses.dataclass(frozen=True)
class Split:
    """Which photo went where.

    Attributes:
      positions: part name -> int64 [count], positions in the Photos, ascending.
      fingerprints: identity.FingerprintTable of every photo that could be read.
      left_out: (id, reason) of photos that are in no part.
      twins: (id, id, distance in bits of 64) of all pairs that `twins.find_twins` returns.
      doubtful: the twins with different labels.
    """

    positions: dict[str, np.ndarray]
    fingerprints: identity.FingerprintTable
    left_out: list[tuple[str, str]]
    twins: list[tuple[str, str, int]]
    doubtful: list[tuple[str, str, int]]

    @property
    def digests(self):
        """Position -> SHA-256 of the photo's bytes, hexadecimal."""
        return identity.Digests(self.fingerprints)


def split_photos(photos, data, cache=None):
    """Splits photos into train, validation and test, and prints which are left out, and why.

    Args:
      photos: sources.Photos.
      data: config section with the fractions of the parts, `twin_distance` and `split_seed`.
      cache: pathlib.Path of the stored features, which also holds fingerprints; None stores none.

    Returns:
      Split.

    Raises:
      UserError: too many photos are broken, or a class has too few photos for a part.
    """
    if photos.parts:
        print(GIVEN)
    fingerprints, left_out = inspection.fingerprint_photos(photos, cache)
    inspection.refuse_broken(left_out, len(photos.ids))
    kept = list(fingerprints)
    pairs = twins.find_twins(fingerprints.records, data.twin_distance)
    pairs = [(kept[i], kept[j], bits) for i, j, bits in pairs]
    conflicts = twins.find_conflicts(photos, fingerprints)
    left_out += [*((photos.ids[i], why) for i, why in sorted(conflicts.items())), *photos.others]
    pairs = [pair for pair in pairs if conflicts.keys().isdisjoint(pair[:2])]
    group = twins.group_twins(len(photos.ids), [*pairs, *groups.link(photos.groups)])
    kept = [i for i in kept if i not in conflicts]
    assign = groups.assign_photos if photos.groups else parts.assign_photos
    positions = assign(photos, kept, group, fingerprints, dict(left_out), data)
    named = [(photos.ids[i], photos.ids[j], bits) for i, j, bits in pairs]
    odd = [photos.labels[i] != photos.labels[j] for i, j, _ in pairs]
    split = Split(
        {part: np.array(sorted(each), np.int64) for part, each in positions.items()},
        fingerprints,
        left_out,
        named,
        [pair for pair, differs in zip(named, odd, strict=True) if differs],
    )
    _warn_of_leaks(split, photos, data.twin_distance)
    return split


def _warn_of_leaks(split, photos, distance):
    """Prints a warning if parts that the photos came with share twins or groups."""
    pairs = _pairs_across(split, photos, distance) if photos.parts else []
    across = groups.find_across(photos, split.positions)
    if pairs:
        print(
            f"warning: the given parts share twins ({len(pairs):,}), such as {pairs[0][0]} and "
            f"{pairs[0][1]}: this makes the accuracy on the later part too high"
        )
    if across:
        name, one, other = across[0][:3]
        print(
            f"warning: the given parts share {len(across)} groups, such as {name} in {one} and {other}: for "
            "photos of new groups the accuracy is too high"
        )


def describe(split, photos, distance):
    """What the report says about the split: twins across and within parts, and the parts' shares.

    Returns:
      {"across": [[id, id, bits]], which should be empty, "within": number of pairs in one part,
      "groups_across": [[group, part, part, ...]], which should be empty,
      "doubtful": [[id, id, bits]], "left_out": [[id, reason]], "shares": {part: {"count", "share"}},
      "shares_note": a sentence}.
    """
    across = _pairs_across(split, photos, distance)
    return {
        "across": across,
        "within": max(0, len(split.twins) - len(across)),
        "groups_across": groups.find_across(photos, split.positions),
        "doubtful": [list(pair) for pair in split.doubtful],
        "left_out": [list(pair) for pair in split.left_out],
        **shares(split, photos),
    }


def shares(split, photos):
    """How many photos each part has: the entries "shares" and "shares_note" of `describe`."""
    count = {part: len(split.positions[part]) for part in PARTS}
    every = max(1, sum(count.values()))
    return {
        "shares": {part: {"count": each, "share": each / every} for part, each in count.items()},
        "shares_note": GIVEN if photos.parts else DRAWN_GROUPS if photos.groups else DRAWN,
    }


def _pairs_across(split, photos, distance):
    """[id, id, bits] of twins in different parts."""
    across = []
    for i, one in enumerate(PARTS):
        for other in PARTS[i + 1 :]:
            left, right = split.positions[one], split.positions[other]
            pairs = twins.find_twins_across(*map(split.fingerprints.at, (left, right)), distance)
            across += [[photos.ids[left[a]], photos.ids[right[b]], bits] for a, b, bits in pairs]
    return across
