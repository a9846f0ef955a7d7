"""The story's promises: the test photos are for its end, and every choice reads validation alone."""

import dataclasses
import shutil

import keras
import numpy as np
import pytest

from flowers_keras import files, recipe, runtime
from flowers_keras.errors import UserError
from flowers_keras.evaluation import calibration, predicting, run_metrics
from flowers_keras.model import archive, inference, novelty
from flowers_keras.photos import draw
from flowers_keras.photos.reader import BrokenPhoto
from flowers_keras.training import measured_photos, run_folder
from tests.conftest import small_config, small_inception


@pytest.fixture(scope="module")
def trained_once(tmp_path_factory):
    """(photos, split, folder, photos read while it was trained) of a run that never came to its test."""
    folder, config, read = tmp_path_factory.mktemp("trained"), small_config(), set()
    runtime.prepare_keras(config.seed, True)
    with run_folder.open_run(folder / "run", config.to_dict()) as run, pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, "InceptionV3", small_inception)
        photos, split = recipe.load_photos(config, run)
        labels = photos.labels.copy()
        labels[split.positions["test"]] = 0  # were they used, a label of the wrong class would do harm

        def watched(position):
            read.add(position)
            return photos.read(position)

        recipe.train(dataclasses.replace(photos, labels=labels, read=watched), split, config, run)
    return photos, split, folder, frozenset(read)


@pytest.fixture
def trained(trained_once, config, tmp_path):
    """(photos, split, Run, photos read while it was trained) of a copy of that run and its features."""
    photos, split, folder, read = trained_once
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run = run_folder.Run(tmp_path / "run", config.to_dict())
    stored = run.path("checkpoints/features.json")
    stored.write_text(stored.read_text().replace(str(folder), str(tmp_path)))
    return photos, split, run, set(read)


def measure_run(photos, split, config, run):
    """(metrics, predictions of the test photos) of the run's weights, calibrated and saved anew."""
    path = run.path("model.keras")
    model, card = archive.load(path)
    last = model.get_layer("probabilities")
    last.set_weights([weights * card["temperature"] for weights in last.get_weights()])
    stored = measured_photos.reopen(split, config, run)
    found = calibration.calibrate(model, photos, split, stored, config)
    archive.save(model, path, card | {"temperature": None}, *found)
    return run_metrics.measure(inference.load_classifier(path), photos, split, stored, config)


def test_training_saves_one_file_that_is_complete(trained, config):
    photos, split, run, _ = trained
    saved = inference.load_classifier(run.folder)
    assert saved.temperature and saved.reference
    metrics, _ = run_metrics.measure(saved, photos, split, None, config)
    found = metrics["validation"]["ece_uncalibrated"]  # as it was trained
    assert found is not None and found != metrics["validation"]["ece"]


def test_training_reads_no_test_photo_and_tuning_reads_validation_only(trained, config):
    photos, split, run, read = trained
    parts, saved = split.positions, run.path("model.keras").read_bytes()

    def measure(photos):
        run.path("model.keras").write_bytes(saved)  # the same digits each time
        return measure_run(photos, split, config, run)

    assert read == {*parts["train"].tolist(), *parts["validation"].tolist()}
    metrics, _ = measure(photos)

    labels = photos.labels.copy()
    labels[parts["test"]] = np.roll(labels[parts["test"]], 1)
    other, _ = measure(dataclasses.replace(photos, labels=labels))
    assert other["test"]["loss"] != metrics["test"]["loss"]  # or this could not fail
    for untouched in ("temperature", "validation", "train"):
        assert other[untouched] == metrics[untouched]

    labels = photos.labels.copy()
    labels[parts["validation"]] = np.roll(labels[parts["validation"]], 1)
    other, _ = measure(dataclasses.replace(photos, labels=labels))
    assert other["temperature"] != metrics["temperature"]
    assert other["test"]["accuracy"] == metrics["test"]["accuracy"]
    assert other["train"]["confusion"] == metrics["train"]["confusion"]


