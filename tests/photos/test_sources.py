"""Photos of a folder, drawn ones and TFDS's, and every way in which there are none."""

import os
import time
import types

import numpy as np
import pytest

from flowers_keras import distributed, files
from flowers_keras.errors import UserError
from flowers_keras.photos import reader, sources, synthetic, tfds_records
from tests.conftest import encode, write_colours


@pytest.fixture
def data(config):
    return config.data


def test_a_folder_gives_its_classes_by_name_and_its_photos_by_path(tmp_path, data):
    write_colours(tmp_path, 2)
    (tmp_path / "red" / "UPPER.JPEG").write_bytes(encode(np.zeros((4, 4, 3), np.uint8), "JPEG"))
    (tmp_path / "red" / "notes.txt").write_text("no photo")
    (tmp_path / ".hidden").mkdir()
    data.source = f"folder:{tmp_path}"
    photos = sources.load_photos(data)
    assert photos.class_names == ("blue", "green", "red")
    expected = [f"{name}/{i:02d}.png" for name in ("blue", "green", "red") for i in range(2)]
    assert photos.ids == (*expected, "red/UPPER.JPEG")
    assert photos.labels.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert reader.read_photo(photos.read(6)).shape == (4, 4, 3)


def test_names_that_are_no_text_can_be_written_and_still_read(tmp_path, data):
    """Of a disk that another system wrote: the bytes of a name need not be UTF-8."""
    write_colours(tmp_path / "photos", 1)
    for name in (b"photos/red/caf\xe9.png", b"photos/blue/caf\xe9.png"):
        path = tmp_path / os.fsdecode(name)
        path.write_bytes(encode(np.zeros((4, 4, 3), np.uint8)))
    os.rename(tmp_path / "photos" / "red", os.fsencode(tmp_path / "photos") + b"/ros\xe9")
    data.source = f"folder:{tmp_path / 'photos'}"
    photos = sources.load_photos(data)
    assert photos.class_names == ("blue", "green", "ros\\xe9")
    assert photos.ids[1] == "blue/caf\\xe9.png" and len(set(photos.ids)) == 5
    files.write_json(tmp_path / "names.json", photos.ids)
    assert [reader.read_photo(photos.read(i)).shape[2] for i in range(5)] == [3] * 5


def test_drawn_photos_are_the_same_in_every_run(data):
    one, other = sources.load_photos(data), sources.load_photos(data)
    assert one.class_names == synthetic.CLASS_NAMES and len(one.ids) == data.synthetic_photos
    assert [one.read(i) for i in (0, 7)] == [other.read(i) for i in (0, 7)]


def test_shuffled_labels_are_the_same_photos_with_other_labels(data):
    honest = sources.load_photos(data)
    data.shuffle_labels = True
    shuffled = sources.load_photos(data)
    assert shuffled.ids == honest.ids
    assert np.bincount(shuffled.labels).tolist() == np.bincount(honest.labels).tolist()
    assert np.mean(shuffled.labels == honest.labels) < 0.5


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda path: None, "is not a folder"),
        (lambda path: path.mkdir(), "holds 0 class folders, and 2 are needed"),
        (lambda path: (path / "roses").mkdir(parents=True), "holds 1 class folder, and 2 are needed"),
        (
            lambda path: [write_colours(path, 1), (path / "tulips").mkdir()],
            "class folder .*tulips holds no photo",
        ),
    ],
)
def test_folders_that_are_no_photos(tmp_path, data, make, message):
    make(tmp_path / "photos")
    data.source = f"folder:{tmp_path / 'photos'}"
    with pytest.raises(UserError, match=message):
        sources.load_photos(data)


@pytest.mark.parametrize("source", ["folder", "folder:", "csv:", "flowers", "tfds:", ""])
def test_a_source_that_is_none(data, source):
    data.source = source
    with pytest.raises(UserError, match="type tfds:tf_flowers, folder:PATH, csv:PATH or synthetic"):
        sources.load_photos(data)


def test_tfds_without_a_network(data, tmp_path, monkeypatch):
    """Says how to go on, at once, and leaves nothing half-written."""

    def offline(*args, **kwargs):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(tfds_records.requests, "head", offline)
    data.source, data.data_dir = "tfds:tf_flowers", str(tmp_path / "tfds")
    with pytest.raises(UserError, match="folder:PATH .*configs/quickstart.py"):
        sources.load_photos(data)
    assert not (tmp_path / "tfds").exists()


def test_tfds_of_an_unknown_name(data, tmp_path):
    data.source, data.data_dir = "tfds:no_such_flowers", str(tmp_path)
    with pytest.raises(UserError, match="not a data set that TFDS knows"):
        sources.load_photos(data)


