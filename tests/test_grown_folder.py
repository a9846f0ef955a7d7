"""A grown folder: old photos keep their parts, new ones alone pass the trunk, the old head goes on."""

import json
import shutil

import keras
import numpy as np
import pytest

from flowers_keras import recipe
from flowers_keras.errors import UserError
from flowers_keras.jobs import cross_validation
from flowers_keras.model import archive, classifier
from flowers_keras.photos import draw
from flowers_keras.report import comparison, examples, pairs
from flowers_keras.training import phases, trunk_pass
from tests.conftest import small_config

SIZE = 75
ADDED = "tulips"  # the class
CLASSES = ["daisy", "dandelion", "roses", "sunflowers", ADDED]


def build(config, class_count, policy="float32"):
    """A classifier of two convolutions, with the layers that the recipe names."""
    keras.utils.set_random_seed(5)
    photo = keras.Input((SIZE, SIZE, 3), name="photo")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(photo)
    x = keras.layers.Conv2D(6, 5, strides=8, activation="relu", name="mixed8")(x)
    x = keras.layers.Conv2D(7, 3, activation="relu", name="mixed10")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    x = keras.layers.Dense(config.model.hidden_units, "relu", name="hidden")(x)
    x = keras.layers.Dropout(0.2, name="dropout")(x)
    return keras.Model(photo, keras.layers.Dense(class_count, "softmax", name="probabilities")(x))


def prepare(config, folder, patch):
    """Has a run on `folder / "photos"` train a classifier of `build`."""
    patch.setattr(classifier, "build_classifier", build)
    patch.setattr(examples, "add_heat_maps", lambda *_: None)  # of layers that it lacks
    config.model.weights, config.augment.policy = "given", "none"
    config.features.views = config.frozen.epochs = config.finetune.epochs = 1
    config.finetune.learning_rate, config.finetune.keep = 1e-2, "last"
    config.data.source = f"folder:{folder / 'photos'}"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of photos of 4 classes, of the run on them, of its features, and of what is added later."""
    folder, config = tmp_path_factory.mktemp("trained"), small_config()
    photos, aside = folder / "photos", folder / "aside"
    draw.draw(photos, 250, 3, 40)
    aside.mkdir()
    (photos / ADDED).rename(aside / ADDED)
    for path in sorted((photos / "roses").iterdir())[:8]:
        path.rename(aside / path.name)
    with pytest.MonkeyPatch.context() as patch:
        prepare(config, folder, patch)
        recipe.train_and_evaluate(config, folder / "old")
    return folder


@pytest.fixture
def grown(config, trained, tmp_path, monkeypatch):
    """(config, the run on 4 classes, the function that grows the folder), all in a copy."""
    prepare(config, tmp_path, monkeypatch)
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)

    def grow():
        for path in (tmp_path / "aside").iterdir():
            path.rename(tmp_path / "photos" / (ADDED if path.name == ADDED else f"roses/{path.name}"))

    return config, tmp_path / "old", grow


def read_parts(run):
    return {
        name: each["part"] for name, each in json.loads((run / "splits.json").read_text())["photos"].items()
    }


def test_old_photos_stay_new_ones_alone_are_computed_and_training_starts_from_the_old_head(
    grown, tmp_path, monkeypatch, capsys
):
    config, old, grow = grown
    grow()
    computed, began = {}, {}
    values, train = trunk_pass.Pass.values, phases.train_phase

    def watched_values(self, view, positions):
        computed[view] = computed.get(view, set()) | {self._photos.ids[i] for i in positions}
        return values(self, view, positions)

    def watched_phase(name, feed, *arguments):
        began[name] = {layer.name: layer.get_weights() for layer in feed.network.layers}
        return train(name, feed, *arguments)

    monkeypatch.setattr(trunk_pass.Pass, "values", watched_values)
    monkeypatch.setattr(phases, "train_phase", watched_phase)
    config.model.start_from = str(old)
    recipe.train_and_evaluate(config, tmp_path / "new")

    before, after = read_parts(old), read_parts(tmp_path / "new")
    assert len(after) > len(before) + 8 and before == {name: after[name] for name in before}
    new = {name for name, part in after.items() if name not in before and part in ("train", "validation")}
    # In the plain view also old ones, as many as its sample of training photos grew by.
    plain = computed.pop(trunk_pass.PLAIN)
    validation = [sum(part == "validation" for part in each.values()) for each in (before, after)]
    assert len(plain - new) <= validation[1] - validation[0] < validation[0]
    assert set().union(*computed.values()) == new

    saved, card = archive.load(old)
    assert card["class_names"] == CLASSES[:4] and f"new classes: {ADDED}" in capsys.readouterr().out
    tail = began["frozen"]
    for name in ("mixed10", "hidden"):
        for mine, theirs in zip(tail[name], saved.get_layer(name).get_weights(), strict=True):
            assert np.array_equal(mine, theirs)
    fresh = build(config, 5).get_layer("mixed10").get_weights()[0]
    assert not np.array_equal(tail["mixed10"][0], fresh)  # it was trained
    for mine, theirs in zip(
        tail["probabilities"], saved.get_layer("probabilities").get_weights(), strict=True
    ):
        assert mine[..., :4] == pytest.approx(theirs * card["temperature"], rel=1e-6)
        assert mine.shape[-1] == 5
    assert np.abs(tail["probabilities"][0][:, 4]).max() > 0
    # Phase 1 trains the head behind the tail that it was trained with.
    for name in ("mixed10",):
        assert np.array_equal(began["finetune"][name][0], tail[name][0])
    assert not np.array_equal(began["finetune"]["hidden"][0], tail["hidden"][0])

    folders = [old, tmp_path / "new"]
    both = [name for name, part in before.items() if part == "test"]
    runs = comparison.read_runs(folders)
    (row,) = pairs.paired_table(runs)[1:]
    assert row[:2] == [str(tmp_path / "new"), str(len(both))]
    assert row[2] in comparison.describe(comparison.group_runs(runs))


def test_an_added_twin_moves_no_photo_that_the_old_model_was_trained_on(grown, tmp_path, capsys):
    """A group's part is drawn from its largest file, and the added one may be larger."""
    config, old, grow = grown
    grow()
    before = read_parts(old)
    for number, name in enumerate(name for name, part in before.items() if part == "train"):
        if name.startswith("roses/"):  # as many as make it certain that some are drawn elsewhere
            path = tmp_path / "photos" / name
            data = path.read_bytes() + bytes(number % 7 + 1)
            path.with_name(f"{path.stem}-again{path.suffix}").write_bytes(data)
    config.model.start_from = str(old)
    recipe.train_and_evaluate(config, tmp_path / "new")
    after = read_parts(tmp_path / "new")
    assert {after[name] for name, part in before.items() if part == "train"} == {"train"}
    assert {part for name, part in after.items() if "-again" in name} == {"train"}
    assert "kept in train: " in capsys.readouterr().out


