"""Assigns the groups of twins of each class to parts, by thresholds on a hash that guarantees may correct."""

import collections

import numpy as np

from flowers_keras.errors import UserError
from flowers_keras.photos import identity
from flowers_keras.photos.part_names import PARTS

# In a class with fewer groups, chance can give a part several times its share. With more, a part stays near
# its share, and up to 1.5 times the share is accepted, so that added photos move no others.
FEW_GROUPS = 100


def assign_parts(sizes, draws, fractions):
    """Assigns the groups of one class to parts.

    A group goes into the first part whose threshold (the sum of the fractions up to it) is above the group's
    draw, or into train if there is none. Groups then move only as far as these guarantees require:

    1. No part except train exceeds its share of the photos (in a class of at least `FEW_GROUPS` groups, 1.5
       times its share) by more than one group.
    2. Train is the largest part, or as large as another.
    3. Every part has a group.

    For 1 and 2, the largest groups of a part go to train first, and among equals those with the highest
    draw; for 3, the smallest group of train moves, and among equals that with the lowest draw. So an added
    group moves others only if one of these corrections becomes necessary, unnecessary or different.

    Args:
      sizes: photos in each group, at least 1.
      draws: numbers in [0, 1), one a group.
      fractions: part -> fraction of the photos, for each part but train.

    Returns:
      A list of part names, one a group.

    Raises:
      ValueError: there are fewer groups than parts.

    Example:
      >>> assign_parts([1, 1, 100], [0.7, 0.9, 0.0], {"test": 0.1, "validation": 0.1})
      ['test', 'validation', 'train']
    """
    if len(sizes) <= len(fractions):
        raise ValueError(f"{len(sizes)} groups cannot fill {len(fractions) + 1} parts")
    order = sorted(range(len(sizes)), key=lambda i: (sizes[i], draws[i]))
    drawn = {i: _part_below(draws[i], fractions) for i in order}
    groups = {part: [i for i in order if drawn[i] == part] for part in ("train", *fractions)}
    _trim(groups, sizes, fractions)
    if any(not groups[part] for part in fractions):
        _fill_empty(groups, order, sizes, fractions)
    part_of = {i: part for part, members in groups.items() for i in members}
    return [part_of[i] for i in range(len(sizes))]


def _trim(groups, sizes, fractions):
    """Moves the last groups of parts that are too large into train."""
    total = {part: sum(sizes[i] for i in members) for part, members in groups.items()}

    def to_train(part):
        last = groups[part].pop()
        groups["train"].append(last)
        total[part] -= sizes[last]
        total["train"] += sizes[last]

    for part, fraction in fractions.items():
        most = fraction * sum(sizes) * (1 if len(sizes) < FEW_GROUPS else 1.5)
        while groups[part] and total[part] - sizes[groups[part][-1]] > most:
            to_train(part)
    while total["train"] < total[largest := max(fractions, key=total.get)]:
        to_train(largest)


def _part_below(value, fractions):
    """The part whose threshold is the first above `value`."""
    threshold = 0.0
    for part, fraction in fractions.items():
        threshold += fraction
        if value < threshold:
            return part
    return "train"


def _fill_empty(groups, order, sizes, fractions):
    """Gives each empty part the smallest group of train; starts over if train is then too small.

    Starting over is always possible: each part gets one of the smallest groups, and train all others.
    """
    members = set(groups["train"])
    train = [i for i in order if i in members]
    for part in fractions:
        if not groups[part] and train:
            groups[part] = [train.pop(0)]
    groups["train"] = train
    largest = max(sum(sizes[i] for i in groups[part]) for part in fractions)
    if not all(groups.values()) or sum(sizes[i] for i in train) < largest:
        groups.update({part: [i] for part, i in zip(fractions, order, strict=False)})
        groups["train"] = order[len(fractions) :]


