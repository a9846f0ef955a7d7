"""Stored views equal fresh ones, are whole or absent, and are computed once."""

import copy
import dataclasses
import datetime
import errno
import functools
import json
import re

import keras
import numpy as np
import pytest

from flowers_keras import distributed, runtime
from flowers_keras.augment import training_views
from flowers_keras.errors import UserError
from flowers_keras.model import classifier, folding, novelty
from flowers_keras.photos import pipeline, sources, splits
from flowers_keras.training import features, feeds, measured_photos, phases, run_folder, trunk_pass


@pytest.fixture
def setting(config, tmp_path, monkeypatch):
    """Photos and splits of 3 classes, and a run's folder; few photos are kept to compare new ones with."""
    monkeypatch.setattr(novelty, "LARGEST", {"train": 3, "validation": 3})
    config.augment.policy = "none"  # a second for each view that is traced
    photos = sources.load_photos(config.data)
    photos = dataclasses.replace(photos, labels=photos.labels % 3, class_names=("a", "b", "c"))
    parts = splits.split_photos(photos, config.data)
    return photos, parts, run_folder.Run(tmp_path / "runs" / "one", config.to_dict())


@pytest.fixture
def small():
    """A convolution and a head, named as `feeds` cuts: how values are kept is the same for any."""
    photo = keras.Input((75, 75, 3), name="photo")
    x = keras.layers.Conv2D(8, 5, strides=16, activation="relu", name="mixed8")(photo)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    x = keras.layers.Dense(4, name="hidden")(x)
    return keras.Model(photo, keras.layers.Dense(3, "softmax", name="probabilities")(x))


def store_folder(tmp_path):
    (folder,) = (tmp_path / "runs" / "features").iterdir()
    return folder


