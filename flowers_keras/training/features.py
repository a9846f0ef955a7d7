"""What the frozen trunk says about each photo, computed once and kept.

Up to the boundary nothing trains, so its output is a function of the photo alone. One pass over a
view of the photos stores the activation at the boundary, on which phase 2 trains, and the pooled
features, on which phase 1 trains. View k is what epoch k draws; with K views, epoch e reads view
e mod K. TF Hub's retrain.py stored one vector a photo and had to give augmentation up.
"""

import dataclasses
import hashlib
import json
import pathlib
import shutil
import time

import filelock
import keras
import ml_dtypes
import numpy as np
import tqdm
from numpy.lib import format as npy

import flowers_keras
from flowers_keras import files
from flowers_keras.errors import UserError

VALIDATION = "validation"  # beside view-000, view-001, ...: the validation photos, not augmented

SAFETY = 64 << 20  # bytes of disk left free for the run's own files


@dataclasses.dataclass(frozen=True)
class Store:
    """Views on the disk.

    Attributes:
      folder: holds a folder a view, each with `activation.npy` and `pooled.npy`.
      views: number of training views, K.
      dtype: name of the activations' type, that in which the trunk computes: "bfloat16" (16 bits,
        which NumPy files hold as integers) or "float32".
    """

    folder: pathlib.Path
    views: int
    dtype: str

    def read(self, view, part, rows):
        """Rows of a stored view.

        Args:
          view: "validation" or the number of an epoch, taken modulo the number of views.
          part: "activation" or "pooled".
          rows: int [batch].

        Returns:
          [batch, ...] in `dtype` for activations, float32 for pooled features.
        """
        name = view if isinstance(view, str) else view_name(int(view) % self.views)
        # Mapped anew for each batch: pages of a map that stays open would count as our memory.
        values = np.load(self.folder / name / f"{part}.npy", mmap_mode="r")[rows]
        return values.view(ml_dtypes.bfloat16) if values.dtype == np.uint16 else values


def view_name(view):
    return f"view-{view:03d}"


def store_views(trunk, batches_of, counts, views, cache, key):
    """Computes the views that the cache does not hold yet, and publishes each whole or not at all.

    Args:
      trunk: keras.Model, photos -> (activation at the boundary, pooled features).
      batches_of: view ("validation" or a number) -> uint8 batches of photos in a fixed order, NumPy.
      counts: (training photos, validation photos).
      views: number of training views, at least 1.
      cache: folder of all stores.
      key: what shapes the values, see `cache_key`.

    Returns:
      Store.

    Raises:
      UserError: the disk has no room; says how much is needed, before any work starts.
    """
    folder = files.user_path(cache) / key
    dtype = str(trunk.outputs[0].dtype)
    wanted = {VALIDATION: counts[1], **{view: counts[0] for view in range(views)}}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        with lock:  # of two runs that want the same views, the second waits and finds them
            missing = {view: count for view, count in wanted.items() if not _is_whole(folder, view, count)}
            _announce(trunk, folder, missing, wanted)
            done, start = 0, time.monotonic()
            for view, count in missing.items():
                _store_view(trunk, batches_of(view), count, folder, view, dtype)
                done += count
                speed = done / (time.monotonic() - start)
                left = (sum(missing.values()) - done) / speed
                print(f"features: {_folder_name(view)} is stored, {speed:.1f} photos/s, {left:.0f} s left")
    except OSError as error:
        raise UserError(
            f"features.cache_dir={cache} cannot be written ({error.strerror or error}); "
            "choose another by --config.features.cache_dir=PATH"
        ) from error
    return Store(folder, views, dtype)


