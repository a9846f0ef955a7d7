"""Where commands read and write: `~` is the home folder, and a place that cannot be written is one line."""

import errno
import json
import os
import pathlib
import zipfile

import pytest

import train
from flowers_keras import (
    compare,
    config,
    demo,
    evaluate,
    experiment_flags,
    export,
    predict,
    recipe,
    stores,
    user_paths,
)
from flowers_keras.errors import UserError
from flowers_keras.evaluation import labelled_photos
from flowers_keras.model import archive, classifier
from flowers_keras.photos import draw, sources, tfds_records
from flowers_keras.report import run_photos
from flowers_keras.serving import exporting, formats, heat_maps
from tests.serving.test_export import CARD, small_network

ROOT = pathlib.Path(__file__).parents[1]
NOWHERE = ("gs://bucket/x.json", "/proc/x.json", "file/x.json", "file/below/x.json", "x" * 300)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """A home folder with a config, a finished run, and photos of two of its classes."""
    home = tmp_path_factory.mktemp("home")
    archive.save(small_network(), home / "run" / "model.keras", CARD)
    draw.draw(home / "photos", 25, 1, 32)
    for name in ("dandelion", "roses", "sunflowers"):  # which the model does not know
        (home / "photos" / name).rename(home / name)
    (home / "c.py").write_text((ROOT / "configs" / "finetune.py").read_text())
    accuracy = {"accuracy": 0.8, "accuracy_tta": None, "accuracy_interval": [0.7, 0.9]}
    metrics = {part: accuracy for part in ("test", "validation", "train")} | {"seconds": {"total": 1.0}}
    (home / "run" / "metrics.json").write_text(json.dumps(metrics))
    (home / "run" / "config.json").write_text(json.dumps(config.default_config().to_dict()))
    (home / "run" / "predictions.csv").write_text("id,class\na,x\n")
    (home / "run" / "report.html").touch()
    return home


@pytest.fixture
def home(furnished, tmp_path, monkeypatch):
    """The home folder; the work is done in another one, which holds nothing but the file `file`."""
    monkeypatch.setenv("HOME", str(furnished))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    return furnished


def run_predict(monkeypatch):
    monkeypatch.setattr(
        heat_maps, "write_heat_maps", lambda model, rows, folder: ((row, None) for row in rows)
    )
    assert predict.main(["--model=~/run", "--explain=~/new/maps", "~/photos/*/*.png", "~/photos"]) == 0


def run_evaluate(monkeypatch):
    evaluate.main(["--model=~/run/model.keras", "--data=folder:~/photos", "--output=~/new/figures.json"])


def run_export(monkeypatch):
    monkeypatch.setattr(exporting, "compare", lambda *_: exporting.Check(0.0, 1.0, 1))
    monkeypatch.setattr(exporting, "format_module", lambda name: Written)
    monkeypatch.setattr(exporting.exported, "read", lambda name, path: (None, None))
    export.main(["--model=~/run", "--format=saved_model", "--output=~/new/saved", "--photos=~/photos"])
    exporting.export("~/run", "saved_model", "~/new/library", "~/photos")


class Written:
    """A format whose files are empty."""

    write = staticmethod(lambda model, path: path.touch())


def run_compare(monkeypatch):
    monkeypatch.setattr(run_photos, "read", lambda folder: {"a": {"part": "test", "digest": "0a"}})
    (pathlib.Path.home() / "run" / "splits.json").touch()
    compare.main(["~/run", "--output=~/new/runs.svg"])
    (pathlib.Path.home() / "run" / "splits.json").unlink()


def run_demo(monkeypatch):
    monkeypatch.setattr(demo, "serve", lambda options, listening: options.model.stat())
    demo.main(["--model=~/run", "--port=0"])


def run_stores(monkeypatch):
    (pathlib.Path.home() / "features").mkdir()
    stores.main(["--list", "~/features"])


def run_draw(monkeypatch):
    draw.main(["--output=~/new/drawn", "--count=1"])


def run_train(monkeypatch):
    def stop_before_training(photos, split, config, run):
        run.begin()
        raise InterruptedError

    monkeypatch.setattr(recipe, "train", stop_before_training)
    arguments = ["--config=~/c.py", "--config.data.source=folder:~/photos", "--workdir=~/new/runs/a"]
    with pytest.raises(InterruptedError):
        train.main(experiment_flags.parse_flags(["train.py", *arguments]))


def load_weights(monkeypatch):
    monkeypatch.setattr(classifier, "_load_backbone_weights", lambda backbone, path: path.stat())
    monkeypatch.setattr(classifier.keras.applications, "InceptionV3", lambda **_: None)
    classifier._backbone(None, "~/run/model.keras")


def find_data_set(monkeypatch):
    seen = []

    def absent(tfds, name, data_dir):
        seen.append(data_dir)
        raise InterruptedError

    monkeypatch.setattr(tfds_records, "_prepared_builder", absent)
    monkeypatch.setenv("TFDS_DATA_DIR", "~/other")
    for data_dir in ("~/data", ""):
        with pytest.raises(InterruptedError):
            sources.tfds_photos("x", data_dir)
    assert seen == [str(pathlib.Path.home() / each) for each in ("data", "other")]