@pytest.fixture
def tiny_flowers():
    """A data set in TFDS's own format, written by TFDS itself."""
    import tensorflow_datasets as tfds

    class TinyFlowers(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(None, None, 3)),
                "label": tfds.features.ClassLabel(names=["tulips", "daisy"]),
            }
            return self.dataset_info_from_configs(
                features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            return {"train": self._generate_examples(range(4)), "test": self._generate_examples(range(4, 6))}

        def _generate_examples(self, numbers):
            for i in numbers:
                yield i, {"image": np.full((5, 6, 3), 40 * i, np.uint8), "label": i % 2}

    yield TinyFlowers
    del tfds.core.registered._DATASET_REGISTRY["tiny_flowers"]  # for the next test


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_tfds_photos_that_are_prepared(data, tmp_path, tiny_flowers, file_format):
    """They are read where they lie, in TFDS's order of the classes and under its names."""
    tiny_flowers(data_dir=tmp_path, file_format=file_format).download_and_prepare()
    data.source, data.data_dir = "tfds:tiny_flowers", str(tmp_path)
    photos = sources.load_photos(data)
    assert photos.class_names == ("tulips", "daisy") and len(set(photos.ids)) == 6
    shades = [int(reader.read_photo(photos.read(i))[0, 0, 0]) for i in range(6)]
    assert sorted(shades) == [0, 40, 80, 120, 160, 200]
    assert [shade // 40 % 2 for shade in shades] == photos.labels.tolist()
    assert [part == "test" for part in photos.parts] == [shade >= 160 for shade in shades]


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_tfds_photos_without_a_label_are_left_out(
    data, tmp_path, tiny_flowers, monkeypatch, capsys, file_format
):
    """Test splits whose labels are kept secret have the label -1, which is not the last class."""
    every = tiny_flowers._generate_examples

    def secret(self, numbers):
        for i, example in every(self, numbers):
            yield i, example | {"label": -1 if i in (1, 4, 5) else example["label"]}

    monkeypatch.setattr(tiny_flowers, "_generate_examples", secret)
    tiny_flowers(data_dir=tmp_path, file_format=file_format).download_and_prepare()
    data.source, data.data_dir = "tfds:tiny_flowers", str(tmp_path)
    photos = sources.load_photos(data)
    assert "left out 3 photos of tfds:tiny_flowers that have no label" in capsys.readouterr().out
    shades = [int(reader.read_photo(photos.read(i))[0, 0, 0]) for i in range(len(photos.ids))]
    assert sorted(zip(shades, photos.labels.tolist(), strict=True)) == [(0, 0), (80, 0), (120, 1)]
    assert photos.parts is None  # as nothing is left of the test


def test_tfds_photos_have_the_ids_of_tfds_and_a_damaged_one_is_broken(data, tmp_path, tiny_flowers):
    import tensorflow_datasets as tfds

    builder = tiny_flowers(data_dir=tmp_path, file_format="tfrecord")
    builder.download_and_prepare()
    expected = {}
    for split in ("train", "test"):
        config = tfds.ReadConfig(add_tfds_id=True)
        for each in builder.as_dataset(split=split, read_config=config).as_numpy_iterator():
            expected[each["tfds_id"].decode()] = int(each["image"][0, 0, 0])
    data.source, data.data_dir = "tfds:tiny_flowers", str(tmp_path)
    photos = sources.load_photos(data)
    found = [int(reader.read_photo(photos.read(i))[0, 0, 0]) for i in range(6)]
    assert dict(zip(photos.ids, found, strict=True)) == expected
    for path in builder.info.splits["train"].filepaths:
        path.write_bytes(b"x" * 9)
    with pytest.raises(reader.BrokenPhoto, match="damaged record"):
        photos.read(0)
    for path in builder.info.splits["train"].filepaths:
        path.unlink()
    with pytest.raises(reader.BrokenPhoto, match="no such file"):
        photos.read(0)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
@pytest.mark.parametrize(
    "damage", [lambda path: path.write_bytes(path.read_bytes()[:-9]), lambda path: path.unlink()]
)
def test_a_tfds_set_that_is_not_whole_is_one_line(data, tmp_path, tiny_flowers, damage, file_format):
    builder = tiny_flowers(data_dir=tmp_path, file_format=file_format)
    builder.download_and_prepare()
    data.source, data.data_dir = "tfds:tiny_flowers", str(tmp_path)
    damage(builder.info.splits["test"].filepaths[0])
    with pytest.raises(
        UserError, match=rf"tiny_flowers-test\S+ is damaged or missing; remove {builder.data_path}"
    ):
        sources.load_photos(data)


@pytest.mark.parametrize("keys", [None, ("image", "label", "weight"), ("text", "label")])
def test_a_tfds_set_of_something_else_is_refused(data, monkeypatch, keys):
    info = types.SimpleNamespace(supervised_keys=keys, features={"image": None, "label": None})
    builder = types.SimpleNamespace(info=info)
    monkeypatch.setattr(tfds_records, "_prepared_builder", lambda *_: builder)
    data.source = "tfds:something"
    with pytest.raises(UserError, match="tfds:something is not a set of photos with one label each"):
        sources.load_photos(data)


def test_one_of_two_processes_downloads_a_set_and_the_other_waits_for_it(tmp_path, in_two):
    downloaded = []

    class Builder:
        data_path, url_infos = tmp_path / "set", {}

        def download_and_prepare(self):
            downloaded.append(distributed.rank_and_size())
            time.sleep(0.2)
            self.data_path.mkdir()

    core = types.SimpleNamespace(registered=types.SimpleNamespace(DatasetNotFoundError=KeyError))
    tfds = types.SimpleNamespace(core=core, builder=lambda name, data_dir: Builder())
    in_two(lambda: tfds_records._prepared_builder(tfds, "set", None))
    assert downloaded == [(0, 2)]
