"""The classifier: what trains in each phase, what its head sees, where it can be cut."""

import dataclasses
import gc
import time
import weakref

import keras
import numpy as np
import pytest

from configs import finetune
from flowers_keras import config, distributed
from flowers_keras.errors import UserError
from flowers_keras.model import classifier, conditioning, explain, folding
from flowers_keras.photos import sources, synthetic
from flowers_keras.training import phases
from tests.conftest import SIZE, build_network


@pytest.fixture
def photos():
    return np.random.default_rng(0).integers(0, 256, (16, SIZE, SIZE, 3), np.uint8)


def statistics(model):
    return {
        layer.name: [keras.ops.convert_to_numpy(v.value) for v in (layer.moving_mean, layer.moving_variance)]
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }


def moved(before, after):
    return [any((a != b).any() for a, b in zip(before[name], after[name], strict=True)) for name in before]


def fit(model, photos, learning_rate=1e-3):
    settings = finetune.get_config().finetune
    settings.learning_rate = learning_rate
    phases.compile_network(model, settings, 1)
    labels = np.eye(3)[np.arange(len(photos)) % 3]
    model.fit(photos, labels, batch_size=8, epochs=1, verbose=0)


def test_only_the_heads_four_variables_train_when_frozen(network):
    classifier.freeze(network)
    head = [network.get_layer(name) for name in ("hidden", "probabilities")]
    expected = [id(v) for layer in head for v in (layer.kernel, layer.bias)]
    assert [id(v) for v in network.trainable_variables] == expected


def test_everything_after_mixed8_trains_and_nothing_before(network):
    classifier.unfreeze_from(network, "mixed8")
    names = [layer.name for layer in network.layers]
    boundary = names.index("mixed8")
    assert boundary == 249  # InceptionV3's layer 248, behind the Rescaling
    for place, layer in enumerate(network.layers):
        batch_norm = isinstance(layer, keras.layers.BatchNormalization)
        assert layer.trainable == (place > boundary and not batch_norm), layer.name
    convolutions = [x for x in network.layers[boundary + 1 :] if isinstance(x, keras.layers.Conv2D)]
    assert len(network.trainable_variables) == len(convolutions) + 4 == 22
    trainable, frozen = classifier.count_parameters(network)
    # mixed9 and mixed10 hold 11.1 M parameters, BatchNorm's 9,792 offsets among them.
    assert trainable == sum(int(np.prod(v.shape)) for v in network.trainable_variables)
    assert trainable + frozen == network.count_params()


def test_everything_before_a_boundary_is_its_ancestor(network):
    for boundary in config.BOUNDARIES:
        trunk, tail = classifier.cut(network, boundary)
        place = [layer.name for layer in network.layers].index(boundary)
        assert len(trunk.layers) == place + 1 and len(tail.layers) == len(network.layers) - place


@pytest.mark.parametrize("boundary", ["rescaling", "mixed5", "mixed8", "pooled"])
def test_trunk_and_tail_are_the_whole(light_network, photos, boundary):
    trunk, tail = classifier.cut(light_network, boundary)
    whole = light_network.predict_on_batch(photos)
    assert np.abs(tail.predict_on_batch(trunk.predict_on_batch(photos)) - whole).max() < 1e-5


def test_a_tail_shares_its_layers_with_the_whole(light_network, photos):
    trunk, tail = classifier.cut(light_network, "mixed8")
    before = light_network.predict_on_batch(photos)
    classifier.unfreeze_from(light_network, "mixed8")
    fit(tail, trunk.predict_on_batch(photos))
    assert np.abs(light_network.predict_on_batch(photos) - before).max() > 1e-3


def test_frozen_weights_and_statistics_stay_and_the_others_move(network, photos):
    classifier.unfreeze_from(network, "mixed8")
    before = {id(v): keras.ops.convert_to_numpy(v.value).copy() for v in network.weights}
    free = {id(v) for v in network.trainable_variables}
    fit(network, photos)
    for variable in network.weights:  # the statistics of BatchNorm are among them
        same = np.array_equal(before[id(variable)], keras.ops.convert_to_numpy(variable.value))
        assert same == (id(variable) not in free), variable.path


