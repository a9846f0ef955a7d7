"""The outputs of the frozen trunk for each photo, computed once and stored.

Nothing before the boundary trains, so the trunk's outputs are functions of the photo alone: the activation at
the boundary, on which phase 2 trains, and the pooled features, on which phase 1 trains. View k is a photo as
epoch k augments it; with K stored views, epoch e reads view e mod K.
"""

import collections.abc
import dataclasses
import hashlib
import json
import pathlib
import shutil

import keras
import numpy as np

from flowers_keras import distributed, files, progress, runtime, user_paths
from flowers_keras.errors import UserError
from flowers_keras.model import folding
from flowers_keras.photos import identity, pipeline
from flowers_keras.training import sharding, store, trunk_pass

STORED = "checkpoints/features.json"  # in a run's folder: where its features are stored
SAFETY = 64 << 20  # bytes of disk left free for the run's own files


@dataclasses.dataclass(frozen=True)
class Features:
    """The stored outputs of a trunk, addressed by photo: runs and folds share them.

    Attributes:
      store: store.Store.
      digests: position -> SHA-256 of the photo's bytes.
    """

    store: store.Store
    digests: collections.abc.Mapping

    def rows(self, view, positions):
        """store.Rows of the photos at `positions` in a view: an epoch's number, or one of `trunk_pass`."""
        return self.store.rows(*self.addresses({view: positions}).popitem())

    def addresses(self, views):
        """{name of the view: addresses in the store} of view -> positions."""
        return {view_name(view): [self.digests[int(i)] for i in at] for view, at in views.items()}


def view_name(view):
    """Name of a view's folder.

    Example:
      >>> view_name(2), view_name("plain")
      ('view-002', 'plain')
    """
    return view if isinstance(view, str) else f"view-{view:03d}"


def compute_features(model, photos, fingerprints, views, config, run, shard=(0, 1)):
    """Stores the trunk's outputs for photos, except what is stored already, and returns their Features.

    Args:
      model: a classifier.
      photos: sources.Photos.
      fingerprints: position -> identity.Fingerprint.
      views: view (`trunk_pass.PLAIN`, `MIRRORED` or an epoch's number) -> int positions of photos.
      config: the run's config.
      run: Run; its seconds are noted after each segment.
      shard: (number from 0, count) of the independent jobs that share the photos. The batches, and so the
        values, are those of a single job. Processes of one run share the photos in any case.

    Raises:
      UserError: the disk has too little room, which is checked first; the folder cannot be written; or a
        photo was changed.
    """
    trunk = folding.make_trunk(model, config.model.unfreeze_from)
    contents = describe_contents(trunk, config)
    cache = user_paths.cache_folder(config, run.folder)
    folder = cache / cache_key(contents)
    features = Features(store.Store(folder), identity.Digests(fingerprints))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if distributed.rank_and_size()[1] > 1:
            _fill(features, trunk, photos, views, config, run, distributed.rank_and_size())
            distributed.barrier("features")
            features.store.tidy()
        _fill(features, trunk, photos, views, config, run, shard)
        features.store.describe(contents, config.data.source)
        files.write_json(run.path(STORED), {"folder": str(folder.resolve())})
    except BrokenPipeError:  # of standard output, whose reader has left
        raise
    except OSError as error:
        raise UserError(
            f"features.cache_dir={cache} cannot be written ({error.strerror or error}); "
            "choose another by --config.features.cache_dir=PATH"
        ) from error
    return features


def reopen(run, fingerprints, views):
    """The Features that a run stored, even before it was interrupted; their trunk is that of the built model.

    Args:
      run, fingerprints, views: as for `compute_features`.

    Returns:
      None if the run stored none, or if some of `views` are gone.
    """
    if not run.path(STORED).exists():
        return None
    folder = pathlib.Path(files.read_json(run.path(STORED))["folder"])
    features = Features(store.Store(folder), identity.Digests(fingerprints))
    wanted = features.addresses(views)
    features.store.verify(wanted)
    return None if any(features.store.missing(*each) for each in wanted.items()) else features


def _fill(features, trunk, photos, views, config, run, shard):
    """Computes those of this shard's values that are missing or damaged."""
    wanted, position_of = {}, {}
    for view, positions in views.items():
        addresses = [features.digests[int(i)] for i in positions]
        mine = sharding.take_shard(addresses, config.data.batch_size, *shard)
        wanted[view_name(view)] = [addresses[i] for i in mine]
        position_of[view_name(view)] = np.asarray(positions)[mine]
    features.store.verify(wanted)
    missing = sum(len(features.store.missing(*each)) for each in wanted.items())
    _announce(trunk, features.store.folder, missing, sum(map(len, wanted.values())))
    passes = trunk_pass.Pass(trunk, photos, features.digests, config, run, missing)
    with passes.bar:
        features.store.fill(
            wanted,
            lambda view, chosen: passes.values(view, position_of[view][chosen]),
            config.data.batch_size,
            passes.note_progress,
            shared=shard[1] > 1,
        )


def describe_contents(trunk, config):
    """Everything that a stored value depends on, except the photo.

    NumPy is left out, as it only carries bytes. The code is represented by version numbers: tests pin the
    values of each version.

    Args:
      trunk: keras.Model, photos -> (activation at the boundary, pooled features).
      config: the run's config.

    Returns:
      A JSON value.
    """
    weights = hashlib.sha256()
    for variable in trunk.weights:
        weights.update(keras.ops.convert_to_numpy(variable.value).tobytes())
    versions = runtime.versions()
    shaping = ("keras", keras.backend.backend(), "tensorflow", "pillow")
    return {
        "augment": config.augment.to_dict(),
        "image_size": config.data.image_size,
        "boundary": config.model.unfreeze_from,
        "pooled_layers": config.model.pooled_layers,
        "weights": weights.hexdigest(),
        "precision": str(trunk.outputs[0].dtype),
        "backend": keras.backend.backend(),
        "packages": {package: versions[package] for package in shaping},
        "pixels_version": pipeline.PIXELS_VERSION,
        "trunk_version": folding.TRUNK_VERSION,
    }


def cache_key(contents):
    """The name of a store: 20 hexadecimal digits of a hash of what `describe_contents` returns.

    Example:
      >>> cache_key({"image_size": 299}) == cache_key({"image_size": 300})
      False
    """
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()[:20]


def _announce(trunk, folder, missing, count):
    """Prints how much will be stored, and refuses (UserError) what would not fit on the disk."""
    activation, pooled = trunk.outputs
    size = 2 if activation.dtype == "bfloat16" else 4
    size = missing * (size * int(np.prod(activation.shape[1:])) + 4 * int(np.prod(pooled.shape[1:])))
    size_text = f", {size / 1e6:,.0f} MB" if missing else ""
    progress.note(
        f"features: {missing:,} of {count:,} views of photos will be computed{size_text}, in {folder}"
    )
    free = shutil.disk_usage(folder).free
    if missing and size + SAFETY > free:
        raise UserError(
            f"the features need {size / 1e6:,.0f} MB and {folder} has {free / 1e6:,.0f} MB free; "
            "free some space, or pass --config.features.cache_dir=PATH or fewer --config.features.views"
        )
