"""The tail that trains is the classifier's own, in fewer and faster steps."""

import json

import keras
import numpy as np
import pytest

from flowers_keras import runtime
from flowers_keras.model import classifier
from flowers_keras.model.tail import NormalizedConvolution, convolve, make_tail


def activations(count=8):
    return np.random.default_rng(0).uniform(0, 2, (count, 1, 1, 1280)).astype(np.float32)


def test_in_float32_it_is_the_classifiers_layers(network):
    assert make_tail(network, "mixed8") is classifier.cut(network, "mixed8")[1]


def test_where_batch_norm_trains_it_is_the_classifiers_layers(half):
    assert make_tail(half, "mixed8", train_batch_norm=True) is classifier.cut(half, "mixed8")[1]


def test_on_a_gpu_it_is_the_classifiers_layers(half, monkeypatch):
    monkeypatch.setattr(runtime, "accelerators", lambda: "NVIDIA H200")
    assert make_tail(half, "mixed8") is classifier.cut(half, "mixed8")[1]


def test_in_bfloat16_it_computes_the_same_from_the_same_variables(network, half):
    tail, plain = make_tail(half, "mixed8"), classifier.cut(half, "mixed8")[1]
    assert sum(isinstance(layer, NormalizedConvolution) for layer in tail.layers) == 18
    assert {id(v) for v in tail.variables} == {id(v) for v in plain.variables}
    classifier.unfreeze_from(half, "mixed8")
    assert {id(v) for v in tail.trainable_variables} == {id(v) for v in plain.trainable_variables}
    exact = classifier.cut(network, "mixed8")[1].predict_on_batch(activations())
    errors = [np.abs(each.predict_on_batch(activations()) - exact).mean() for each in (tail, plain)]
    assert 0 < errors[0] < 1.5 * errors[1]


def test_tensorboard_can_draw_it(half):
    layers = json.loads(make_tail(half, "mixed8").to_json())["config"]["layers"]
    assert [layer["class_name"] for layer in layers].count("NormalizedConvolution") == 18


def test_a_step_moves_the_classifier_as_near_to_float32_as_its_own_layers_would(network, half):
    exact = step(network, classifier.cut(network, "mixed8")[1])
    plain = step(half, classifier.cut(half, "mixed8")[1])
    found = step(half, make_tail(half, "mixed8"))
    assert sum(np.any(each) for each in found) == 22  # 18 kernels and the head's 4
    for ours, theirs, right in zip(found, plain, exact, strict=True):
        assert np.linalg.norm(ours - right) <= 1.5 * np.linalg.norm(theirs - right)


def step(model, tail):
    """How far one step of training moves each weight of `model`, which is left as it was."""
    classifier.unfreeze_from(model, "mixed8")
    model.get_layer("dropout").rate = 0.0  # its draws differ from model to model
    start = [weight.numpy() for weight in model.weights]
    tail.compile(keras.optimizers.SGD(0.01), "categorical_crossentropy")
    tail.train_on_batch(activations(), keras.ops.one_hot(np.arange(8) % 3, 3))
    moved = [weight.numpy() - value for weight, value in zip(model.weights, start, strict=True)]
    for weight, value in zip(model.weights, start, strict=True):
        weight.assign(value)
    return moved


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (3, 1), (3, 3), (5, 5)])
def test_gradients_are_those_of_the_backend(size):
    random = np.random.default_rng(0)
    inputs, kernel, weights = (
        keras.ops.convert_to_tensor(random.normal(size=shape).astype(np.float32))
        for shape in ((2, 4, 5, 3), (*size, 3, 6), (2, 4, 5, 6))
    )
    found = gradients(convolve, inputs, kernel, weights)
    expected = gradients(lambda x, k: keras.ops.conv(x, k, padding="same"), inputs, kernel, weights)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def gradients(function, inputs, kernel, weights):
    """Of the weighted sum of `function(inputs, kernel)`, by both."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(lambda x, k: keras.ops.sum(function(x, k) * weights), (0, 1))(inputs, kernel)
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch([inputs, kernel])
        total = keras.ops.sum(function(inputs, kernel) * weights)
    return tape.gradient(total, [inputs, kernel])
