"""model.keras: what it holds, calibrated or not, and files that are not ours."""

import errno
import json
import zipfile

import keras
import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.evaluation import reliability
from flowers_keras.model import archive
from flowers_keras.training import adam
from tests.conftest import SIZE, build_network

CARD = {"class_names": ["x", "y", "z"], "image_size": SIZE, "recipe": {"data": {"batch_size": 8}}}


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)


def test_a_saved_model_predicts_the_same_and_a_calibrated_one_the_same_classes(
    light_network, photos, tmp_path
):
    path = tmp_path / "model.keras"
    expected = light_network.predict_on_batch(photos)
    archive.save(light_network, path, CARD)
    loaded, card = archive.load(tmp_path)
    assert card["temperature"] is None and card["class_names"] == CARD["class_names"]
    assert card["recipe"] == {
        "data": {"batch_size": 8, "twin_distance": 8, "image_size": SIZE},
        "evaluation": {"tta": True},
    }
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    assert np.array_equal(loaded.predict_on_batch(photos), expected)

    archive.save(loaded, path, card, temperature=2.5)
    calibrated, card = archive.load(path)
    assert card["temperature"] == 2.5
    found = calibrated.predict_on_batch(photos)
    assert np.abs(found - reliability.apply_temperature(expected, 2.5)).max() < 1e-6
    assert np.array_equal(found.argmax(axis=1), expected.argmax(axis=1))
    assert np.abs(found - expected).max() > 1e-3  # or this shows nothing
    last, before = (each.get_layer("probabilities").get_weights() for each in (calibrated, light_network))
    assert all(np.allclose(2.5 * one, other, rtol=1e-6) for one, other in zip(last, before, strict=True))
    with pytest.raises(ValueError, match="already calibrated, at 2.5"):
        archive.save(calibrated, path, card, temperature=1.1)


def test_a_file_holds_no_optimizer_and_plain_keras_loads_it(light_network, photos, tmp_path):
    path, expected = tmp_path / "model.keras", light_network.predict_on_batch(photos)
    light_network.compile(adam.FusedAdam(), "categorical_crossentropy")  # as with features.views=0
    archive.save(light_network, path, CARD)
    with zipfile.ZipFile(path) as members:
        assert not json.loads(members.read("config.json"))["compile_config"]
    loaded = keras.models.load_model(path)
    assert np.array_equal(loaded.predict_on_batch(photos), expected)


def test_a_model_that_was_trained_in_bfloat16_is_saved_in_float32(photos, tmp_path, small_backbone):
    model = build_network(policy="mixed_bfloat16", pooled_layers="mixed8+mixed9+mixed10")
    assert model.get_layer("mixed8").compute_dtype == "bfloat16"
    assert model.predict_on_batch(photos).dtype == np.float32
    archive.save(model, tmp_path / "model.keras", CARD)
    loaded, _ = archive.load(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in loaded.layers} == {"float32"}
    assert loaded.get_layer("hidden").kernel.shape == (96, 16)
    for layer in model.layers:
        for one, other in zip(layer.get_weights(), loaded.get_layer(layer.name).get_weights(), strict=True):
            assert np.array_equal(one, other)


def test_files_that_are_no_classifier(light_network, tmp_path):
    path = tmp_path / "model.keras"
    with pytest.raises(UserError, match="is not there"):
        archive.load(path)
    path.write_bytes(b"PK\x03\x04 not an archive")
    with pytest.raises(UserError, match="is not a classifier that flowers_keras saved"):
        archive.load(path)
    archive.save(light_network, path, CARD | {"class_names": ["x", "y"]})
    with pytest.raises(UserError, match="names 2 classes"):
        archive.load(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="damaged"):
        archive.load(path)


def write_card(path, card, **options):
    with zipfile.ZipFile(path, "w", **options) as members:
        members.writestr(archive.CARD, card if isinstance(card, str | bytes) else json.dumps(card))


@pytest.mark.parametrize(
    "card, message",
    [
        ([], "TypeError"),
        ({}, "class_names"),
        (CARD | {"class_names": "xyz"}, "class_names is not a list"),
        (CARD | {"class_names": [1, 2, 3]}, "class_names is not a list"),
        (CARD | {"image_size": "75"}, "image_size='75'"),
        (CARD | {"image_size": True}, "image_size=True"),
        (CARD | {"temperature": 0}, "temperature=0"),
        (CARD | {"temperature": float("nan")}, "temperature=nan"),
        (CARD | {"recipe": "mine"}, "recipe is not a table"),
        (CARD | {"recipe": {"data": "mine"}}, "TypeError"),
        (CARD | {"recipe": {"data": {"batch_size": "8"}}}, "data.batch_size='8'"),
        (CARD | {"recipe": {"evaluation": {"tta": 1}}}, "evaluation.tta=1"),
        ('{"class_names": ', "JSONDecodeError"),
        # What is missing gets defaults; of these only the model is then found to be absent.
        ({"class_names": ["x"], "image_size": SIZE}, "config.json"),
        (CARD | {"recipe": {"later": {"field": 1}}}, "config.json"),
    ],
)
def test_cards_are_checked_before_they_are_used(tmp_path, card, message):
    write_card(tmp_path / "model.keras", card)
    with pytest.raises(UserError, match="is not a classifier that flowers_keras saved") as refused:
        archive.load(tmp_path)
    assert message in str(refused.value) and "\n" not in str(refused.value)


def test_a_card_or_an_archive_that_would_fill_the_memory_is_not_read(tmp_path, monkeypatch):
    def read(*_):
        raise AssertionError("it was read")

    monkeypatch.setattr(zipfile.ZipFile, "read", read)
    write_card(tmp_path / "model.keras", b" " * (archive.LARGEST_CARD + 1))
    with pytest.raises(UserError, match="larger than 4 MB"):
        archive.load(tmp_path)
    write_card(tmp_path / "model.keras", b" " * 1_000_000, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(UserError, match="more than 20 times its size"):
        archive.load(tmp_path)


def test_a_full_disk_is_not_taken_for_damage(light_network, tmp_path, monkeypatch):
    def load_model(path, **_):  # Keras unpacks the weights beside the file
        raise OSError(errno.ENOSPC, "No space left on device")

    card = {"class_names": ["a", "b", "c"], "image_size": SIZE, "recipe": {}}
    archive.save(light_network, tmp_path / "model.keras", card)
    monkeypatch.setattr(keras.saving, "load_model", load_model)
    with pytest.raises(UserError, match="no room to unpack .*model.keras; free some space"):
        archive.load(tmp_path)


def test_code_in_a_model_file_is_refused(tmp_path):
    inputs = keras.Input((SIZE, SIZE, 3))
    outputs = keras.layers.Lambda(lambda x: keras.ops.mean(x, axis=(1, 2)))(inputs)
    keras.Model(inputs, outputs).save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras", "a") as members:
        members.writestr(archive.CARD, json.dumps(CARD))
    with pytest.raises(UserError, match="Lambda|lambda|unsafe|safe"):
        archive.load(tmp_path / "model.keras")


def test_calibration_in_words():
    assert archive.describe_calibration({"temperature": None}) == "probabilities not calibrated"
    assert "(temperature 0.71)" in archive.describe_calibration({"temperature": 0.7123})
