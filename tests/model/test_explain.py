"""explain: the closed form of Grad-CAM against differentiation, and what is drawn from it."""

import importlib.util
import itertools
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest

from flowers_keras.model import classifier, conditioning, explain
from flowers_keras.photos import synthetic
from tests.conftest import build_network

IMAGE_SIZE = 203  # the smallest whose mixed10 has 5x5 places


@pytest.fixture(scope="module")
def model():
    """The real network with random weights, fit to tell photos apart."""
    keras.utils.set_random_seed(3)
    model = build_network(5, IMAGE_SIZE, hidden_units=32)
    drawn = [synthetic.draw_flower(i % 5, (4, i), IMAGE_SIZE) for i in range(4)]
    conditioning.condition_random_weights(model, [np.stack(drawn)])
    return model


@pytest.fixture(scope="module")
def photos():
    return np.stack([synthetic.draw_flower(i % 5, (9, i), IMAGE_SIZE) for i in range(3)])


@pytest.fixture(scope="module")
def maps(model, photos):
    return explain.heat_maps(model, photos)


@pytest.fixture
def activations():
    """As `mixed10` gives: at least 0, many of them 0."""
    return np.maximum(np.random.default_rng(0).normal(size=(6, 3, 4, 2048)), 0).astype(np.float32)


@pytest.fixture
def set_head(model):
    """Puts weights into the head; the old ones come back."""
    layers = [model.get_layer(name) for name in ("hidden", "probabilities")]
    before = [layer.get_weights() for layer in layers]
    yield lambda hidden, last: [layer.set_weights(w) for layer, w in zip(layers, (hidden, last), strict=True)]
    for layer, weights in zip(layers, before, strict=True):
        layer.set_weights(weights)


def logits(model, activations):
    """The network after mixed10 without its softmax, by its own layers."""
    x = model.get_layer("hidden")(model.get_layer("pooled")(activations))
    last = model.get_layer("probabilities")
    return keras.ops.matmul(x, last.kernel) + last.bias


def grad_cam(gradient, activations):
    """Equations 1 and 2 of the paper."""
    weights = np.asarray(gradient).mean(axis=(1, 2))
    return np.maximum((activations * weights[:, None, None]).sum(axis=-1), 0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a GradientTape is TensorFlow's")
@pytest.mark.parametrize("classes", [None, np.array([0, 1, 2, 3, 4, 0])])
def test_closed_form_is_what_tensorflow_differentiates(model, activations, classes):
    import tensorflow as tf

    tensor = tf.constant(activations)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        found = logits(model, tensor)
        chosen = found.numpy().argmax(axis=1) if classes is None else classes
        total = tf.reduce_sum(tf.gather(found, chosen, axis=1, batch_dims=1))
    expected = grad_cam(tape.gradient(total, tensor), activations)
    ours = explain.class_activation(model, activations, classes)
    assert np.ptp(expected, axis=(1, 2)).min() > 1e-3 * expected.max()
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5 * expected.max())


IN_JAX = """
import jax, keras, numpy as np
from tests.model import test_explain as run
from flowers_keras.model import explain
model = run.build_network(5, 75)
photos = np.random.default_rng(0).integers(0, 256, (2, 75, 75, 3)).astype(np.uint8)
activations = np.random.default_rng(1).random((2, 2, 2, 2048)).astype(np.float32)
chosen = np.array([3, 1])
pick = lambda a: run.logits(model, a)[np.arange(2), chosen].sum()
expected = run.grad_cam(jax.grad(pick)(activations), activations)
explain.LEAST_PLACES = 1  # mixed10 itself
ours = explain.class_activation(model, activations, chosen)
np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-6)
explain.LEAST_PLACES = 5  # mixed2, by the gradient of JAX
run.highlights_what_decides(75, "mixed10")
maps = explain.heat_maps(model, photos)
assert maps.shape == (2, 75, 75) and maps.dtype == np.float32 and keras.backend.backend() == "jax"
"""


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_closed_form_is_what_jax_differentiates():
    root = pathlib.Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", IN_JAX], cwd=root, env=os.environ | {"KERAS_BACKEND": "jax"}, check=True
    )


def test_map_is_that_of_the_channel_which_decides(model, photos, set_head):
    channel = 77
    hidden, last = np.zeros((2048, 32)), np.zeros((32, 5))
    hidden[channel, 0], last[0, 2] = 1, 50
    set_head([hidden, np.zeros(32)], [last, np.zeros(5)])
    trunk, _ = classifier.cut(model, "mixed10")
    seen = keras.ops.convert_to_numpy(trunk(photos))[..., channel]
    maps = explain.heat_maps(model, photos)
    for place, heat in zip(seen, maps, strict=True):
        found, expected = (np.array(np.unravel_index(each.argmax(), each.shape)) for each in (heat, place))
        assert abs(found - (expected + 0.5) * IMAGE_SIZE / 5).max() <= IMAGE_SIZE / 10
    asked = explain.heat_maps(model, photos, np.array([2, 0, 2]))
    assert np.array_equal(asked[::2], maps[::2])  # class 2 is the winner
    assert asked[1].max() == 0  # nothing speaks for class 0