def assign_photos(photos, kept, group, fingerprints, left_out, data):
    """Assigns all photos to parts, class by class, in whole groups of twins.

    Args:
      photos: sources.Photos. Parts that it comes with are kept; missing ones are drawn from its train.
      kept: positions of the photos that can be used.
      group: int [count], the number of each photo's group of twins.
      fingerprints: position -> Fingerprint.
      left_out: id -> reason of the photos that cannot be used.
      data: config section with the fractions and `split_seed`.

    Returns:
      part name -> list of positions.

    Raises:
      UserError: a class has too few groups for the parts.
    """
    positions, kept, fractions = keep_given(photos, kept, data)
    by_class = collections.defaultdict(list)
    for members in collect_groups(kept, group).values():
        label, digest = group_key([(fingerprints[i], int(photos.labels[i])) for i in members])
        by_class[label].append((identity.uniform_hash(digest, data.split_seed), members))
    for label in range(len(photos.class_names)):
        if len(by_class[label]) <= len(fractions):
            _refuse_class(photos, label, len(by_class[label]), ["train", *fractions], left_out)
        draws, groups = zip(*by_class[label], strict=True)
        dealt = assign_parts(list(map(len, groups)), draws, fractions) if fractions else None
        for part, members in zip(dealt or ["train"] * len(groups), groups, strict=True):
            positions[part] += members
    refuse_missing_class(photos, positions)
    return positions


def keep_given(photos, kept, data):
    """Separates the photos whose part is given from those to be assigned.

    Args:
      photos: sources.Photos.
      kept: positions of the photos that can be used.
      data: config section with the fractions.

    Returns:
      (positions, kept, fractions): part name -> positions of the photos whose part is given; positions of
      the photos to be assigned; and part -> fraction for each part, except train, that they may go to.
    """
    fractions = {"test": data.test_fraction, "validation": data.validation_fraction}
    positions = {part: [] for part in PARTS}
    if not photos.parts:
        return positions, kept, fractions
    for i in kept:
        positions[photos.parts[i]].append(i)
    kept, positions["train"] = positions["train"], []
    return (
        positions,
        kept,
        {part: value for part, value in fractions.items() if part not in photos.parts},
    )


def refuse_missing_class(photos, positions):
    """Raises a UserError if some part has no photo of some class."""
    count = {
        part: np.bincount(photos.labels[np.array(each, np.int64)], minlength=len(photos.class_names))
        for part, each in positions.items()
    }
    for label, name in enumerate(photos.class_names):
        for part in PARTS:
            if not count[part][label]:
                raise UserError(f"class {name!r} has no photo that can be used in {part}; add some")


def collect_groups(kept, group):
    """Number of a group -> positions of those of its photos that are kept."""
    members = collections.defaultdict(list)
    for i in kept:
        members[int(group[i])].append(i)
    return members


def group_key(members):
    """The class and the digest that represent a group of twins.

    The digest is that of the largest file: an added twin is mostly a smaller or recompressed copy, which
    leaves the group in its part; one with more bytes may move it. The class is that of most members, and in a
    tie that of the largest file.

    Args:
      members: (Fingerprint, label) of each photo.

    Returns:
      (label, digest).

    Example:
      >>> from flowers_keras.photos.identity import Fingerprint
      >>> small, large = (Fingerprint(digest, "", "", "", size) for digest, size in (("a", 10), ("b", 20)))
      >>> group_key([(small, 0), (large, 1)])
      (1, 'b')
    """
    ordered = sorted(members, key=lambda one: (-one[0].size, one[0].digest, one[1]))
    labels = collections.Counter(label for _, label in ordered)
    return labels.most_common(1)[0][0], ordered[0][0].digest


def _refuse_class(photos, label, count, wanted, left_out):
    """Raises the UserError for a class with too few photos, and names one that was left out."""
    lost = [name for name, each in zip(photos.ids, photos.labels, strict=True) if each == label]
    lost = [name for name in lost if name in left_out]
    why = f" ({len(lost)} left out, such as {lost[0]}: {left_out[lost[0]]})" if lost else ""
    raise UserError(
        f"class {photos.class_names[label]!r} has {count} different photos{why}, fewer than the "
        f"{len(wanted)} parts ({', '.join(wanted)}); add photos of it or remove the class"
    )
