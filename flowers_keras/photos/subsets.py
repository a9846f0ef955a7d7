"""Nested subsets of the training photos, as a smaller collection of the same kind would be."""

import math

import numpy as np

from flowers_keras.photos import identity


def nested_subsets(photos, digests, positions, fractions, seed):
    """Subsets with the same fraction of each class, drawn by content; each contains the one before it.

    Photos of one group follow each other, so that a smaller subset has fewer groups.

    Args:
      photos: sources.Photos.
      digests: position -> SHA-256 of the photo's bytes.
      positions: int [count], of the training photos.
      fractions: ascending, from 0 to 1.
      seed: which photos come first.

    Returns:
      A list of int64 positions, ascending; of a class with n photos ceil(fraction * n).
    """

    def order(position):
        digest = digests[int(position)]
        group = photos.groups[position] if photos.groups else ""
        return identity.uniform_hash(f"subset {group or digest}", seed), digest, int(position)

    classes = [
        sorted(positions[photos.labels[positions] == label], key=order)
        for label in np.unique(photos.labels[positions])
    ]
    return [
        np.sort(np.concatenate([each[: math.ceil(fraction * len(each))] for each in classes])).astype(
            np.int64
        )
        for fraction in fractions
    ]