def highlights_what_decides(image_size, pooled_layers):
    """Grey photos with a patch of noise in one quarter, and a head that decides by that patch."""
    model = build_network(3, image_size, pooled_layers=pooled_layers)  # not conditioned: of grey it makes 0
    photos, half = np.full((5, image_size, image_size, 3), 128, np.uint8), image_size // 2
    side, edge = image_size // 3, image_size // 12
    for photo, corner in zip(photos, itertools.product((edge, half + edge), repeat=2), strict=False):
        rows, columns = (slice(start, start + side) for start in corner)
        photo[rows, columns] = np.random.default_rng(0).integers(0, 256, (side, side, 3))
    pooled = keras.ops.convert_to_numpy(classifier.cut(model, "pooled")[0](photos))
    *patched, grey = pooled
    hidden, last, bias = np.zeros((len(grey), 16)), np.zeros((16, 3)), np.zeros(16)
    hidden[:, 0], last[0, 2] = np.mean(patched, axis=0) - grey, 1e4
    bias[0] = -grey @ hidden[:, 0]
    model.get_layer("hidden").set_weights([hidden, bias])
    model.get_layer("probabilities").set_weights([last, np.zeros(3)])
    for heat, quarter in zip(explain.heat_maps(model, photos), np.ndindex(2, 2), strict=False):
        place = np.array(np.unravel_index(heat.argmax(), heat.shape))
        assert tuple(place // (half + 1)) == quarter and np.ptp(heat) > 0.5
    return explain.explained_layers(model)


@pytest.mark.parametrize(
    "image_size, pooled_layers, explained",
    [
        (75, "mixed10", ("mixed2",)),
        (96, "mixed8+mixed9+mixed10", ("mixed2",)),
        pytest.param(192, "mixed10", ("mixed7",), marks=pytest.mark.long),
        pytest.param(203, "mixed8+mixed9+mixed10", ("mixed8", "mixed9", "mixed10"), marks=pytest.mark.long),
    ],
)
def test_map_of_a_small_photo_shows_the_place_that_decides(image_size, pooled_layers, explained):
    keras.utils.set_random_seed(3)
    assert highlights_what_decides(image_size, pooled_layers) == explained


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a GradientTape is TensorFlow's")
@pytest.mark.parametrize("pooled_layers", ["mixed10", "mixed8+mixed9+mixed10"])
def test_gradient_of_a_small_photo_is_that_of_the_whole_network(pooled_layers):
    """Differentiated in one piece, from mixed2 to the logit, by another call of the backend."""
    import tensorflow as tf

    keras.utils.set_random_seed(3)
    model = build_network(3, 75, pooled_layers=pooled_layers)
    photos = np.random.default_rng(0).integers(0, 256, (2, 75, 75, 3), np.uint8)
    activations = classifier.submodel(model, "photo", "mixed2")(photos, training=False)
    rest, last = classifier.submodel(model, "mixed2", "dropout"), model.get_layer("probabilities")
    with tf.GradientTape() as tape:
        tape.watch(activations)
        logits = tf.matmul(rest(activations, training=False), last.kernel) + last.bias
        total = logits[0, 1] + logits[1, 2]
    expected = grad_cam(tape.gradient(total, activations), activations.numpy())
    assert expected.max() > 0
    ours = explain.class_activation(model, activations, np.array([1, 2]))
    np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-4 * expected.max())


def test_a_sure_softmax_does_not_blind_it(model, photos, maps, set_head):
    hidden, last = (model.get_layer(name).get_weights() for name in ("hidden", "probabilities"))
    set_head(hidden, [1e5 * last[0], 1e5 * last[1]])
    assert keras.ops.convert_to_numpy(model(photos)).max(axis=1).min() == 1.0  # where its gradient is 0
    np.testing.assert_allclose(explain.heat_maps(model, photos), maps, atol=1e-3)


def test_maps_reach_from_0_to_1_and_do_not_depend_on_neighbours(model, photos, maps, monkeypatch):
    assert maps.shape == photos.shape[:3] and maps.dtype == np.float32
    assert maps.min() >= 0 and np.array_equal(maps.max(axis=(1, 2)), np.ones(len(photos), np.float32))
    monkeypatch.setattr(explain, "BATCH", 2)
    np.testing.assert_allclose(explain.heat_maps(model, photos), maps, atol=1e-3)
    assert explain.heat_maps(model, photos[:0]).shape == (0, IMAGE_SIZE, IMAGE_SIZE)
