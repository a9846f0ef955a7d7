"""Where photos come from: `tfds:NAME`, `folder:PATH` or `synthetic`, all as the same `Photos`."""

import dataclasses
import os
import tempfile
from collections.abc import Callable

import numpy as np
import requests
from absl import logging

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import formats, reader, synthetic

OFFLINE = (
    "pass photos of your own by --config.data.source=folder:PATH (one folder a class), "
    "or try --config=configs/quickstart.py, which needs no network"
)


@dataclasses.dataclass(frozen=True)
class Photos:
    """Labelled photos, still encoded.

    Attributes:
      ids: a name for each photo, unique, the same in every run.
      labels: int32 [count], positions in `class_names`.
      class_names: the classes, in the order of the model's output.
      read: position -> encoded bytes; raises `reader.BrokenPhoto`. May be called by many threads.
      others: names of files that lie among the photos and are none.
      parts: the part that each photo brings ("train", "validation" or "test"); None where the photos
        are not split yet.
    """

    ids: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    read: Callable[[int], bytes]
    others: tuple[str, ...] = ()
    parts: tuple[str, ...] | None = None


def load_photos(data):
    """Photos of the source that the config section `data` names.

    Raises:
      UserError: the source is unknown, absent, out of reach, or is no set of at least two classes.
    """
    kind, _, rest = data.source.partition(":")
    if data.source == "synthetic":
        photos = synthetic_photos(data.synthetic_photos, data.image_size, data.split_seed)
    elif kind == "folder" and rest:
        photos = folder_photos(rest)
    elif kind == "tfds" and rest:
        photos = tfds_photos(rest, data.data_dir)
    else:
        raise UserError(
            f"data.source={data.source!r} is no source of photos; "
            "type tfds:tf_flowers, folder:PATH or synthetic"
        )
    if data.shuffle_labels:
        labels = np.random.default_rng(data.split_seed).permutation(photos.labels)
        photos = dataclasses.replace(photos, labels=labels)
    return photos


def folder_photos(path, least_classes=2):
    """Photos of a folder that holds one folder a class; folders inside those are searched too.

    Raises:
      UserError: there is no such folder, fewer than `least_classes` classes in it, or a class
        without photos.
    """
    root = files.user_path(path)
    if not root.is_dir():
        raise UserError(f"folder:{path} is no folder; type folder: and the path of your photos")
    folders = sorted(
        each for each in root.iterdir() if each.is_dir() and not each.name.startswith((".", "__"))
    )
    if len(folders) < least_classes:
        raise UserError(
            f"folder:{path} holds {len(folders)} class folder{'s'[: len(folders) != 1]}, and "
            f"{least_classes} are needed; put the photos of each class into a folder of its name"
        )
    paths, labels, others = [], [], []
    for label, folder in enumerate(folders):
        found = reader.find_photos(folder, others=others)
        if not found:
            raise UserError(
                f"class folder {folder} holds no photo ({formats.NAMES}); add photos or remove the folder"
            )
        paths += found
        labels += [label] * len(found)
    return Photos(
        tuple(_text(file.relative_to(root).as_posix()) for file in paths),
        np.array(labels, np.int32),
        tuple(_text(folder.name) for folder in folders),
        lambda position: reader.read_file(paths[position]),
        tuple(_text(file.relative_to(root).as_posix()) for file in others),
    )


def _text(name):
    """A file's name as text that can be written; bytes of it that are no UTF-8 become `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def synthetic_photos(count, image_size, seed):
    """`count` drawn flowers (see `synthetic`), made when they are read."""
    return Photos(
        tuple(f"drawn-{position:05d}" for position in range(count)),
        np.arange(count, dtype=np.int32) % len(synthetic.CLASS_NAMES),
        synthetic.CLASS_NAMES,
        lambda position: synthetic.photo_bytes(position, seed, image_size),
    )


def tfds_photos(name, data_dir):
    """Photos of a TensorFlow Datasets data set, all of its splits; downloaded where not prepared.

    Args:
      name: of the data set, such as "tf_flowers".
      data_dir: the folder of prepared data sets; "" for TFDS's own, which `TFDS_DATA_DIR` names.

    Raises:
      UserError: the data set is unknown, is not one of labelled photos, or cannot be fetched.
    """
    import tensorflow_datasets as tfds  # half a second that folders need not pay

    logging.set_verbosity(logging.ERROR)  # TFDS tells of every step, and a person reads this
    builder = _prepared_builder(tfds, name, str(files.user_path(data_dir)) if data_dir else None)
    image, label = builder.info.supervised_keys or ("", "")
    features = builder.info.features
    if label not in features or not isinstance(features[label], tfds.features.ClassLabel):
        raise UserError(f"tfds:{name} is no set of photos with one label each; try tfds:tf_flowers")
    spool, ids, labels, places = tempfile.TemporaryFile(), [], [], []
    dataset = builder.as_dataset(
        split="all",
        decoders={image: tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(add_tfds_id=True, interleave_cycle_length=1),
    )
    # Its records can only be read in sequence; an unnamed file that holds the encoded photos one
    # after the other gives each of them an address and keeps them out of memory.
    for example in dataset.as_numpy_iterator():
        ids.append(example["tfds_id"].decode())
        labels.append(example[label])
        places.append((len(example[image]), spool.tell()))
        spool.write(example[image])
    spool.flush()
    return Photos(
        tuple(ids),
        np.array(labels, np.int32),
        tuple(features[label].names),
        lambda position: os.pread(spool.fileno(), *places[position]),
    )


def _prepared_builder(tfds, name, data_dir):
    """The builder of a data set that is on the disk; its progress bars show a download."""
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        if not builder.data_path.exists():
            _reach(builder.url_infos)
            size = sum(info.size for info in builder.url_infos.values())
            place = builder.data_path
            print(f"{name} is not in {place} yet: downloading {size / 1e6:,.0f} MB", flush=True)
            builder.download_and_prepare()
    except tfds.core.registered.DatasetNotFoundError as error:
        raise UserError(f"tfds:{name} is no data set that TFDS knows; try tfds:tf_flowers") from error
    except Exception as error:  # TFDS passes on whatever its network or file layers raise
        where = data_dir or os.environ.get("TFDS_DATA_DIR") or "TFDS's own folder"
        raise UserError(
            f"tfds:{name} is not in {where} and cannot be downloaded ({type(error).__name__}); {OFFLINE}"
        ) from error
    return builder


def _reach(url_infos):
    """Raises at once where there is no network: TFDS would try for minutes and leave folders."""
    for url in url_infos:
        requests.head(url, timeout=20, allow_redirects=True)
