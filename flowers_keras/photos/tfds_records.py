"""Photos of TensorFlow Datasets, read from their record files: only the position of each is in memory."""

import os

import numpy as np
import requests
import tensorflow as tf
from absl import logging
from google.protobuf import message

from flowers_keras import distributed, user_paths
from flowers_keras.errors import UserError
from flowers_keras.photos import part_names, reader

OFFLINE = (
    "pass photos of your own by --config.data.source=folder:PATH (one folder per class), "
    "or try --config=configs/quickstart.py, which needs no network"
)
HEADER, FOOTER = 12, 4  # bytes around a TFRecord: its length and checksums


def read_set(name, data_dir):
    """The photos of a data set, of all of its splits; downloaded where not prepared.

    Args:
      name: of the data set, such as "tf_flowers".
      data_dir: the folder of prepared data sets; "" for TFDS's own, which `TFDS_DATA_DIR` names.

    Returns:
      (ids, labels, class_names, splits, read): TFDS's ids, int32 [count], the classes in TFDS's order,
      the name of each photo's split as a part or None, and position -> encoded bytes.

    Raises:
      UserError: the data set is unknown, is not one of labelled photos, cannot be fetched, or its
        records cannot be read one by one.
    """
    import tensorflow_datasets as tfds  # half a second that folders need not pay

    logging.set_verbosity(logging.ERROR)  # TFDS logs every step, and people read this output
    data_dir = data_dir or os.environ.get("TFDS_DATA_DIR", "")  # where TFDS would not expand `~`
    builder = _prepared_builder(tfds, name, str(user_paths.user_path(data_dir)) if data_dir else None)
    features, keys = builder.info.features, builder.info.supervised_keys or ()
    image, label = keys if len(keys) == 2 else ("", "")  # there are sets with three
    if label not in features or not isinstance(features[label], tfds.features.ClassLabel):
        raise UserError(f"tfds:{name} is not a set of photos with one label each; try tfds:tf_flowers")
    open_shards = _tfrecords if builder.info.file_format.value == "tfrecord" else _array_records
    ids, labels, splits, shards, places = [], [], [], [], []
    for split, shard, records, fetch in open_shards(tfds, builder):
        for number, (place, record) in enumerate(records):
            ids.append(f"{shard}__{number}")
            labels.append(tf.train.Example.FromString(record).features.feature[label].int64_list.value[0])
            splits.append(part_names.part_named(split))
            places.append((len(shards), *place))
        shards.append(fetch)
    places = np.array(places, np.int64)  # a third of the memory of tuples

    def read(position):
        shard, *place = places[position].tolist()
        return _image_of(shards[shard](*place), image)

    return tuple(ids), np.array(labels, np.int32), tuple(features[label].names), splits, read


def _image_of(record, image):
    """The encoded photo in a serialized tf.train.Example."""
    try:
        return tf.train.Example.FromString(record).features.feature[image].bytes_list.value[0]
    except (message.DecodeError, IndexError) as error:
        raise reader.BrokenPhoto("damaged record") from error


def _tfrecords(tfds, builder):
    """Yields (split, shard's name, its ((offset, length), record), (offset, length) -> record)."""
    for split, info in builder.info.splits.items():
        for path in info.filepaths:
            yield split, os.path.basename(path), _walk(path), _reader_at(path)


def _walk(path):
    offset = 0
    try:
        for record in tf.data.TFRecordDataset(os.fspath(path)).as_numpy_iterator():  # checks its sums
            yield (offset + HEADER, len(record)), record
            offset += HEADER + len(record) + FOOTER
    except tf.errors.OpError as error:
        raise _damaged(path) from error


def _damaged(path):
    folder = os.path.dirname(path)
    return UserError(f"{path} is damaged or missing; remove {folder}, and it is prepared again")


def _reader_at(path):
    def fetch(offset, length):
        try:
            with open(path, "rb", buffering=0) as file:
                return os.pread(file.fileno(), length, offset)
        except OSError as error:
            raise reader.BrokenPhoto((error.strerror or type(error).__name__).lower()) from error

    return fetch


def _array_records(tfds, builder):
    """The same of a data set in a format that is read one by one: a split is one shard."""
    for split, info in builder.info.splits.items():
        try:
            source = builder.as_data_source(split, deserialize_method=tfds.decode.DeserializeMethod.RAW_BYTES)
        except NotImplementedError as error:
            raise UserError(
                f"tfds:{builder.name} is prepared as {builder.info.file_format.value}, whose photos cannot "
                "be read one by one; prepare it as tfrecord or array_record"
            ) from error
        yield split, split, _each(source, info.filepaths[0]), lambda i, _, s=source: s[i]


def _each(source, path):
    """Yields ((number, 0), record) of an array of records, whose first file is at `path`."""
    try:
        for number in range(len(source)):
            yield (number, 0), source[number]
    except RuntimeError as error:  # of the C++ that opens the files
        raise _damaged(path) from error


def _prepared_builder(tfds, name, data_dir):
    """The builder of a data set that is on the disk; its progress bars show a download."""
    try:
        with distributed.main_process_first("photos"):
            builder = tfds.builder(name, data_dir=data_dir)
            if not builder.data_path.exists():
                _reach(builder.url_infos)
                size = sum(info.size for info in builder.url_infos.values())
                place = builder.data_path
                print(f"{name} is not in {place} yet: downloading {size / 1e6:,.0f} MB", flush=True)
                builder.download_and_prepare()
    except tfds.core.registered.DatasetNotFoundError as error:
        raise UserError(f"tfds:{name} is not a data set that TFDS knows; try tfds:tf_flowers") from error
    except Exception as error:  # TFDS passes on whatever its network or file layers raise
        where = data_dir or "TFDS's own folder"
        raise UserError(
            f"tfds:{name} is not in {where} and cannot be downloaded ({type(error).__name__}); {OFFLINE}"
        ) from error
    return builder


def _reach(url_infos):
    """Raises at once if there is no network: TFDS would try for minutes and leave folders behind."""
    for url in url_infos:
        requests.head(url, timeout=20, allow_redirects=True)
