"""Folds for cross-validation: stratified by class, no twins or groups across folds, no test photos."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from flowers_keras.errors import UserError
from flowers_keras.photos import groups


def cut_folds(photos, split, count, seed):
    """Cuts the training and validation photos into folds; each photo is held out once.

    Args:
      photos: sources.Photos.
      split: splits.Split; its test photos are in no fold.
      count: number of folds, at least 2.
      seed: which photo goes into which fold.

    Returns:
      A list of (training, held out), int64 positions in `photos`, ascending.

    Raises:
      UserError: a class has fewer groups than there are folds, or a fold would not train on a class.
    """
    positions = np.sort(np.concatenate([split.positions["train"], split.positions["validation"]]))
    labels, group = photos.labels[positions], groups.number_groups(photos, split.twins)[positions]
    for label, name in enumerate(photos.class_names):
        different = len(np.unique(group[labels == label]))
        if different < count:
            raise UserError(
                f"class {name!r} has {different} different photos outside the test part, fewer than {count} "
                "folds; add photos of it or cut fewer folds"
            )
    cutter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    cut = cutter.split(positions, labels, group)
    folds = [(positions[training], positions[held_out]) for training, held_out in cut]
    for training, _ in folds:
        missing = [
            name for label, name in enumerate(photos.class_names) if label not in photos.labels[training]
        ]
        if missing:
            raise UserError(
                f"a fold would have no photo of class {missing[0]!r} to train on, its groups are so unequal; "
                "cut more folds, or add photos of other groups"
            )
    return folds
