"""Detects photos that have changed since a run split them."""

import dataclasses
import hashlib
import itertools

from flowers_keras.errors import UserError
from flowers_keras.photos import inspection, reader


def refuse_changes(photos, path, known, left_out):
    """Refuses photos if one that the run uses was added, removed or changed.

    Args:
      photos: sources.Photos.
      path: the `splits.json` of the run.
      known: id -> split_file.Entry.
      left_out: id -> reason of the photos that are in no part; these may have changed.

    Raises:
      UserError: names the first change.
    """
    position = {name: i for i, name in enumerate(photos.ids)}
    used = {name: entry for name, entry in known.items() if entry.part}
    changes = [f"{name} was removed" for name in used if name not in position]
    changes += [f"{name} was added" for name in photos.ids if name not in used and name not in left_out]
    present = [name for name in used if name in position]
    found = inspection.digest_photos(photos, [position[name] for name in present])
    for name, (digest, why) in zip(present, found, strict=True):
        if why:
            changes.append(f"{name} cannot be read any more ({why})")
        elif digest != used[name].digest:
            owners = (f"{each} of {entry.part}" for each, entry in used.items() if entry.digest == digest)
            copy = "".join(f" and is now a copy of {owner}" for owner in itertools.islice(owners, 1))
            changes.append(f"{name} of {used[name].part} was changed{copy}")
        else:
            changes += _other_entries(photos, position[name], used[name])
    if changes:
        more = f", and {len(changes) - 1} more" if changes[1:] else ""
        raise UserError(
            f"the photos are not those of {path}: {changes[0]}{more}; put them back as they were, or use "
            "a new --workdir"
        )


def _other_entries(photos, i, entry):
    """How a photo differs from its entry, in words: label, group or given part; [] if it does not."""
    name, label = photos.ids[i], photos.class_names[photos.labels[i]]
    if label != entry.label:
        return [f"{name} was labelled {entry.label} and is labelled {label} now"]
    group, before = photos.groups[i] if photos.groups else "", entry.group
    if group != before:
        return [f"{name} was of group {before or 'none'} and is of group {group or 'none'} now"]
    part = photos.parts[i] if photos.parts else entry.part
    if part != entry.part and (part != "train" or entry.part in photos.parts):
        return [f"{name} was in {entry.part} and is in {part} now"]
    return []


def refuse_later_changes(photos, digests):
    """The same photos, but reading one that was changed since it was split raises an error.

    Args:
      photos: sources.Photos.
      digests: position -> SHA-256 of the photo's bytes, hexadecimal.

    Returns:
      sources.Photos, whose `read` raises reader.BrokenPhoto if the bytes have another digest.
    """

    def read(position):
        data = photos.read(position)
        if hashlib.sha256(data).hexdigest() != digests[position]:
            raise reader.BrokenPhoto("changed since it was split")
        return data

    return dataclasses.replace(photos, read=read)