def test_statistics_move_after_the_boundary_when_they_are_asked_to(light_network, photos):
    trunk, tail = classifier.cut(light_network, "mixed9")
    before = statistics(light_network)
    classifier.unfreeze_from(light_network, "mixed9", train_batch_norm=True)
    fit(tail, trunk.predict_on_batch(photos))
    boundary = [layer.name for layer in light_network.layers].index("mixed9")
    norms = [i for i, x in enumerate(light_network.layers) if isinstance(x, keras.layers.BatchNormalization)]
    assert moved(before, statistics(light_network)) == [i > boundary for i in norms]


def test_unfreezing_without_compiling_again_trains_nothing_new(light_network, photos):
    """The trap that `compile_network` in every phase is for."""
    trunk, tail = classifier.cut(light_network, "mixed9")
    activations, labels = trunk.predict_on_batch(photos), np.eye(3)[np.arange(len(photos)) % 3]
    kernels = [x.kernel for x in tail.layers if isinstance(x, keras.layers.Conv2D)]
    before = [keras.ops.convert_to_numpy(kernel.value).copy() for kernel in kernels]

    def unchanged():
        after = [keras.ops.convert_to_numpy(kernel.value) for kernel in kernels]
        return [np.array_equal(*pair) for pair in zip(before, after, strict=True)]

    classifier.freeze(light_network)
    phases.compile_network(tail, finetune.get_config().frozen, 1)
    tail.fit(activations, labels, verbose=0)
    classifier.unfreeze_from(light_network, "mixed9")
    tail.fit(activations, labels, verbose=0)
    assert all(unchanged())
    phases.compile_network(tail, finetune.get_config().frozen, 1)
    tail.fit(activations, labels, verbose=0)
    assert not any(unchanged())


def test_conditioned_statistics_are_those_of_the_photos(light_network, photos):
    first = next(x for x in light_network.layers if isinstance(x, keras.layers.BatchNormalization))
    conditioning.condition_random_weights(light_network, [photos])
    values = keras.Model(light_network.input, first.input).predict_on_batch(photos)
    assert np.allclose(values.mean((0, 1, 2)), first.moving_mean, atol=1e-4)
    assert np.allclose(values.var((0, 1, 2)), first.moving_variance, rtol=1e-2, atol=1e-4)
    assert (keras.ops.convert_to_numpy(first.beta) == 2).all()


@pytest.mark.parametrize("count, expected", [(64, [64]), (65, [33, 32]), (129, [43] * 3), (300, [64] * 4)])
def test_photos_are_conditioned_on_in_batches_of_about_one_size(config, monkeypatch, count, expected):
    """Each of them counts the same, and one photo alone has no variance where it is a single pixel."""
    sizes = []
    monkeypatch.setattr(
        conditioning, "condition_random_weights", lambda _, batches: sizes.extend(map(len, batches))
    )
    photo = synthetic.photo_bytes(0, 0, SIZE)
    photos = dataclasses.replace(sources.synthetic_photos(count, SIZE, 0), read=lambda _: photo)
    conditioning.condition_on_photos(None, photos, np.arange(count), config)
    assert sizes == expected


def test_cutting_again_leaves_nothing_behind(light_network, photos):
    """A process that serves cuts for every photo it explains."""

    def nodes():
        return sum(len(layer._inbound_nodes) for layer in light_network.layers)

    counts = []
    for _ in range(3):
        classifier.cut(light_network, "mixed8")
        explain.heat_maps(light_network, photos[:1])
        counts.append(nodes())
    assert counts[0] == counts[1] == counts[2]


