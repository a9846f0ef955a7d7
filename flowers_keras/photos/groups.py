"""Groups of photos (of one photographer, plant or day) that stay in one part, whatever their classes."""

import collections

import numpy as np

from flowers_keras.errors import UserError
from flowers_keras.photos import identity, parts, twins

SEVERAL = -1  # in place of a class: groups of several


def link(names):
    """Pairs of positions that connect the photos of each group, for `twins.group_twins`.

    Args:
      names: of each photo's group, "" for none; None where there are no groups.

    Example:
      >>> link(("anna", "", "ben", "anna", "", "anna"))
      [(0, 3), (3, 5)]
    """
    last, pairs = {}, []
    for i, name in enumerate(names or ()):
        if name and name in last:
            pairs.append((last[name], i))
        last[name] = i
    return pairs


def number_groups(photos, pairs):
    """Numbers the sets of photos that stay together: twins, and photos of a group.

    Args:
      photos: sources.Photos.
      pairs: (id, id, bits) of twins, as a Split has them.

    Returns:
      int32 [count]: a number for each photo, the same for those that stay together.
    """
    position = {name: i for i, name in enumerate(photos.ids)}
    linked = [(position[one], position[other]) for one, other, _ in pairs]
    return twins.group_twins(len(photos.ids), [*linked, *link(photos.groups)])


def find_across(photos, positions):
    """Groups that are in several parts, which is possible only if the photos come with their parts.

    Args:
      photos: sources.Photos.
      positions: part name -> positions.

    Returns:
      A list of [group, part, part, ...], by the group's name.
    """
    there = collections.defaultdict(dict)
    for part, each in positions.items():
        for name in (photos.groups[i] for i in each if photos.groups and photos.groups[i]):
            there[name][part] = True
    return [[name, *there[name]] for name in sorted(there) if len(there[name]) > 1]


def assign_photos(photos, kept, group, fingerprints, left_out, data):
    """Assigns all photos to parts in whole groups, so that each class is in each part.

    A group's part depends on its name, so that photos added to the group do not move it. Groups of one class
    are assigned within the class; groups of several classes, and classes with too few groups, together. Then
    groups move until each class is in each part.

    Args:
      group: int [count], the number of each photo's group; groups that share twins have one number.
      photos, kept, fingerprints, left_out, data: as for `parts.assign_photos`.

    Returns:
      part name -> list of positions.

    Raises:
      UserError: a class cannot be in each part without dividing a group.
    """
    positions, kept, fractions = parts.keep_given(photos, kept, data)
    members = list(parts.collect_groups(kept, group).values())
    draws = [identity.uniform_hash(_key(photos, each, fingerprints), data.split_seed) for each in members]
    contents = [np.bincount(photos.labels[each], minlength=len(photos.class_names)) for each in members]
    contents = np.reshape(np.array(contents, int), (-1, len(photos.class_names)))
    part_of = _deal(contents, draws, fractions)
    lacking = _cover(part_of, contents, draws, ("train", *fractions))
    if lacking:
        label, count = lacking
        raise UserError(
            f"class {photos.class_names[label]!r} is in {count} different groups, which cannot be dealt to "
            f"the parts {', '.join(['train', *fractions])} without dividing one "
            f"({len(left_out)} files left out); add photos of other groups"
        )
    for part, each in zip(part_of, members, strict=True):
        positions[part] += each
    parts.refuse_missing_class(photos, positions)
    return positions


def _key(photos, members, fingerprints):
    """The text that determines a group's part: the most frequent group name of its photos, or a digest."""
    names = collections.Counter(sorted(photos.groups[i] for i in members if photos.groups[i]))
    if names:
        return f"group {names.most_common(1)[0][0]}"
    return parts.group_key([(fingerprints[i], int(photos.labels[i])) for i in members])[1]


def _deal(contents, draws, fractions):
    """The part of each group, from its photos of each class (int [groups, classes]) and its draw."""
    pools = collections.defaultdict(list)
    for i, counts in enumerate(contents):
        classes = np.flatnonzero(counts)
        pools[int(classes[0]) if len(classes) == 1 else SEVERAL].append(i)
    for label in [label for label, pool in pools.items() if len(pool) <= len(fractions)]:
        pools[SEVERAL] = pools.pop(label) + pools[SEVERAL] * (label != SEVERAL)
    part_of = ["train"] * len(contents)
    for pool in pools.values():
        if len(pool) > len(fractions) > 0:
            sizes = [int(contents[i].sum()) for i in pool]
            for i, part in zip(
                pool, parts.assign_parts(sizes, [draws[i] for i in pool], fractions), strict=True
            ):
                part_of[i] = part
    return part_of


def _cover(part_of, contents, draws, needed):
    """Changes `part_of` until each part has each class; moves groups of train, and small ones, first.

    Returns:
      None, or (class, number of its groups) where no group can move without taking a class from its part.
    """
    order = sorted(range(contents.shape[1]), key=lambda label: np.count_nonzero(contents[:, label]))
    for label in order:
        for part in needed:
            own = np.array([each == part for each in part_of], bool)
            if contents[own, label].any() or not contents[:, label].any():
                continue
            movable = [i for i in np.flatnonzero(contents[:, label]) if _can_leave(i, part_of, contents)]
            if not movable:
                return label, np.count_nonzero(contents[:, label])
            best = min(movable, key=lambda i: (part_of[i] != "train", contents[i].sum(), draws[i]))
            part_of[best] = part
    return None


def _can_leave(i, part_of, contents):
    """Whether the group's part would still have every class without the group."""
    own = np.array([each == part_of[i] for each in part_of])
    return bool((contents[own].sum(axis=0) > contents[i])[contents[i] > 0].all())
