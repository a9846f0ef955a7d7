"""Train, validation and test: stratified by class, without leaks, stable.

A photo's part is drawn from its content and `data.split_seed` alone, so neither the order in which
photos are read nor photos that are added later move it. What may move a photo is written out where
it happens: a new twin (`parts.group_key`) and the guarantees of a class (`parts.assign_parts`). Twins
stay in one part, and so do photos of one group. Photos that are split already keep their parts.
"""

import dataclasses
import sys
from typing import NamedTuple

import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import changes, groups, identity, inspection, parts, twins
from flowers_keras.photos.parts import PARTS

DRAWN = (
    "Each photo's part is drawn from its content, so that photos added later leave it where it is; "
    "the shares asked for are met on average, not to the photo."
)
GIVEN = (
    "The parts are those that the photos came with; one that was missing was drawn from the training photos."
)
DRAWN_GROUPS = (
    "Each group's part is drawn from its name; the shares asked for are met on average, not to the photo."
)


@dataclasses.dataclass(frozen=True)
class Split:
    """Which photo went where.

    Attributes:
      positions: part name -> int64 [count], positions in the Photos, ascending.
      fingerprints: identity.FingerprintTable of every photo that could be read.
      left_out: (id, reason) of photos that are in no part.
      twins: (id, id, distance in bits of 64) of all pairs, as `twins.find_twins` counts them.
      doubtful: those of the twins that carry different labels.
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
      cache: pathlib.Path of the stored features, where fingerprints are kept, too; None keeps none.

    Returns:
      Split.

    Raises:
      UserError: too many photos are broken, or a class has too few photos for a part.
    """
    if photos.parts:
        print(GIVEN)
    fingerprints, left_out = inspection.fingerprint_photos(photos, cache)
    _refuse_broken(left_out, len(photos.ids))
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
    """Prints what parts that the photos bring have in common."""
    pairs = _pairs_across(split, photos, distance) if photos.parts else []
    across = groups.find_across(photos, split.positions)
    if pairs:
        print(
            f"warning: the given parts share twins ({len(pairs):,}), such as {pairs[0][0]} and "
            f"{pairs[0][1]}: figures on the later part are too good by them"
        )
    if across:
        name, one, other = across[0][:3]
        print(
            f"warning: the given parts share {len(across)} groups, such as {name} in {one} and {other}: for "
            "photos of new groups the figures are too good"
        )


def _refuse_broken(left_out, count):
    """Raises the UserError of too many broken photos, of which the cause is rarely in the photos."""
    allowed = broken_allowed(count)
    if len(left_out) > allowed:
        raise UserError(
            f"{len(left_out)} of {count} photos are broken, more than the {allowed} that may be left out; "
            f"the first is {left_out[0][0]}: {left_out[0][1]}; repair or remove them"
        )


def broken_allowed(count):
    """How many broken photos of `count` are left out without ending the run.

    One in a hundred, but up to ten where that is not more than one in ten, and one in any case.

    Example:
      >>> [broken_allowed(count) for count in (5, 61, 400, 3000)]
      [1, 6, 10, 30]
    """
    return max(1, count // 100, min(10, count // 10))


def describe(split, photos, distance):
    """What the report says of the split: twins across the parts and within, and the parts' shares.

    Returns:
      {"across": [[id, id, bits]], of which there must be none, "within": pairs kept together,
      "groups_across": [[group, part, part, ...]], of which there must be none either,
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
        **_shares(split, photos),
    }


def _shares(split, photos):
    count = {part: len(split.positions[part]) for part in PARTS}
    every = max(1, sum(count.values()))
    return {
        "shares": {part: {"count": each, "share": each / every} for part, each in count.items()},
        "shares_note": GIVEN if photos.parts else DRAWN_GROUPS if photos.groups else DRAWN,
    }


def _pairs_across(split, photos, distance):
    """[id, id, bits] of twins in different parts, found anew."""
    across = []
    for i, one in enumerate(PARTS):
        for other in PARTS[i + 1 :]:
            left, right = split.positions[one], split.positions[other]
            pairs = twins.find_twins_across(*map(split.fingerprints.at, (left, right)), distance)
            across += [[photos.ids[left[a]], photos.ids[right[b]], bits] for a, b, bits in pairs]
    return across


def save(split, photos, path):
    """Writes `splits.json`: parts, their shares, fingerprints and findings, by the photos' ids."""
    part_of = np.full(len(photos.ids), len(PARTS), np.int8)
    for number, part in enumerate(PARTS):
        part_of[split.positions[part]] = number

    def entries():
        for i, one in split.fingerprints.items():
            group = {"group": photos.groups[i]} if photos.groups else {}
            place = {"part": (*PARTS, None)[part_of[i]], "class": photos.class_names[photos.labels[i]]}
            yield photos.ids[i], place | group | dataclasses.asdict(one)

    value = {
        "class_names": list(photos.class_names),
        **_shares(split, photos),
        "photos": entries(),
        "left_out": split.left_out,
        "twins": split.twins,
        "doubtful": split.doubtful,
    }
    files.write_long_json(path, value)


def load(photos, path):
    """The split that `save` wrote of the same photos; their bytes are read again and compared.

    Raises:
      UserError: names a photo that was added, removed or changed since, whatever it is now.
    """
    value = files.read_json(path, _compact)
    known, position = value["photos"], {name: i for i, name in enumerate(photos.ids)}
    changes.refuse_changes(photos, path, known, dict(value["left_out"]))
    there = sorted((position[name], entry) for name, entry in known.items() if name in position)
    positions = np.array([i for i, _ in there], np.int64)
    part_of = np.array([entry.part or "" for _, entry in there], "U10")
    records = np.frombuffer(b"".join(entry.record for _, entry in there), identity.RECORD)
    return Split(
        {part: positions[part_of == part] for part in PARTS},
        identity.FingerprintTable(positions, records),
        *([tuple(row) for row in value[key]] for key in ("left_out", "twins", "doubtful")),
    )


def training_records(path):
    """(ids, `identity.RECORD` [count]) of the training photos of a run, from its `splits.json`."""
    known = files.read_json(path, _compact)["photos"]
    known = {name: entry.record for name, entry in known.items() if entry.part == "train"}
    return list(known), np.frombuffer(b"".join(known.values()), identity.RECORD)


class Entry(NamedTuple):
    """What `splits.json` holds of a photo, in a quarter of the memory that its JSON takes."""

    part: str | None
    label: str
    group: str
    record: bytes  # an `identity.RECORD`

    @property
    def digest(self):
        return self.record[:32].hex()


def _compact(value):
    """An Entry in place of the JSON object of a photo; other objects as they are."""
    if not isinstance(value.get("digest"), str):  # which can be a photo's id as well
        return value
    fields = {name: value.pop(name, None) for name in ("part", "class", "group")}
    part, label, group = (each and sys.intern(each) for each in fields.values())
    return Entry(part, label, group or "", identity.pack([identity.Fingerprint(**value)]).tobytes())
