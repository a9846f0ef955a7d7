"""Train, validation and test: stratified by class, without leaks, stable.

A photo's part depends on its content and `data.split_seed` alone, so the order in which photos are
read does not matter. Twins stay in one part. google-research/big_vision and TF Hub's
make_image_classifier show why this wants tests of its own: the latter's parts overlapped.
"""

import concurrent.futures
import dataclasses
import hashlib
import os

import numpy as np
import tqdm

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import reader, twins

PARTS = ("train", "validation", "test")
MOST_BROKEN = 0.01  # of the photos; above it something else is wrong than a broken photo


@dataclasses.dataclass(frozen=True)
class Split:
    """Which photo went where.

    Attributes:
      positions: part name -> int64 [count], positions in the Photos, ascending.
      fingerprints: position -> Fingerprint, for every photo that could be read.
      left_out: (id, reason) of photos that are in no part.
      twins: (id, id, distance in bits of 64) of pairs that were kept in one part.
      doubtful: those of the twins that carry different labels.
    """

    positions: dict[str, np.ndarray]
    fingerprints: dict[int, twins.Fingerprint]
    left_out: list[tuple[str, str]]
    twins: list[tuple[str, str, int]]
    doubtful: list[tuple[str, str, int]]


def split_photos(photos, data):
    """Split photos into train, validation and test.

    Args:
      photos: Photos.
      data: config section with `validation_fraction`, `test_fraction`, `twin_distance` and
        `split_seed`.

    Raises:
      UserError: more than 1 % of the photos are broken, or a class has too few photos for a part.
    """
    fingerprints, left_out = look_at(photos)
    if len(left_out) > MOST_BROKEN * len(photos.ids):
        raise UserError(
            f"{len(left_out)} of {len(photos.ids)} photos are broken, more than {MOST_BROKEN:.0%}; "
            f"the first is {left_out[0][0]}: {left_out[0][1]}; repair or remove them"
        )
    kept = sorted(fingerprints)
    pairs = twins.find_twins(*[[fingerprints[i] for i in kept]] * 2, data.twin_distance)
    pairs = [(kept[i], kept[j], bits) for i, j, bits in pairs]
    conflicts = _two_labels(photos, fingerprints, pairs)
    left_out += [(photos.ids[i], why) for i, why in sorted(conflicts.items())]
    left_out += [(name, "not a photo") for name in photos.others]
    pairs = [pair for pair in pairs if conflicts.keys().isdisjoint(pair[:2])]
    kept = [i for i in kept if i not in conflicts]
    group = twins.group_twins(len(photos.ids), pairs)
    named = [(photos.ids[i], photos.ids[j], bits) for i, j, bits in pairs]
    odd = [photos.labels[i] != photos.labels[j] for i, j, _ in pairs]
    return Split(
        _assign(photos, kept, group, fingerprints, data),
        fingerprints,
        left_out,
        named,
        [pair for pair, differs in zip(named, odd, strict=True) if differs],
    )


def look_at(photos):
    """Reads every photo once, and names those that are broken.

    Returns:
      (fingerprints, left_out): position -> Fingerprint, and (id, reason) of the broken ones.
    """

    def look(position):
        try:
            data = photos.read(position)
            return twins.fingerprint(data, reader.read_photo(data))
        except reader.BrokenPhoto as error:
            return str(error)

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    looks = pool.map(look, range(len(photos.ids)))
    bar = tqdm.tqdm(looks, "looking at the photos", len(photos.ids), delay=5, unit=" photos", disable=None)
    try:
        found = list(bar)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C does not wait for the photos to come
    left_out = [(photos.ids[i], why) for i, why in enumerate(found) if isinstance(why, str)]
    for name, why in left_out:
        print(f"left out {name}: {why}")
    if photos.others:
        print(reader.name_others(photos.others))
    return {i: one for i, one in enumerate(found) if not isinstance(one, str)}, left_out


def _two_labels(photos, fingerprints, pairs):
    """Position -> reason, for identical photos that carry different labels: neither can be right."""
    conflicts = {}
    for pair in pairs:
        i, j, _ = pair
        if fingerprints[i].digest == fingerprints[j].digest and photos.labels[i] != photos.labels[j]:
            labels = " and ".join(sorted(photos.class_names[photos.labels[k]] for k in (i, j)))
            for one, other in ((i, j), (j, i)):
                conflicts[one] = f"the same file as {photos.ids[other]}, labelled both {labels}"
    return conflicts