def test_a_start_that_would_spoil_the_figures_is_refused(grown, tmp_path):
    config, old, grow = grown
    config.model.start_from = str(old)
    with pytest.raises(UserError, match="has seen photos that folds hold out"):
        cross_validation.cross_validate(config, tmp_path / "folds", 2)
    config.data.split_seed = 1
    with pytest.raises(UserError, match=r"photos of validation and test, such as \S+, were training photos"):
        recipe.train_and_evaluate(config, tmp_path / "new")
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    shutil.copy(old / "model.keras", alone)
    config.model.start_from = str(alone)
    with pytest.raises(UserError, match="has no splits.json beside it"):
        recipe.train_and_evaluate(config, tmp_path / "new")
    assert not (tmp_path / "new" / "config.json").exists()


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("model.hidden_units", 17, "has another hidden layer than this run; type the model.hidden_units"),
        ("model.unfreeze_from", "mixed10", "differs from this run up to mixed10"),
    ],
)
def test_a_model_that_does_not_fit_is_one_line(grown, tmp_path, field, value, words):
    config, old, _ = grown
    config.model.start_from = str(old / "model.keras")
    config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=words):
        recipe.train_and_evaluate(config, tmp_path / "new")


def test_random_weights_start_with_the_whole_backbone_of_the_old_model(grown, tmp_path, monkeypatch):
    config, old, _ = grown
    saved, _ = archive.load(old)
    config.model.weights, config.model.start_from = "", str(old)
    monkeypatch.setattr(
        recipe.conditioning, "condition_on_photos", lambda *_: pytest.fail("conditioned, though it starts")
    )
    with monkeypatch.context() as patch:
        patch.setattr(keras.utils, "set_random_seed", lambda seed: None)  # so that each build is another
        recipe.train_and_evaluate(config, tmp_path / "new")
    new, _ = archive.load(tmp_path / "new")
    assert np.array_equal(*(each.get_layer("mixed8").get_weights()[0] for each in (saved, new)))
