"""Folds for cross-validation: stratified by class, no twins on two sides, the test photos apart."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from flowers_keras.errors import UserError
from flowers_keras.photos import twins


def cut_folds(photos, split, count, seed):
    """Cuts the training and validation photos into folds; each photo is held out once.

    Args:
      photos: sources.Photos.
      split: splits.Split; its test photos take no part.
      count: number of folds, at least 2.
      seed: which photo goes into which fold.

    Returns:
      A list of (training, held out), int64 positions in `photos`, ascending.

    Raises:
      UserError: a class has fewer groups of twins than there are folds.
    """
    positions = np.sort(np.concatenate([split.positions["train"], split.positions["validation"]]))
    position_of = {name: i for i, name in enumerate(photos.ids)}
    pairs = [(position_of[one], position_of[other]) for one, other, _ in split.twins]
    groups, labels = twins.group_twins(len(photos.ids), pairs)[positions], photos.labels[positions]
    for label, name in enumerate(photos.class_names):
        different = len(np.unique(groups[labels == label]))
        if different < count:
            raise UserError(
                f"class {name!r} has {different} different photos outside the test part, fewer than {count} "
                "folds; add photos of it or cut fewer folds"
            )
    cutter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    cut = cutter.split(positions, labels, groups)
    return [(positions[training], positions[held_out]) for training, held_out in cut]
