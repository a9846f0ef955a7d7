"""The whole recipe on photos of three solid colours, and the command that trains."""

import collections
import csv
import json
import os
import pathlib
import subprocess
import sys

import keras
import ml_collections
import numpy as np
import pytest

from flowers_keras import evaluate, predict, recipe
from flowers_keras.config import FIELDS
from flowers_keras.errors import UserError
from flowers_keras.evaluation import prediction_table
from flowers_keras.jobs import processes
from flowers_keras.model import archive, inference
from flowers_keras.photos import sources
from flowers_keras.training import phases
from tests.conftest import SIZE, write_colours

ROOT = pathlib.Path(__file__).parents[1]
FILES = {
    "config.json", "machine.json", "splits.json", "history.csv", "model.keras", "labels.json", "metrics.json",
    "predictions.csv", "report.html", "README.md", "tensorboard",
}  # fmt: skip


@pytest.fixture(scope="module")
def colours(tmp_path_factory):
    return write_colours(tmp_path_factory.mktemp("photos") / "colours")


def on_colours(config, colours):
    config.data.source = f"folder:{colours}"
    config.model.hidden_units, config.frozen.epochs, config.finetune.epochs = 128, 12, 1
    config.augment.policy = "none"  # it would change the colours, which are all there is to learn
    return config


class Recorder:
    """A config, or a section of one, that adds the fields that are read to the set `read`."""

    def __init__(self, config, read, section=""):
        self._config, self._read, self._section = config, read, section

    def __getattr__(self, name):
        value = getattr(self._config, name)
        if isinstance(value, ml_collections.ConfigDict):
            return Recorder(value, self._read, f"{name}.")
        self._read.add(self._section + name)
        return value

    __getitem__ = __getattr__


@pytest.fixture
def finished(config, small_backbone, colours, tmp_path):
    """(metrics, folder, names of the fields that were read) of a run on colours."""
    recorder = Recorder(on_colours(config, colours), set())
    folder = tmp_path / "run"
    return processes.run_in_all(recipe.train_and_evaluate, recorder, folder), folder, recorder._read


def test_colours_are_learnt_and_the_saved_file_names_each(finished, colours, config, capsys, monkeypatch):
    metrics, folder, read = finished
    _every_field_is_read(read, config, monkeypatch)
    assert metrics["test"]["accuracy"] >= 0.9
    assert (
        {path.name for path in folder.iterdir()} == FILES == {*evaluate.RECORDS, "model.keras", "tensorboard"}
    )
    assert json.loads((folder / "labels.json").read_text()) == ["blue", "green", "red"]
    model, card = archive.load(folder / "model.keras")
    shades = np.array([(40, 60, 200), (40, 180, 60), (200, 40, 50)], np.uint8)
    photos = np.broadcast_to(shades[:, None, None], (3, SIZE, SIZE, 3))
    named = [card["class_names"][i] for i in model.predict_on_batch(photos).argmax(axis=1)]
    assert named == ["blue", "green", "red"]
    _figures_of_a_finished_run(metrics, folder)
    _predict_reproduces_its_accuracy(metrics, folder, colours, capsys)
    _photos_of_other_things_are_unlike_anything_it_was_trained_on(folder, colours)
    _a_finished_run_does_nothing(folder, config)


def _every_field_is_read(read, config, monkeypatch):
    """A field that nothing reads promises what nobody does."""
    monkeypatch.setattr(sources, "tfds_photos", lambda name, data_dir: sources.synthetic_photos(15, 75, 0))
    for source in ("synthetic", "tfds:x"):  # what the run on a folder does not need
        config = config.copy_and_resolve_references()
        config.data.source, config.data.shuffle_labels = source, False
        sources.load_photos(Recorder(config, read).data)
    config.frozen.schedule = config.finetune.schedule = "cosine"
    phases.learning_rate(Recorder(config, read).frozen, steps=1)
    phases.learning_rate(Recorder(config, read).finetune, steps=1)
    # The run keeps its config as a dict, and takes this one from it: see test_run_folder.
    assert FIELDS.keys() - read == {"runtime.dtype_policy"}


def _figures_of_a_finished_run(metrics, folder):
    assert metrics == json.loads((folder / "metrics.json").read_text())
    for part in ("test", "validation", "train"):
        low, high = metrics[part]["accuracy_interval"]
        assert 0 <= low <= metrics[part]["accuracy"] <= high <= 1
        assert {"accuracy_tta", "loss", "ece"} <= metrics[part].keys()
    assert {"features", "frozen", "finetune", "evaluate", "total"} <= metrics["seconds"].keys()
    assert metrics["leaks"]["across"] == []
    known = json.loads((folder / "splits.json").read_text())["photos"].values()
    parts = collections.Counter((each["part"], each["class"]) for each in known)
    assert metrics["training_photos"] == {name: parts["train", name] for name in ("blue", "green", "red")}
    assert metrics["test"]["count"] == sum(n for (part, _), n in parts.items() if part == "test") >= 3
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    kept = max(rows, key=lambda row: (float(row["val_accuracy"]), -float(row["val_loss"])))
    fit = metrics["fit"]
    assert (fit["phase"], fit["epoch"]) == (kept["phase"], int(kept["epoch"]))
    assert fit["train_accuracy"] == float(kept["accuracy"]) and fit["loss"] == float(kept["val_loss"])
    assert (fit["later"] or {"epochs": 0})["epochs"] == len(rows) - 1 - rows.index(kept)


