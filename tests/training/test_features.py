"""Stored views equal fresh ones, are whole or absent, and are computed once."""

import dataclasses

import keras
import numpy as np
import pytest

from flowers_keras.augment import trivial_augment
from flowers_keras.errors import UserError
from flowers_keras.model import classifier, folding
from flowers_keras.photos import pipeline, sources, splits
from flowers_keras.training import features, feeds, phases, run_folder


@pytest.fixture
def setting(config, tmp_path):
    """Photos and splits of 3 classes, and a run's folder."""
    photos = sources.load_photos(config.data)
    photos = dataclasses.replace(photos, labels=photos.labels % 3, class_names=("a", "b", "c"))
    parts = splits.split_photos(photos, config.data)
    return photos, parts, run_folder.Run(tmp_path / "runs" / "one", config.to_dict())


@pytest.fixture
def small():
    """A convolution and a head, named as `feeds` cuts: how values are kept is the same for any."""
    photo = keras.Input((75, 75, 3))
    x = keras.layers.Conv2D(8, 5, strides=16, activation="relu", name="mixed8")(photo)
    x = keras.layers.GlobalAveragePooling2D(name="pooled")(x)
    x = keras.layers.Dense(4, name="hidden")(x)
    return keras.Model(photo, keras.layers.Dense(3, "softmax", name="probabilities")(x))


def store_folder(tmp_path):
    (folder,) = (tmp_path / "runs" / "features").iterdir()
    return folder


def stored(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.npy")}


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
    make, train = trivial_augment.make_augmentation(config.augment, 75), split.positions["train"]
    kept = np.concatenate(list(pipeline.view_batches(photos, train, 3, 16, make).as_numpy_iterator()))
    fresh = pipeline.training_batches(photos, train, 16, make, 0, range(3, 4)).as_numpy_iterator()
    shown, labels = (np.concatenate(each) for each in zip(*fresh, strict=True))
    order = np.random.default_rng(0).permutation(len(train))  # any order: sort both by their bytes
    keys = sorted(photo.tobytes() for photo in kept[order])
    assert keys == sorted(photo.tobytes() for photo in shown)
    assert np.bincount(labels).tolist() == np.bincount(photos.labels[train]).tolist()
    other = np.concatenate(list(pipeline.view_batches(photos, train, 4, 16, make).as_numpy_iterator()))
    assert np.mean([(a != b).any() for a, b in zip(kept, other, strict=True)]) > 0.95


def test_training_on_stored_views_follows_training_on_fresh_ones(setting, config, network):
    """float32, deterministic, as many views as epochs: the same losses to 1e-4 over 3 epochs."""
    photos, split, run = setting
    weights = network.get_weights()
    losses = {}
    for views in (3, 0):
        config.features.views = views
        network.set_weights(weights)
        _, feed = feeds.make_feeds(network, photos, split, config, run)
        classifier.unfreeze_from(network, "mixed8")
        network.get_layer("dropout").seed_generator.state.assign([0, 0])
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


def test_a_second_pass_computes_nothing_and_more_views_reuse_those_there(
    setting, config, small, tmp_path, monkeypatch
):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    folder = store_folder(tmp_path)
    before = stored(folder)
    made = []
    original = features._store_view
    monkeypatch.setattr(features, "_store_view", lambda *a: made.append(a[4]) or original(*a))
    feeds.make_feeds(small, photos, split, config, run)
    assert made == []
    config.features.views = 3
    feeds.make_feeds(small, photos, split, config, run)
    assert made == [2]
    after = stored(folder)
    assert before == {name: after[name] for name in before}


@pytest.mark.parametrize("damage", ["flip", "cut", "manifest"])
def test_a_damaged_view_is_noticed_and_made_again(setting, config, small, tmp_path, damage, capsys):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    folder = store_folder(tmp_path)
    before = stored(folder)
    path = folder / "view-001" / "activation.npy"
    data = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flip":
        data[-100] ^= 1
        path.write_bytes(data)
    else:
        (path.parent / "manifest.json").write_text("{")
    feeds.make_feeds(small, photos, split, config, run)
    assert "view-001 is damaged" in capsys.readouterr().out
    assert stored(folder) == before


def test_a_pass_that_is_killed_leaves_whole_views_only(setting, config, small, tmp_path, monkeypatch):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    whole = stored(store_folder(tmp_path))
    features.files.discard(store_folder(tmp_path))
    original, calls = pipeline.view_batches, []

    def killed(photos, positions, view, *rest):
        calls.append(view)
        batches = original(photos, positions, view, *rest)
        if view == 1 and len(calls) < 3:
            raise KeyboardInterrupt
        return batches

    monkeypatch.setattr(pipeline, "view_batches", killed)
    with pytest.raises(KeyboardInterrupt):
        feeds.make_feeds(small, photos, split, config, run)
    folder = store_folder(tmp_path)
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"validation", "view-000"}
    feeds.make_feeds(small, photos, split, config, run)
    assert calls == [0, 1, 1]  # view 0 was not computed again
    assert stored(folder) == whole


def test_the_key_names_everything_that_shapes_the_values(setting, config, small):
    trunk = folding.make_trunk(small, "mixed8")
    key = features.cache_key(trunk, "mixed8", ["photos"])
    assert features.cache_key(trunk, "mixed8", ["photos"]) == key
    assert features.cache_key(trunk, "mixed7", ["photos"]) != key
    assert features.cache_key(trunk, "mixed8", ["others"]) != key
    kernel = next(x for x in small.layers if isinstance(x, keras.layers.Conv2D)).kernel
    kernel.assign(kernel + 1e-3)
    assert features.cache_key(trunk, "mixed8", ["photos"]) != key


def test_head_and_seed_of_the_training_do_not_change_the_key(setting, config, small, tmp_path):
    photos, split, run = setting
    feeds.make_feeds(small, photos, split, config, run)
    config.seed, config.model.l2, config.frozen.learning_rate = 5, 0.1, 0.5
    small.get_layer("hidden").kernel.assign(small.get_layer("hidden").kernel * 2)
    feeds.make_feeds(small, photos, split, config, run)
    store_folder(tmp_path)  # raises where there are two
    config.augment.policy = "none"
    feeds.make_feeds(small, photos, split, config, run)
    assert len(list((tmp_path / "runs" / "features").iterdir())) == 2


def test_a_disk_without_room_is_told_before_the_work(setting, config, small, monkeypatch):
    photos, split, run = setting
    monkeypatch.setattr(features.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 20}))
    monkeypatch.setattr(features, "_store_view", lambda *a: pytest.fail("work was started"))
    with pytest.raises(UserError, match="the features need .* MB and .* has 1 MB free"):
        feeds.make_feeds(small, photos, split, config, run)