def test_test_photos_are_predicted_from_raw_and_the_others_are_stored(trained, config, monkeypatch):
    """What is stored gives what raw photos give, and where some of it is gone they are read."""
    photos, split, run, read = trained
    parts, saved = split.positions, run.path("model.keras").read_bytes()
    shown = {part: set(at.tolist()) for part, at in measured_photos.positions(split).items()}
    assert len(shown["train"]) == len(shown["validation"]) and shown["train"] <= set(parts["train"].tolist())
    watched = dataclasses.replace(
        photos, read=lambda position: (read.add(position), photos.read(position))[1]
    )
    figures, predicted, predict = {}, set(), predicting.predict_photos

    def watched_predict(*arguments, **named):
        predicted.add(arguments[4])
        return predict(*arguments, **named)

    monkeypatch.setattr(predicting, "predict_photos", watched_predict)
    known = measured_photos.sample(split, "train", novelty.LARGEST["train"])
    for damage in ("none", "a value", "the store", "never stored"):
        if damage == "a value":
            path = next(run.folder.parent.glob("features/*/mirrored/*/activation.npy"))
            content = bytearray(path.read_bytes())
            content[-1] ^= 64
            path.write_bytes(content)
        elif damage == "the store":
            shutil.rmtree(run.folder.parent / "features")
        elif damage == "never stored":
            run.path("checkpoints/features.json").unlink()
        read.clear()
        predicted.clear()
        run.path("model.keras").write_bytes(saved)
        figures[damage], predictions = measure_run(watched, split, config, run)
        assert predicted == {"test"} | ({"calibration", "validation", "train"} if damage != "none" else set())
        assert read == set().union(known, *shown.values())  # all are looked at, to compare new photos with
        assert predictions.ids == [photos.ids[i] for i in parts["test"]]
    raw, found = figures["never stored"], figures["none"]
    assert raw == figures["a value"] == figures["the store"]
    assert found["novelty"] == raw["novelty"]
    assert found["temperature"] == pytest.approx(raw["temperature"], rel=1e-3)
    for part in shown:
        for name in ("loss", "ece", "mean_confidence", "loss_tta", "ece_uncalibrated"):
            assert found[part][name] == pytest.approx(raw[part][name], abs=1e-4), (part, name)
    assert found["validation"]["precision"] == found["train"]["precision"] == "float32"
    assert found["train"]["loss_tta"] is None and found["validation"]["loss_tta"] is not None


def test_a_workdir_among_the_photos_is_refused_before_anything_is_made(config, tmp_path):
    config.data.source = f"folder:{tmp_path}"
    with pytest.raises(UserError, match="--workdir=.* are inside one another"):
        recipe.train_and_evaluate(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_photo_that_is_replaced_while_the_run_goes_on_is_not_read(config, tmp_path):
    """By another photo, which could be read: what is measured would not be what was split."""
    draw.draw(tmp_path / "photos", 60, 1, 32)
    config.data.source = f"folder:{tmp_path / 'photos'}"
    with run_folder.open_run(tmp_path / "run", config.to_dict()) as run:
        photos, split = recipe.load_photos(config, run)
    one, other = (int(split.positions[part][0]) for part in ("test", "train"))
    assert photos.read(one) != photos.read(other)
    replace_by_training_photo(
        tmp_path / "photos" / photos.ids[one], {"train": tmp_path / "photos" / photos.ids[other]}
    )
    photos.read(other)
    with pytest.raises(BrokenPhoto, match="changed since it was split"):
        photos.read(one)


class PowerCut(Exception):
    """Ends a run between phase 1 and phase 2."""


def replace_by_training_photo(photo, parts):
    photo.write_bytes(parts["train"].read_bytes())


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda photo, parts: photo.write_bytes(photo.read_bytes()[:-40]), "{test} of test was changed;"),
        (lambda photo, parts: photo.write_bytes(b""), "{test} of test was changed;"),
        (replace_by_training_photo, "{test} of test was changed and is now a copy of {train} of train;"),
        (
            lambda photo, parts: parts["train"].write_bytes(photo.read_bytes()),
            "{train} of train was changed and",
        ),
        (lambda photo, parts: photo.unlink(), "{test} was removed;"),
        (
            lambda photo, parts: photo.with_name("new.png").write_bytes(photo.read_bytes()),
            "new.png was added;",
        ),
        (lambda photo, parts: photo.rename(photo.parent / "new.png"), "{test} was removed, and 1 more;"),
        (lambda photo, parts: photo.chmod(0o600), None),
    ],
)
def test_a_run_does_not_go_on_with_other_photos(config, tmp_path, monkeypatch, change, message):
    phases = []

    def train_phase(name, *_):
        if name == "finetune":
            raise PowerCut
        phases.append(name)
        return [], None

    monkeypatch.setattr(recipe, "build", lambda *_: None)
    monkeypatch.setattr(recipe.feeds, "make_feeds", lambda *_: (None, None))
    monkeypatch.setattr(recipe.classifier, "freeze", lambda model: None)
    monkeypatch.setattr(recipe.classifier, "unfreeze_from", lambda *_: None)
    monkeypatch.setattr(recipe.phases, "train_phase", train_phase)
    draw.draw(tmp_path / "photos", 60, 1, 32)
    config.data.source = f"folder:{tmp_path / 'photos'}"
    with pytest.raises(PowerCut):
        recipe.train_and_evaluate(config, tmp_path / "run")

    known = files.read_json(tmp_path / "run" / "splits.json")["photos"]
    names = {part: next(name for name in known if known[name]["part"] == part) for part in ("test", "train")}
    parts = {part: tmp_path / "photos" / name for part, name in names.items()}
    change(parts["test"], parts)
    with pytest.raises(PowerCut if message is None else UserError) as ended:
        recipe.train_and_evaluate(config, tmp_path / "run")
    if message:
        assert message.format(**names) in str(ended.value) and "\n" not in str(ended.value)
    assert phases == ["frozen"] * (2 if message is None else 1)