def cache_key(trunk, boundary, identity):
    """A name for everything that shapes the stored values, 20 hexadecimal digits.

    Args:
      trunk: its weights are digested.
      boundary: name of the layer.
      identity: JSON value: photos, augmentation, image size, whatever else.
    """
    digest = hashlib.sha256()
    for variable in trunk.weights:
        digest.update(keras.ops.convert_to_numpy(variable.value).tobytes())
    versions = [flowers_keras.__version__, keras.__version__, keras.backend.backend(), _backend_version()]
    dtype = str(trunk.outputs[0].dtype)
    digest.update(json.dumps([boundary, identity, versions, dtype], sort_keys=True).encode())
    return digest.hexdigest()[:20]


def _backend_version():
    import importlib.metadata

    return importlib.metadata.version(keras.backend.backend())


def _folder_name(view):
    return view if isinstance(view, str) else view_name(view)


def _bytes_per_photo(trunk):
    activation, pooled = trunk.outputs
    size = 2 if activation.dtype == "bfloat16" else 4
    return size * int(np.prod(activation.shape[1:])) + 4 * int(np.prod(pooled.shape[1:]))


def _announce(trunk, folder, missing, wanted):
    """Says what will be stored, and refuses before the work if it would not fit."""
    size = _bytes_per_photo(trunk) * sum(missing.values())
    held = len(wanted) - len(missing)
    print(f"features: {held} of {len(wanted)} views are in {folder}")
    if not missing:
        return
    print(f"features: computing {sum(missing.values()):,} photos, {size / 1e6:,.0f} MB")
    free = shutil.disk_usage(folder).free
    if size + SAFETY > free:
        raise UserError(
            f"the features need {size / 1e6:,.0f} MB and {folder} has {free / 1e6:,.0f} MB free; "
            "free some space, or pass --config.features.cache_dir=PATH or fewer --config.features.views"
        )


def _is_whole(folder, view, count):
    """Whether a view is there, of the right length and undamaged; a damaged one is removed."""
    place = folder / _folder_name(view)
    if not place.exists():
        return False
    try:
        manifest = files.read_json(place / "manifest.json")
        sums = {part: files.checksum(place / f"{part}.npy") for part in ("activation", "pooled")}
        if manifest == {"count": count, "checksums": sums}:
            return True
    except (OSError, UserError):
        pass
    print(f"features: {place} is damaged and is made again")
    files.discard(place)
    return False


def _store_view(trunk, batches, count, folder, view, dtype):
    """One pass of the trunk over one view."""
    place = folder / _folder_name(view)
    temporary = folder / f"{place.name}{files.TEMPORARY}"
    files.discard(temporary)
    temporary.mkdir()
    try:
        _write_values(trunk, batches, count, temporary, place.name, dtype)
        sums = {part: files.checksum(temporary / f"{part}.npy") for part in ("activation", "pooled")}
        files.write_json(temporary / "manifest.json", {"count": count, "checksums": sums})
        for each in ("activation.npy", "pooled.npy"):
            files.sync(temporary / each)
        temporary.rename(place)
        files.sync(folder)
    finally:
        files.discard(temporary)  # what did not become a view would fill the disk


def _write_values(trunk, batches, count, folder, name, dtype):
    activation, pooled = trunk.outputs
    with (
        open(folder / "activation.npy", "wb") as activations,
        open(folder / "pooled.npy", "wb") as pools,
        tqdm.tqdm(total=count, desc=f"features, {name}", unit=" photos", disable=None) as bar,
    ):
        stored = np.uint16 if dtype == "bfloat16" else np.float32
        _write_header(activations, count, activation.shape[1:], stored)
        _write_header(pools, count, pooled.shape[1:], np.float32)
        for batch in batches:
            values, means = trunk.predict_on_batch(batch)
            activations.write(values.tobytes())
            pools.write(means.tobytes())
            bar.update(len(means))


def _write_header(file, count, shape, dtype):
    """The header of a `.npy` file of `count` rows, which are then appended one after the other."""
    header = {"descr": npy.dtype_to_descr(np.dtype(dtype)), "fortran_order": False, "shape": (count, *shape)}
    npy.write_array_header_1_0(file, header)