def _assign(photos, kept, group, fingerprints, data):
    """Part name -> positions: whole groups of twins in an order drawn from what they show."""
    members = {}
    for i in kept:
        members.setdefault(int(group[i]), []).append(i)
    order = {
        each: _draw(min(fingerprints[i].digest for i in members[each]), data.split_seed) for each in members
    }
    by_class = {}
    for each in sorted(members, key=order.get):
        labels = np.bincount(photos.labels[members[each]])
        by_class.setdefault(int(labels.argmax()), []).append(members[each])
    parts = {part: [] for part in PARTS}
    for label, name in enumerate(photos.class_names):
        groups = by_class.get(label, [])
        if len(groups) < len(PARTS):
            raise UserError(
                f"class {name!r} has {len(groups)} different photos, fewer than the "
                f"{len(PARTS)} parts ({', '.join(PARTS)}); add photos of it or remove the class"
            )
        _deal(groups, parts, data)
    return {part: np.array(sorted(positions), np.int64) for part, positions in parts.items()}


def _deal(groups, parts, data):
    """Deals the groups of one class: test and validation to their shares, the rest to train."""
    count = sum(map(len, groups))
    room = {
        "test": max(1, round(data.test_fraction * count)),
        "validation": max(1, round(data.validation_fraction * count)),
    }
    waiting = list(groups)
    for part, share in room.items():
        for each in list(waiting):
            if len(each) <= share and len(waiting) > 1:
                parts[part] += each
                share -= len(each)
                waiting.remove(each)
        if share == room[part]:  # every group is larger than the share
            parts[part] += waiting.pop(0)
    parts["train"] += [i for each in waiting for i in each]


def _draw(digest, seed):
    return hashlib.sha256(f"{seed}:{digest}".encode()).hexdigest()


def describe(split, photos, distance):
    """What the report says of leaks: twins across the parts, of which there must be none, and within.

    Returns:
      {"across": [[id, id, bits]], "within": pairs kept together, "doubtful": [[id, id, bits]],
      "left_out": [[id, reason]]}.
    """
    across = []
    for i, one in enumerate(PARTS):
        for other in PARTS[i + 1 :]:
            left, right = split.positions[one], split.positions[other]
            pairs = twins.find_twins(
                *([split.fingerprints[int(k)] for k in part] for part in (left, right)), distance
            )
            across += [[photos.ids[left[a]], photos.ids[right[b]], bits] for a, b, bits in pairs]
    return {
        "across": across,
        "within": len(split.twins),
        "doubtful": [list(pair) for pair in split.doubtful],
        "left_out": [list(pair) for pair in split.left_out],
    }


def save(split, photos, path):
    """Writes `splits.json`: parts, fingerprints and findings, by the photos' ids."""
    part_of = {int(i): part for part, positions in split.positions.items() for i in positions}
    value = {
        "class_names": list(photos.class_names),
        "photos": {
            photos.ids[i]: {
                "part": part_of.get(i),
                "class": photos.class_names[photos.labels[i]],
                **dataclasses.asdict(split.fingerprints[i]),
            }
            for i in split.fingerprints
        },
        "left_out": split.left_out,
        "twins": split.twins,
        "doubtful": split.doubtful,
    }
    files.write_json(path, value)


def load(photos, path):
    """The splits that `save` wrote of the same photos.

    Raises:
      UserError: the file is of other photos.
    """
    value = files.read_json(path)
    position = {name: i for i, name in enumerate(photos.ids)}
    known, broken = value["photos"], dict(value["left_out"])
    if known.keys() | broken.keys() != position.keys():
        raise UserError(f"{path} is of other photos than the source now holds; use a new --workdir")
    by_part = {part: [] for part in PARTS}
    fingerprints = {}
    for name, entry in known.items():
        part, _ = entry.pop("part"), entry.pop("class")
        fingerprints[position[name]] = twins.Fingerprint(**entry)
        if part:
            by_part[part].append(position[name])
    return Split(
        {part: np.array(sorted(each), np.int64) for part, each in by_part.items()},
        fingerprints,
        *([tuple(row) for row in value[key]] for key in ("left_out", "twins", "doubtful")),
    )


def training_fingerprints(path):
    """Id -> Fingerprint of the training photos of a run, from its `splits.json`."""
    fields = [field.name for field in dataclasses.fields(twins.Fingerprint)]
    return {
        name: twins.Fingerprint(*(entry[field] for field in fields))
        for name, entry in files.read_json(path)["photos"].items()
        if entry["part"] == "train"
    }