def _predict_reproduces_its_accuracy(metrics, folder, colours, capsys):
    recorded = prediction_table.load_predictions(folder / "predictions.csv")
    photos = [str(colours / each) for each in recorded.ids]
    capsys.readouterr()
    for options, expected, accuracy in (
        ([], recorded.plain, metrics["test"]["accuracy"]),
        (["--tta"], recorded.tta, metrics["test"]["accuracy_tta"]),
    ):
        assert predict.main([f"--model={folder}/model.keras", "--format=json", *options, *photos]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        printed = [[row["probabilities"][name] for name in recorded.class_names] for row in rows]
        assert np.array_equal(printed, expected)
        truth = [each.partition("/")[0] for each in recorded.ids]
        assert np.mean([row["class"] == name for row, name in zip(rows, truth, strict=True)]) == accuracy


def _photos_of_other_things_are_unlike_anything_it_was_trained_on(folder, colours):
    classifier = inference.load_classifier(folder)
    board = np.dstack([np.indices((90, 90)).sum(axis=0) // 9 % 2 * 255] * 3)
    noise = np.random.default_rng(0).integers(0, 256, (90, 90, 3))
    others = [np.full((90, 90, 3), 255), np.zeros((90, 90, 3)), board, noise]
    found = [each.novelty for each in classifier.answer([each.astype(np.uint8) for each in others])]
    assert [each.unlike for each in found] == [True] * 4, found
    usual = [each.novelty.unlike for each in classifier.answer(sorted(colours.glob("*/*.png")))]
    assert len(usual) == 72 and np.mean(usual) <= 0.1


def _a_finished_run_does_nothing(folder, config):
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    recipe.train_and_evaluate(config, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
    config.model.dropout = 0.1
    with pytest.raises(UserError, match="model.dropout was"):
        recipe.train_and_evaluate(config, folder)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


@pytest.mark.long
def test_shuffled_labels_are_learnt_by_heart_and_tell_nothing_of_other_photos(config, tmp_path):
    """The failing twin: a test photo that is among the training photos as well would be recognised."""
    config.data.update({"synthetic_photos": 300, "shuffle_labels": True, "test_fraction": 0.4})
    config.augment.update({"policy": "none", "flip_and_crop": False})
    config.model.update({"hidden_units": 256, "dropout": 0.0, "l2": 0.0})
    config.frozen.update({"epochs": 60, "keep": "last"})
    config.finetune.epochs, config.features.views = 0, 1
    metrics = recipe.train_and_evaluate(config, tmp_path / "run")
    assert metrics["train"]["accuracy"] > 0.9  # or this could not fail
    assert metrics["test"]["count"] > 100 and metrics["test"]["accuracy"] < 0.4  # of five classes


def test_bad_input_leaves_nothing_behind(config, tmp_path):
    config.data.source = f"folder:{tmp_path / 'nowhere'}"
    with pytest.raises(UserError):
        recipe.train_and_evaluate(config, tmp_path / "runs" / "x")
    assert not (tmp_path / "runs" / "x").exists()


def train(*arguments, **environment):
    """`python train.py ...` as a person types it."""
    return subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=False,
    )


def test_a_wrong_value_is_one_line(tmp_path):
    # Overrides may stand in front of the file that they override.
    done = train("--config.model.unfreeze_from=x", f"--workdir={tmp_path / 'run'}", TINY[0])
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1 and "mixed10" in done.stderr
    assert done.stdout == "" and not (tmp_path / "run").exists()


TINY = [
    "--config=configs/quickstart.py",
    "--config.data.synthetic_photos=60",
    "--config.data.image_size=75",
    "--config.data.validation_fraction=0.2",
    "--config.data.test_fraction=0.2",
    "--config.frozen.epochs=1",
    "--config.finetune.epochs=1",
    "--config.features.views=1",
    "--config.evaluation.shift_photos=0",
]


@pytest.mark.long(minutes=2)
def test_the_same_code_runs_on_jax(tmp_path):
    pytest.importorskip("jax", reason="jax is not installed")
    whole = "--config.data.batch_size=12"  # of 36 training photos: JAX compiles anew for each size
    # Random weights are conditioned operation by operation, which takes minutes: see test_processes.
    weights = tmp_path / "backbone.weights.h5"
    keras.applications.InceptionV3(include_top=False, weights=None).save_weights(weights)
    flags = [*TINY, whole, f"--config.model.weights={weights}", f"--workdir={tmp_path / 'run'}"]
    done = train(*flags, KERAS_BACKEND="jax", JAX_PLATFORMS="cpu")
    assert done.returncode == 0, done.stderr
    assert "jax" in json.loads((tmp_path / "run" / "metrics.json").read_text())["versions"]