def test_parts_live_as_long_as_their_model():
    photo = keras.Input((4,), name="photo")
    middle = keras.layers.Dense(3, name="pooled")(photo)
    model = keras.Model(photo, keras.layers.Dense(2, name="probabilities")(middle))
    trunk, tail = (weakref.ref(each) for each in classifier.cut(model, "pooled"))
    gc.collect()
    assert trunk() is classifier.cut(model, "pooled")[0] and tail() is not None
    del model, photo, middle
    gc.collect()
    assert trunk() is None and tail() is None


@pytest.fixture
def three_levels(small_backbone):
    return build_network(pooled_layers="mixed8+mixed9+mixed10")


def test_by_default_the_head_sees_the_last_block_alone(network):
    assert classifier.pooled_layers(network) == ("mixed10",)
    assert network.get_layer("hidden").kernel.shape == (2048, 16)
    assert [layer.name for layer in network.layers[-5:]] == [
        "mixed10", "pooled", "hidden", "dropout", "probabilities",
    ]  # fmt: skip


def test_three_levels_are_pooled_in_their_order(three_levels, photos):
    levels = ("mixed8", "mixed9", "mixed10")
    assert classifier.pooled_layers(three_levels) == levels
    assert three_levels.get_layer("hidden").kernel.shape == (96, 16)
    values = keras.Model(three_levels.input, [three_levels.get_layer(x).output for x in levels])
    expected = np.concatenate([x.mean(axis=(1, 2)) for x in values.predict_on_batch(photos)], axis=1)
    pooled = classifier.cut(three_levels, "pooled")[0].predict_on_batch(photos)
    assert np.abs(pooled - expected).max() < 1e-5


def test_three_levels_can_be_frozen_stored_and_cut(three_levels, photos):
    whole = three_levels.predict_on_batch(photos)
    activation, pooled = folding.make_trunk(three_levels, "mixed8").predict_on_batch(photos)
    for boundary, values in (("mixed8", activation), ("pooled", pooled)):
        tail = classifier.cut(three_levels, boundary)[1]
        assert np.abs(tail.predict_on_batch(values) - whole).max() < 1e-5
    trunk, tail = classifier.cut(three_levels, "mixed5")
    assert np.abs(tail.predict_on_batch(trunk.predict_on_batch(photos)) - whole).max() < 1e-5
    with pytest.raises(ValueError, match="mixed9"):
        classifier.cut(three_levels, "mixed9")

    classifier.freeze(three_levels)
    assert len(three_levels.trainable_variables) == 4
    classifier.unfreeze_from(three_levels, "mixed8")
    assert len(classifier.cut(three_levels, "mixed8")[1].trainable_variables) == 2 + 4


def test_weights_that_cannot_be_used(small_backbone, tmp_path):
    with pytest.raises(UserError, match="model.weights=.*nowhere.h5 is not a file"):
        build_network(weights=str(tmp_path / "nowhere.h5"))
    small = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    small.save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(UserError, match="does not hold InceptionV3's weights"):
        build_network(weights=str(tmp_path / "other.weights.h5"))
    (tmp_path / "cut.h5").write_bytes((tmp_path / "other.weights.h5").read_bytes()[:500])
    with pytest.raises(UserError, match="truncated"):
        build_network(weights=str(tmp_path / "cut.h5"))


def test_imagenet_weights_without_a_network(monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr(keras.applications, "InceptionV3", offline)
    with pytest.raises(UserError, match="--config.model.weights=PATH.h5.*quickstart"):
        build_network(weights="imagenet")


def test_one_of_two_processes_downloads_weights_before_the_other_looks_for_them(in_two, monkeypatch):
    told = []

    def download(**_):
        told.append(("begins", *distributed.rank_and_size()))
        time.sleep(0.2)
        told.append(("ends", *distributed.rank_and_size()))

    monkeypatch.setattr(keras.applications, "InceptionV3", download)
    in_two(lambda: classifier._backbone(None, "imagenet"))
    assert told == [("begins", 0, 2), ("ends", 0, 2), ("begins", 1, 2), ("ends", 1, 2)]
