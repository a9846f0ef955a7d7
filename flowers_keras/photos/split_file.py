"""`splits.json`: which photo of a run went where, and the fingerprints by which it is recognised."""

import dataclasses
import sys
from typing import NamedTuple

import numpy as np

from flowers_keras import files
from flowers_keras.photos import changes, identity, splits, twins
from flowers_keras.photos.parts import PARTS


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
        **splits.shares(split, photos),
        "photos": entries(),
        "left_out": split.left_out,
        "twins": split.twins,
        "doubtful": split.doubtful,
    }
    files.write_long_json(path, value)


def load(photos, path):
    """The Split that `save` wrote for the same photos; their bytes are read and compared with it.

    Raises:
      UserError: names a photo that was added, removed or changed since.
    """
    value = files.read_json(path, _compact)
    known, position = value["photos"], {name: i for i, name in enumerate(photos.ids)}
    changes.refuse_changes(photos, path, known, dict(value["left_out"]))
    there = sorted((position[name], entry) for name, entry in known.items() if name in position)
    positions = np.array([i for i, _ in there], np.int64)
    part_of = np.array([entry.part or "" for _, entry in there], "U10")
    records = np.frombuffer(b"".join(entry.record for _, entry in there), identity.RECORD)
    return splits.Split(
        {part: positions[part_of == part] for part in PARTS},
        identity.FingerprintTable(positions, records),
        *([tuple(row) for row in value[key]] for key in ("left_out", "twins", "doubtful")),
    )


def training_records(path):
    """(ids, `identity.RECORD` [count]) of the training photos of a run, from its `splits.json`."""
    known = files.read_json(path, _compact)["photos"]
    known = {name: entry.record for name, entry in known.items() if entry.part == "train"}
    return list(known), np.frombuffer(b"".join(known.values()), identity.RECORD)


def twins_in_training(photos, fingerprints, path, distance):
    """Finds photos that show a picture on which a model was trained.

    Args:
      photos: sources.Photos.
      fingerprints: identity.FingerprintTable.
      path: the `splits.json` of the model's run.
      distance: of twins at most, bits of 64.

    Returns:
      A list of [id, id of the training photo, bits].
    """
    names, known = training_records(path)
    pairs = twins.find_twins_across(fingerprints.records, known, distance)
    return [[photos.ids[fingerprints.positions[i]], names[j], bits] for i, j, bits in pairs]


class Entry(NamedTuple):
    """A photo's entry in `splits.json`, in a quarter of the memory that its JSON takes."""

    part: str | None
    label: str
    group: str
    record: bytes  # an `identity.RECORD`

    @property
    def digest(self):
        return self.record[:32].hex()


def _compact(value):
    """Turns the JSON object of a photo into an Entry; leaves other objects as they are."""
    if not isinstance(value.get("digest"), str):  # a photo's id may be "digest", too
        return value
    fields = {name: value.pop(name, None) for name in ("part", "class", "group")}
    part, label, group = (each and sys.intern(each) for each in fields.values())
    return Entry(part, label, group or "", identity.pack([identity.Fingerprint(**value)]).tobytes())
