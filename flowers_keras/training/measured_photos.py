"""Which photos a run is measured on besides the test photos, and the stored outputs of these."""

import numpy as np

from flowers_keras import distributed
from flowers_keras.model import novelty
from flowers_keras.photos import identity
from flowers_keras.training import features, trunk_pass


def positions(split):
    """part -> positions of the photos that a run is measured on.

    All photos of validation and test, and as many training photos as validation has, not augmented: enough
    to see the gap.
    """
    count = len(split.positions["validation"])
    return split.positions | {"train": sample(split, "train", count)}


def sample(split, part, count):
    """int64 positions, ascending, of `count` photos of a part; a larger sample contains every smaller one.

    The photos are drawn by their content alone, so that most of them stay when photos are added.
    """
    at = split.positions[part].tolist()
    at.sort(key=lambda position: identity.uniform_hash(split.digests[position], "measured"))
    return np.sort(np.int64(at[:count]))


def views(split, config):
    """view -> positions: what is stored of validation and training photos, not augmented, to measure a run.

    They cover `positions`, and the training photos that new photos are compared with (`novelty`).
    """
    validation = split.positions["validation"]
    train = sample(split, "train", max(len(validation), novelty.LARGEST["train"]))
    plain = {trunk_pass.PLAIN: np.concatenate([validation, train])}
    return plain | ({trunk_pass.MIRRORED: validation} if config.evaluation.tta else {})


def reopen(split, config, run):
    """The features.Features that hold `views`; None unless every process of the run finds all of them."""
    stored = features.reopen(run, split.fingerprints, views(split, config))
    return stored if all(distributed.all_gather(stored is not None)) else None
