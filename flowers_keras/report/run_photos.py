"""Which photos a run was of: told by their content, as other photos may have the same names."""

import collections
import hashlib
import json

from flowers_keras import files
from flowers_keras.photos.part_names import PARTS

SPLITS = "splits.json"


def read(folder):
    """Id -> {"part", "digest", ...} of every photo of the run in a folder, from its `splits.json`."""
    return files.read_json(folder / SPLITS)["photos"]


def describe(photos):
    """How many photos are in which part, and a few digits of a SHA-256 of all of it, the labels included.

    Args:
      photos: as `read` gives them.

    Example:
      >>> describe({"rose.jpg": {"part": "test", "digest": "0a"}})
      '0 train, 0 validation, 1 test (b7efda)'
    """
    counts = collections.Counter(each["part"] for each in photos.values())
    listed = sorted(
        (photo, each["part"] or "", each.get("class") or "", each["digest"]) for photo, each in photos.items()
    )
    digest = hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:6]
    return ", ".join(f"{counts[part]:,} {part}" for part in PARTS) + f" ({digest})"
