"""The trunk computes what the frozen layers compute; in bfloat16 without BatchNormalization of its own."""

import keras
import numpy as np
import pytest

from flowers_keras.model import classifier, folding
from flowers_keras.photos import synthetic
from tests.conftest import SIZE


@pytest.fixture(scope="module")
def photos():
    return np.stack([synthetic.draw_flower(i % 5, 100 + i, SIZE) for i in range(12)])


def norms(model):
    return [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]


def furthest(found, expected):
    """Largest difference, as a share of the largest value."""
    return np.abs(np.asarray(found, np.float32) - expected).max() / np.abs(expected).max()


def test_in_float32_the_trunk_is_the_classifiers_layers(network, photos):
    trunk, (same, tail) = folding.make_trunk(network, "mixed8"), classifier.cut(network, "mixed8")
    assert trunk.get_layer("mixed8") is same.get_layer("mixed8")
    activation, _ = trunk.predict_on_batch(photos)
    assert np.array_equal(activation, same.predict_on_batch(photos))
    assert furthest(tail.predict_on_batch(activation), network.predict_on_batch(photos)) < 1e-5


def test_folding_computes_the_same_function(network, photos):
    """In float64, where rounding cannot hide a mistake, nor random weights blow it up."""
    double, _ = classifier.cut(classifier.with_policy(network, "float64"), "mixed10")
    folded = folding.fold_batch_norm(double)
    assert len(norms(double)) == 94 and norms(folded) == [] and folded.trainable_weights == []
    found, expected = folded.predict_on_batch(photos), double.predict_on_batch(photos)
    assert found.dtype == np.float64 and np.abs(found - expected).max() < 1e-9 * np.abs(expected).max()


def test_every_part_of_a_normalization_is_folded(photos):
    """InceptionV3's has no gamma and its convolutions no bias; another network's may."""
    random = np.random.default_rng(0)
    photo = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Conv2D(4, 5, strides=4)(photo)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.Conv2D(4, 3, use_bias=False)(x)
    x = keras.layers.BatchNormalization(center=False)(x)
    x = keras.layers.Activation("relu")(x)
    network = keras.Model(photo, keras.layers.BatchNormalization()(x))  # after no convolution: stays
    network.set_weights([random.uniform(0.5, 1.5, each.shape) for each in network.get_weights()])
    folded = folding.fold_batch_norm(network)
    assert len(norms(folded)) == 1
    assert furthest(folded.predict_on_batch(photos), network.predict_on_batch(photos)) < 1e-5


def test_in_bfloat16_the_trunk_is_a_folded_copy_as_near_to_float32_as_the_layers(network, half, photos):
    trunk, (apart, _) = folding.make_trunk(half, "mixed8"), classifier.cut(half, "mixed8")
    assert norms(trunk) == [] and trunk.trainable_weights == []
    assert [tensor.dtype for tensor in trunk.outputs] == ["bfloat16", "float32"]
    exact = classifier.cut(network, "mixed8")[0].predict_on_batch(photos)
    activation, _ = trunk.predict_on_batch(photos)
    errors = [
        np.abs(np.asarray(each, np.float32) - exact).mean()
        for each in (activation, apart.predict_on_batch(photos))
    ]
    assert 0 < errors[0] < 1.5 * errors[1]

    for layer in half.layers:  # it is a copy, and has left the classifier alone
        layer.set_weights([2 * each for each in layer.get_weights()])
    assert np.array_equal(trunk.predict_on_batch(photos)[0], activation)
    assert all(layer.trainable for layer in norms(half))


def test_a_fast_copy_is_the_model_in_float32_and_folded_in_bfloat16(network, half, photos):
    assert folding.fast_copy(network, "float32") is network
    weights, exact = network.get_weights(), network.predict_on_batch(photos)
    fast = folding.fast_copy(network, "mixed_bfloat16")
    assert norms(fast) == [] and fast.get_layer("mixed10").compute_dtype == "bfloat16"
    errors = [np.abs(each.predict_on_batch(photos) - exact).mean() for each in (fast, half)]
    assert fast.output.dtype == "float32" and 0 < errors[0] < 3 * errors[1]
    assert all(map(np.array_equal, network.get_weights(), weights)) and len(norms(network)) == 94


def test_folded_weights_are_those_of_their_version():
    """Who changes these numbers raises TRUNK_VERSION: stored features hold what the old ones gave."""
    photo = keras.Input((1, 1, 1))
    convolution, norm = keras.layers.Conv2D(2, 1), keras.layers.BatchNormalization(epsilon=0.25)
    network = keras.Model(photo, norm(convolution(photo)))
    # Kernel, bias; gamma, beta, mean and variance of the two channels.
    values = ([[[[2.0, 3.0]]]], [1.0, 0.0], [1.0, 3.0], [0.5, -1.0], [3.0, 1.0], [0.75, 2.0])
    network.set_weights([np.array(each, np.float32) for each in values])
    kernel, bias = folding.fold_batch_norm(network).get_weights()
    assert folding.TRUNK_VERSION == 1
    np.testing.assert_allclose(kernel.ravel(), [2.0, 6.0], rtol=1e-6)
    np.testing.assert_allclose(bias, [-1.5, -3.0], rtol=1e-6)
