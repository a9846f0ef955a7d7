"""What more photos and more views cost: proportional time and disk, and no more memory."""

import dataclasses
import hashlib
import pathlib
import resource
import sys
import tempfile
import time

import numpy as np

from flowers_keras import recipe
from flowers_keras.benchmark.table import Table
from flowers_keras.photos import splits
from flowers_keras.training import feeds, run_folder

PHOTOS = 256  # training photos
TIMES = ((1, 1), (2, 1), (4, 1), (1, 2), (1, 4))  # copies of the photos, stored views


def measure_scaling(experiment):
    """A pass over 1, 2 and 4 times the photos or views, and an epoch of reading them back."""
    rows = []
    for copies, views in TIMES:
        photos, split = repeat(experiment.photos, experiment.split, copies)
        config = experiment.config.copy_and_resolve_references()
        config.features.views, config.features.cache_dir = views, ""
        model = recipe.build(photos, split, config)
        with tempfile.TemporaryDirectory() as folder, run_folder.open_run(f"{folder}/run", {}) as run:
            start = time.perf_counter()
            _, tail = feeds.make_feeds(model, photos, split, config, run)
            seconds = time.perf_counter() - start
            for _ in tail.training(range(views)):
                pass
            size = sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*.npy"))
        label = f"{len(split.positions['train']):,} photos, {views} view{'s'[: views != 1]}"
        rows.append((label, seconds, size / 1e6, peak_memory() / 1e6))
    return Table("stored views", ("s", "MB on disk", "peak MB so far"), rows, ratio=False)


def repeat(photos, split, copies):
    """`PHOTOS` of the training photos, `copies` times as photos of their own; a few to validate on."""
    train, few = split.positions["train"][:PHOTOS], split.positions["validation"][:8]
    shown = np.concatenate([np.tile(train, copies), few])

    def read(position):
        return photos.read(int(shown[position])) + str(position).encode()  # behind the picture: a new digest

    repeated = dataclasses.replace(
        photos,
        ids=tuple(f"{photos.ids[i]}-{number}" for number, i in enumerate(shown)),
        labels=photos.labels[shown],
        read=read,
    )
    count = len(train) * copies
    positions = {"train": np.arange(count), "validation": np.arange(count, len(shown)), "test": np.arange(0)}
    fingerprints = {
        at: dataclasses.replace(split.fingerprints[int(i)], digest=hashlib.sha256(read(at)).hexdigest())
        for at, i in enumerate(shown)
    }
    return repeated, splits.Split(positions, fingerprints, [], [], [])


def peak_memory():
    """The most memory that this process has held so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
