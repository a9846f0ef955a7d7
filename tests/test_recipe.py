"""The story's promises: the test photos are for its end, and every choice reads validation alone."""

import dataclasses

import numpy as np
import pytest

from flowers_keras import recipe, runtime
from flowers_keras.errors import UserError
from flowers_keras.photos import sources
from flowers_keras.training import run_folder


@pytest.fixture
def trained(config, tmp_path):
    """(photos, split, Run, photos read while it was trained) of a run that never came to its test."""
    runtime.prepare_keras(config.seed, True)
    photos, read = sources.load_photos(config.data), set()
    with run_folder.open_run(tmp_path / "run", config.to_dict()) as run:
        split = recipe.split_photos(photos, config, run)
        labels = photos.labels.copy()
        labels[split.positions["test"]] = 0  # were they used, a label of the wrong class would do harm

        def watched(position):
            read.add(position)
            return photos.read(position)

        recipe.train(dataclasses.replace(photos, labels=labels, read=watched), split, config, run)
    return photos, split, run, read


def test_training_reads_no_test_photo_and_tuning_reads_validation_only(trained, config):
    photos, split, run, read = trained
    parts, uncalibrated = split.positions, run.path("model.keras").read_bytes()

    def measure(photos):
        run.path("model.keras").write_bytes(uncalibrated)
        model, temperature = recipe.calibrate(photos, parts["validation"], config, run)
        return recipe.measure_parts(model, temperature, photos, split, config)

    assert read == {*parts["train"].tolist(), *parts["validation"].tolist()}
    metrics, _ = measure(photos)

    labels = photos.labels.copy()
    labels[parts["test"]] = np.roll(labels[parts["test"]], 1)
    other, _ = measure(dataclasses.replace(photos, labels=labels))
    assert other["test"]["accuracy"] != metrics["test"]["accuracy"]  # or this could not fail
    for untouched in ("temperature", "validation", "train"):
        assert other[untouched] == metrics[untouched]

    labels = photos.labels.copy()
    labels[parts["validation"]] = np.roll(labels[parts["validation"]], 1)
    other, _ = measure(dataclasses.replace(photos, labels=labels))
    assert other["temperature"] != metrics["temperature"]
    assert other["test"]["accuracy"] == metrics["test"]["accuracy"]
    assert other["train"]["confusion"] == metrics["train"]["confusion"]


def test_a_workdir_among_the_photos_is_refused_before_anything_is_made(config, tmp_path):
    config.data.source = f"folder:{tmp_path}"
    with pytest.raises(UserError, match="--workdir=.* lie one inside the other"):
        recipe.train_and_evaluate(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