@pytest.mark.parametrize(
    "command, made",
    [
        (run_predict, "maps"), (run_evaluate, "figures.json"), (run_export, "saved library"),
        (run_compare, "runs.svg"), (run_demo, ""), (run_stores, ""), (run_draw, "drawn"),
        (run_train, "runs/a/config.json"), (load_weights, ""), (find_data_set, ""),
    ],
)  # fmt: skip
def test_a_tilde_is_the_home_folder(command, made, home, tmp_path, monkeypatch):
    command(monkeypatch)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]  # and no folder called ~
    assert all((home / "new" / each).exists() for each in made.split())


def measured(*_):
    raise AssertionError("the mistake was found after the work")


@pytest.mark.parametrize("place", NOWHERE)
@pytest.mark.parametrize(
    "command, arguments",
    [
        (evaluate.main, ["--model=~/run", "--data=folder:~/photos", "--output=PLACE"]),
        (export.main, ["--model=~/run", "--format=saved_model", "--output=PLACE"]),
        (compare.main, ["~/run", "--output=PLACE.svg"]),
        (predict.main, ["--model=~/run", "--explain=PLACE", "~/photos"]),
        (draw.main, ["--output=PLACE"]),
    ],
)
def test_a_place_that_cannot_be_written_is_one_line_before_any_work(
    command, arguments, place, home, tmp_path, monkeypatch
):
    monkeypatch.setattr(labelled_photos, "evaluate_photos", measured)
    monkeypatch.setattr(archive, "load", measured)
    monkeypatch.setattr(compare.comparison, "read_runs", measured)
    with pytest.raises(UserError) as refused:
        command([each.replace("PLACE", place) for each in arguments])
    assert "\n" not in str(refused.value) and place[:9] in str(refused.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


@pytest.mark.parametrize("place", NOWHERE)
def test_a_workdir_that_cannot_be_written_is_one_line(place, home, tmp_path):
    settings = config.default_config()
    settings.data.source = "synthetic"
    with pytest.raises(UserError, match="cannot be (written|used)"):
        recipe.train_and_evaluate(settings, place)
    assert [path.name for path in tmp_path.rglob("*")] == ["file"]


def test_a_path_that_a_person_types(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert str(user_paths.user_path("~/x")) == "/home/me/x" and str(user_paths.user_path("a/~")) == "a/~"
    with pytest.raises(UserError, match="File name too long; type another path"):
        user_paths.user_path("x" * 300)


@pytest.mark.parametrize("name", ["model.keras", "flowers.tflite", "flowers.onnx", "weights.h5"])
def test_a_file_that_may_not_be_read_is_not_called_damaged(name, tmp_path, monkeypatch):
    def refuse(path, *_):  # the permissions themselves do not stop root, as who tests may work
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    path = tmp_path / name
    path.write_bytes(b"x")
    monkeypatch.setattr(user_paths, "open", refuse, raising=False)
    with pytest.raises(UserError, match=f"{name} cannot be read: Permission denied"):
        user_paths.weights_file(str(path)) if name == "weights.h5" else formats.model_path(str(path))


def test_the_folder_of_a_model_that_may_not_be_opened_is_one_line(tmp_path, monkeypatch):
    stat = os.stat

    def refuse(path, *arguments, **options):
        if os.path.dirname(path) == str(tmp_path):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", refuse)
    for command in (user_paths.model_file, formats.model_path):
        with pytest.raises(UserError, match="cannot be used: Permission denied"):
            command(str(tmp_path))


def test_a_model_is_told_from_other_files_before_anything_is_imported(tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(UserError, match="is not there; type the path of the model.keras"):
        user_paths.model_file(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}" * 999)
    assert user_paths.model_file(tmp_path) == user_paths.model_file(path) == path
    for content in (path.read_bytes()[:99], b"", b"TFL3"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="flowers_keras saved, or is damaged; type the path of the model"):
            user_paths.model_file(tmp_path)


@pytest.mark.parametrize(
    "workdir", ["photos", "photos/run", "photos/daisy/x/y", ".", "photos/../photos/a", "link"]
)
def test_a_workdir_inside_equal_to_or_around_the_photos_is_refused(tmp_path, config, workdir):
    (tmp_path / "photos" / "daisy").mkdir(parents=True)
    (tmp_path / "link").symlink_to("photos")
    config.data.source = f"folder:{tmp_path / 'photos'}"
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError, match=f"are inside one another; .*such as {tmp_path}/runs/photos$"):
        user_paths.refuse_workdir(config, f"{tmp_path}/{workdir}")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_workdir_beside_the_photos_is_allowed_and_stored_features_among_them_are_not(tmp_path, config):
    for name in ("photos", "photos2"):
        (tmp_path / name).mkdir()
    config.data.source = f"folder:{tmp_path / 'photos'}"
    for workdir in ("run", "photos2", "photos-run/a"):
        user_paths.refuse_workdir(config, tmp_path / workdir)
    config.features.cache_dir = str(tmp_path / "photos" / "features")
    with pytest.raises(UserError, match="features.cache_dir=.* is inside the photos"):
        user_paths.refuse_workdir(config, tmp_path / "run")