def stored(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.npy")}


def test_two_processes_share_a_pass_and_both_find_all_of_it(setting, small, config, tmp_path, in_two):
    photos, parts, run = setting
    alone = feeds.store_views(small, photos, parts, config, run)
    read = []

    def compute():
        number, _ = distributed.rank_and_size()
        own = config.copy_and_resolve_references()
        own.features.cache_dir = str(tmp_path / "shared")
        watched = dataclasses.replace(photos, read=lambda i: (read.append((number, i)), photos.read(i))[1])
        copy = run_folder.Run(tmp_path / f"copy-{number}", own.to_dict())
        return feeds.store_views(small, watched, parts, own, copy)

    for found in in_two(compute):
        for view, at in {
            0: parts.positions["train"],
            trunk_pass.PLAIN: parts.positions["validation"],
        }.items():
            for output in ("pooled", "activation"):
                values = [each.rows(view, at).read(output, np.arange(len(at))) for each in (found, alone)]
                assert np.array_equal(*values)
    views = dict.fromkeys(range(config.features.views), parts.positions["train"])
    views |= measured_photos.views(parts, config)
    assert len(read) == sum(map(len, views.values())) and {number for number, _ in read} == {0, 1}


def test_each_epoch_is_a_permutation_of_its_own_and_can_be_entered_anywhere():
    def order(epoch, order):
        return pipeline.tf.data.Dataset.from_tensors((epoch, order))

    def rows(epochs):
        return {int(e): o.tolist() for e, o in pipeline.epochs_of(20, 7, epochs, order).as_numpy_iterator()}

    every = rows(range(0, 4))
    assert all(sorted(each) == list(range(20)) for each in every.values())
    assert len({tuple(each) for each in every.values()}) == 4
    assert rows(range(2, 4)) == {e: every[e] for e in (2, 3)}


def test_a_view_in_order_equals_the_same_epoch_in_training(setting, config):
    photos, split, _ = setting
    config.augment.policy = "trivial_wide"
    make, train = training_views.make_augmentation(config.augment, 75), split.positions["train"]
    kept = np.concatenate(list(pipeline.view_batches(photos, train, 3, 16, make).as_numpy_iterator()))
    fresh = pipeline.training_batches(photos, train, 75, 16, make, 0, range(3, 4)).as_numpy_iterator()
    shown, labels = (np.concatenate(each) for each in zip(*fresh, strict=True))
    order = np.random.default_rng(0).permutation(len(train))  # any order: sort both by their bytes
    keys = sorted(photo.tobytes() for photo in kept[order])
    assert keys == sorted(photo.tobytes() for photo in shown)
    assert np.bincount(labels).tolist() == np.bincount(photos.labels[train]).tolist()
    other = np.concatenate(list(pipeline.view_batches(photos, train, 4, 16, make).as_numpy_iterator()))
    assert np.mean([(a != b).any() for a, b in zip(kept, other, strict=True)]) > 0.95


def test_training_on_stored_views_follows_training_on_fresh_ones(setting, config, light_network):
    """float32, deterministic, as many views as epochs: the same losses to 1e-4 over 3 epochs."""
    photos, split, run = setting
    weights = light_network.get_weights()
    losses = {}
    for views in (3, 0):
        config.features.views = views
        light_network.set_weights(weights)
        _, feed = feeds.make_feeds(light_network, photos, split, config, run)
        classifier.unfreeze_from(light_network, "mixed8")
        light_network.get_layer("dropout").seed_generator.state.assign([0, 0])
        phases.compile_network(feed.network, config.finetune, feed.steps)
        history = feed.network.fit(
            feed.training_examples(range(3), 0.0),
            steps_per_epoch=feed.steps,
            epochs=3,
            validation_data=feed.validation_examples(),
            verbose=0,
            shuffle=False,
        ).history
        losses[views] = [*history["loss"], *history["val_loss"]]
    assert np.abs(np.subtract(losses[3], losses[0])).max() < 1e-4
    assert losses[3][0] != losses[3][2]


@pytest.fixture
def passed(monkeypatch):
    """[(view, photos)] that go through the trunk, a segment at a time."""
    seen, original = [], trunk_pass.Pass.values

    def watched(self, view, positions):
        seen.append((view, len(positions)))
        return original(self, view, positions)

    monkeypatch.setattr(trunk_pass.Pass, "values", watched)
    return seen


def test_a_second_pass_computes_nothing_and_more_views_reuse_those_there(
    setting, config, small, tmp_path, passed
):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    train, validation = len(split.positions["train"]), len(split.positions["validation"])
    measured = [("plain", 2 * validation), ("mirrored", validation)]  # as many training photos, too
    assert passed == [("view-000", train), ("view-001", train), *measured]
    before = stored(store_folder(tmp_path))
    passed.clear()
    feeds.make_feeds(small, photos, split, config, run)
    assert passed == []
    config.features.views = 3
    feeds.make_feeds(small, photos, split, config, run)
    assert passed == [("view-002", train)]
    after = stored(store_folder(tmp_path))
    assert before == {name: after[name] for name in before}


def test_the_time_of_the_whole_run_is_told_after_the_first_view(setting, config, small, passed, monkeypatch):
    photos, split, run = setting
    told = []
    monkeypatch.setattr(features.progress, "note", lambda text: told.append((len(passed), text)))
    feeds.make_feeds(small, photos, split, config, run)
    (begun, first), (views, left) = told
    assert (begun, views) == (0, 1)
    measured = 3 * len(split.positions["validation"])  # plain and mirrored, and as many training photos
    count = 2 * len(split.positions["train"]) + measured
    assert first.startswith(f"features: {count} of {count} views of photos will be computed")
    assert re.fullmatch(r"features: [\d.]+ photos/s; the run has about \d+ (s|min) left", left)
    assert run.expected.keys() == {"frozen", "finetune", "calibrate", "evaluate", "shift"}
    assert run.expected["finetune"] > run.expected["frozen"] > 0
    told.clear()
    feeds.make_feeds(small, photos, split, config, run)
    ((_, text),) = told
    assert text.startswith(f"features: 0 of {count} views of photos will be computed, in ")


def test_a_reader_of_the_output_that_has_left_is_no_fault_of_the_folder(setting, config, small, monkeypatch):
    def note(text):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    photos, split, run = setting
    monkeypatch.setattr(features.progress, "note", note)
    with pytest.raises(BrokenPipeError):
        feeds.make_feeds(small, photos, split, config, run)


def test_what_new_photos_are_compared_with_is_stored_as_it_is(setting, config, small, passed, monkeypatch):
    photos, split, run = setting
    known = len(split.positions["validation"]) + 2
    monkeypatch.setattr(novelty, "LARGEST", {"train": known, "validation": 3})
    stored = feeds.store_views(small, photos, split, config, run)
    assert passed[-2] == ("plain", len(split.positions["validation"]) + known)
    assert len(stored.rows(trunk_pass.PLAIN, measured_photos.sample(split, "train", known))) == known


def test_folds_pay_only_for_what_the_run_has_not_stored(setting, config, small, passed):
    """Every photo outside the test part in every view, as it is and mirrored: as if computed at once."""
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    train, validation = split.positions["train"], split.positions["validation"]
    every = np.sort(np.concatenate([train, validation]))
    passed.clear()
    wanted = {0: every, 1: every, trunk_pass.PLAIN: every, trunk_pass.MIRRORED: every}
    found = features.compute_features(small, photos, split.fingerprints, wanted, config, run)
    held, rest = len(validation), len(train) - len(validation)
    assert passed == [("view-000", held), ("view-001", held), ("plain", rest), ("mirrored", len(train))]
    expected = folding.make_trunk(small, "mixed8")
    plain = np.concatenate(list(pipeline.plain_batches(photos, every, 75, 16).as_numpy_iterator()))
    for view, pixels in ((trunk_pass.PLAIN, plain), (trunk_pass.MIRRORED, plain[:, :, ::-1])):
        for output, values in zip(("activation", "pooled"), expected.predict_on_batch(pixels), strict=True):
            rows = found.rows(view, every)
            np.testing.assert_allclose(rows.read(output, np.arange(len(rows))), values, rtol=1e-5, atol=1e-3)
            chosen = np.array([5, 0, 40, 0])
            np.testing.assert_allclose(rows.read(output, chosen), values[chosen], rtol=1e-5, atol=1e-3)


def test_a_photo_that_is_added_costs_its_own_pass_and_no_other(setting, config, small, passed):
    photos, split, run = setting
    few = split.positions["train"][:-1]
    for at in (few, split.positions["train"]):
        features.compute_features(
            small, photos, split.fingerprints, {0: at, trunk_pass.PLAIN: at}, config, run
        )
    assert passed == [("view-000", len(few)), ("plain", len(few)), ("view-000", 1), ("plain", 1)]


def test_a_photo_keeps_its_values_wherever_it_stands(setting, config, small, passed):
    """What a view draws for a photo is addressed by its content: others before it change nothing."""
    photos, split, run = setting
    train = split.positions["train"]
    features.compute_features(small, photos, split.fingerprints, {0: train}, config, run)
    order = np.random.default_rng(1).permutation(len(photos.ids))
    moved = dataclasses.replace(
        photos,
        ids=tuple(photos.ids[i] for i in order),
        labels=photos.labels[order],
        read=lambda position: photos.read(int(order[position])),
    )
    place = {int(old): new for new, old in enumerate(order)}
    fingerprints = {place[i]: each for i, each in split.fingerprints.items()}
    at = np.array([place[int(i)] for i in train])
    found = features.compute_features(small, moved, fingerprints, {0: at}, config, run)
    assert passed == [("view-000", len(train))]  # nothing is computed again
    fresh = trunk_pass.Pass(folding.make_trunk(small, "mixed8"), moved, found.digests, config, run, 1)
    values = np.concatenate([pooled for _, pooled in fresh.values("view-000", at)])
    np.testing.assert_allclose(
        found.rows(0, at).read("pooled", np.arange(len(at))), values, rtol=1e-5, atol=1e-3
    )


def flatten_leaves(value, path=()):
    for name, each in value.items():
        yield from flatten_leaves(each, (*path, name)) if isinstance(each, dict) else [(*path, name)]


def test_each_ingredient_alone_changes_the_key(config, small):
    trunk = folding.make_trunk(small, "mixed8")
    contents = features.describe_contents(trunk, config)
    assert contents == features.describe_contents(trunk, config)
    leaves = list(flatten_leaves(contents))
    assert len(leaves) >= 13
    keys = {features.cache_key(contents)}
    for *path, name in leaves:
        changed = copy.deepcopy(contents)
        section = functools.reduce(dict.__getitem__, path, changed)
        section[name] = not section[name] if isinstance(section[name], bool) else f"{section[name]}1"
        keys.add(features.cache_key(changed))
    assert len(keys) == 1 + len(leaves)


def test_whatever_shapes_a_value_is_an_ingredient(config, small, monkeypatch):
    """Each change at its source: of settings, weights, precision, packages and our own versions."""

    def key(boundary="mixed8"):
        config.model.unfreeze_from = boundary
        return features.cache_key(features.describe_contents(folding.make_trunk(small, boundary), config))

    keys = [key()]
    settings = {
        "augment.policy": "none",
        "model.pooled_layers": "mixed8+mixed9+mixed10",
        "augment.flip_and_crop": False,
        "augment.seed": 1,
        "data.image_size": 76,
    }
    assert {name.removeprefix("augment.") for name in settings} >= set(config.augment)
    for name, value in settings.items():
        before = config.to_dict()
        config.update_from_flattened_dict({name: value})
        keys.append(key())
        config.update(before)
    keys.append(key("pooled"))
    versions = runtime.versions()
    for package in ("keras", keras.backend.backend(), "tensorflow", "pillow"):
        monkeypatch.setattr(runtime, "versions", lambda package=package: versions | {package: "0"})
        keys.append(key())
    monkeypatch.undo()
    for module, name in ((pipeline, "PIXELS_VERSION"), (folding, "TRUNK_VERSION")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, 0)
            keys.append(key())
    kernel = small.get_layer("mixed8").kernel
    kernel.assign(kernel + 1e-6)
    keys.append(key())
    with classifier.dtype_policy("mixed_bfloat16"):
        half = keras.models.clone_model(
            small,
            clone_function=lambda layer: type(layer).from_config(
                layer.get_config() | {"dtype": "mixed_bfloat16"}  # the weights stay float32
            ),
        )
    half.set_weights(small.get_weights())
    keys.append(features.cache_key(features.describe_contents(folding.make_trunk(half, "mixed8"), config)))
    # Under TensorFlow its version is two of these changes.
    assert len(set(keys)) == len(keys) - (keras.backend.backend() == "tensorflow")
    assert (
        features.cache_key(features.describe_contents(folding.make_trunk(small, "mixed8"), config))
        == keys[-2]
    )


def test_a_photo_that_was_replaced_never_trains_on_the_old_features(setting, config, small, passed):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    measured = measured_photos.positions(split)["train"]
    position = int(np.setdiff1d(split.positions["train"], measured)[3])
    stranger = int(split.positions["test"][0])  # whose values are not stored yet
    other = dataclasses.replace(photos, read=lambda i: photos.read(stranger if i == position else i))
    passed.clear()
    # As it is after the photos were split again: its own pass, and no other.
    fingerprints = dict(split.fingerprints) | {position: split.fingerprints[stranger]}
    again = dataclasses.replace(split, fingerprints=fingerprints)
    feeds.make_feeds(small, other, again, config, run)
    assert passed == [("view-000", 1), ("view-001", 1)]
    # While a run goes on: its bytes are not those of its address.
    config.features.views = 3
    message = f"{photos.ids[position]} cannot be read any more: changed since it was split"
    with pytest.raises(UserError, match=message), pipeline.photo_errors():
        feeds.make_feeds(small, other, split, config, run)


def test_a_manifest_says_what_a_store_holds(setting, config, small, tmp_path):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    manifest = json.loads((store_folder(tmp_path) / "store.json").read_text())
    train, validation = (len(split.positions[part]) for part in ("train", "validation"))
    measured = {"plain": 2 * validation, "mirrored": validation}
    assert manifest["photos"] == measured | {"view-000": train, "view-001": train}
    assert manifest["bytes"] == sum(map(len, stored(store_folder(tmp_path)).values()))
    assert manifest["sources"] == ["synthetic"] and manifest["contents"]["image_size"] == 75
    assert manifest["made"] <= manifest["used"] <= datetime.datetime.now(datetime.UTC).isoformat()


def test_head_and_seed_of_the_training_do_not_change_the_key(setting, config, small, tmp_path):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    config.seed, config.model.l2, config.frozen.learning_rate = 5, 0.1, 0.5
    small.get_layer("hidden").kernel.assign(small.get_layer("hidden").kernel * 2)
    feeds.make_feeds(small, photos, split, config, run)
    store_folder(tmp_path)  # raises where there are two
    config.augment.flip_and_crop = False
    feeds.make_feeds(small, photos, split, config, run)
    assert len(list((tmp_path / "runs" / "features").iterdir())) == 2


def test_a_disk_without_room_is_told_before_the_work(setting, config, small, monkeypatch):
    photos, split, run = setting
    monkeypatch.setattr(features.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 20}))
    monkeypatch.setattr(trunk_pass.Pass, "values", lambda *_: pytest.fail("work was started"))
    with pytest.raises(UserError, match="the features need .* MB and .* has 1 MB free"):
        feeds.make_feeds(small, photos, split, config, run)
