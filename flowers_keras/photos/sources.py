"""Where photos come from: `tfds:NAME`, `folder:PATH`, `csv:PATH` or `synthetic`, all as the same `Photos`."""

import dataclasses
import os
from collections.abc import Callable

import numpy as np

from flowers_keras import user_paths
from flowers_keras.errors import UserError
from flowers_keras.photos import (
    class_folders,
    corrections,
    csv_list,
    folders,
    layouts,
    naming,
    reader,
    synthetic,
)
from flowers_keras.photos.part_names import PARTS


@dataclasses.dataclass(frozen=True)
class Photos:
    """Labelled photos, still encoded.

    Attributes:
      ids: a name for each photo, unique, the same in every run.
      labels: int32 [count], positions in `class_names`.
      class_names: the classes, in the order of the model's output.
      read: position -> encoded bytes; raises `reader.BrokenPhoto`. May be called by many threads.
      others: (name, reason) of files that lie among the photos and are not used.
      parts: the part that each photo brings ("train", "validation" or "test"); None where the photos
        are not split yet.
      groups: name of each photo's group (photographer, plant, day), which stays in one part; "" for a
        photo without one. None where the photos have no groups.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    read: Callable[[int], bytes]
    others: tuple[tuple[str, str], ...] = ()
    parts: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None


def load_photos(data):
    """Photos of the source that the config section `data` names, with its corrections applied.

    Raises:
      UserError: the source is unknown, absent, out of reach, or is not a set of at least two classes.
    """
    kind, place = user_paths.photo_source(data.source)
    if kind == "synthetic":
        photos = synthetic_photos(data.synthetic_photos, data.image_size, data.split_seed)
    elif kind == "folder":
        photos = folder_photos(place)
    elif kind == "csv":
        photos = csv_photos(place)
    else:
        photos = tfds_photos(place, data.data_dir)
    photos = corrections.correct(photos, data.corrections)
    naming.note_alike(photos.class_names)
    naming.note_unlabelled(photos.class_names)
    if data.shuffle_labels:
        labels = np.random.default_rng(data.split_seed).permutation(photos.labels)
        photos = dataclasses.replace(photos, labels=labels)
    return photos


def folder_photos(path, least_classes=2, known=()):
    """Photos of a folder with one folder per class (see `layouts`); their subfolders are searched as well.

    Prints what is passed over: files and folders of the system, and photos in no class folder.

    Args:
      path: as typed.
      least_classes: that there must be.
      known: names of classes, where a model knows them.

    Raises:
      UserError: there is no such folder, fewer than `least_classes` classes in it, or a class
        without photos.
    """
    root, skipped, others = user_paths.photo_folder(path), [], []
    classes = layouts.find_class_folders(root, known, skipped)
    loose = class_folders.find_loose_photos(root, classes, others)
    names = sorted({each.name for each in classes})
    if len(names) < least_classes:
        layouts.refuse_few_classes(path, root, names, least_classes, len(loose))
    paths, owners = class_folders.find_photos(classes, skipped, others)
    class_folders.name_inner_folders(classes)
    if skipped:
        print(folders.name_skipped(skipped))
    if loose:
        first = folders.printable(_name(loose[0], root))
        print(f"left out {len(loose)} photos in no class folder, such as {first}")
    left_out = [(each, reader.NO_PHOTO) for each in others] + [(each, "in no class folder") for each in loose]
    places = list(map(os.fspath, paths))  # a fifth of the memory of paths
    number = {name: i for i, name in enumerate(names)}
    return Photos(
        tuple(_name(each, root) for each in paths),
        np.array([number[each.name] for each in owners], np.int32),
        tuple(names),
        lambda position: reader.read_file(places[position]),
        tuple((_name(each, root), why) for each, why in left_out),
        tuple(each.part for each in owners) if classes[0].part else None,
    )


def _name(path, root):
    return folders.as_text(path.relative_to(root).as_posix())


def csv_photos(path, training=True):
    """Photos of a list, see `csv_list`, in its order.

    Args:
      path: of the CSV file, as typed.
      training: whether the list must be one that a classifier can be trained on.

    Raises:
      UserError: the list cannot be used.
    """
    rows, missing = (csv_list.read_list if training else csv_list.read_rows)(path)
    if not rows:
        raise UserError(f"{path} lists no photos that are there; add to it")
    names = sorted({row.label for row in rows})
    number, places = {name: i for i, name in enumerate(names)}, [os.fspath(row.path) for row in rows]
    return Photos(
        tuple(row.name for row in rows),
        np.array([number[row.label] for row in rows], np.int32),
        tuple(names),
        lambda position: reader.read_file(places[position]),
        tuple((row.name, "no such file") for row in missing),
        tuple(row.part for row in rows) if rows[0].part else None,
        tuple(row.group for row in rows) if any(row.group for row in rows) else None,
    )


def synthetic_photos(count, image_size, seed):
    """`count` drawn flowers (see `synthetic`), made when they are read first.

    Example:
      >>> synthetic_photos(3, 75, 0).ids
      ('drawn-00000', 'drawn-00001', 'drawn-00002')
    """
    return Photos(
        tuple(f"drawn-{position:05d}" for position in range(count)),
        np.arange(count, dtype=np.int32) % len(synthetic.CLASS_NAMES),
        synthetic.CLASS_NAMES,
        synthetic.remembered(seed, image_size),
    )


def tfds_photos(name, data_dir):
    """Photos of a TensorFlow Datasets data set, all of its splits; downloaded where not prepared.

    Its splits are used as they are where they are called train and validation or test, or all three. Photos
    without a label, those of a test that is kept secret, are left out; how many is printed.

    Args:
      name: of the data set, such as "tf_flowers".
      data_dir: the folder of prepared data sets; "" for TFDS's own, which `TFDS_DATA_DIR` names.

    Raises:
      UserError: the data set is unknown, is not one of labelled photos, or cannot be fetched or read.
    """
    from flowers_keras.photos import tfds_records  # seconds of TensorFlow that folders need not pay

    ids, labels, class_names, parts, read = tfds_records.read_set(name, data_dir)
    photos = Photos(ids, labels, class_names, read, parts=tuple(parts))
    if secret := set(np.flatnonzero(labels < 0).tolist()):  # -1 would be the last class
        print(f"left out {len(secret):,} photos of tfds:{name} that have no label")
        photos = corrections.leave_out(photos, secret, None)
    own = {"train"} < set(photos.parts) <= set(PARTS)
    return photos if own else dataclasses.replace(photos, parts=None)
