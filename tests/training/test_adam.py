"""The fused step is Adam's, state included."""

import keras
import numpy as np
import pytest

from flowers_keras.training.adam import FusedAdam


def train(optimizer, steps=30):
    """(weights, state) after some steps on noise, from the same weights."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((6,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(3, "softmax")]
    network = keras.Sequential(layers)
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(40, 6)).astype("float32"), random.integers(0, 3, 40)
    network.compile(optimizer, "sparse_categorical_crossentropy")
    for _ in range(steps):
        network.train_on_batch(values, labels)
    return network.get_weights(), [keras.ops.convert_to_numpy(each.value) for each in optimizer.variables]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"use_ema": True, "ema_momentum": 0.9},
        {"beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
        {"amsgrad": True},
    ],
)
def test_it_steps_as_keras_does(settings):
    ours, theirs = (train(adam(1e-2, **settings)) for adam in (FusedAdam, keras.optimizers.Adam))
    started, _ = train(keras.optimizers.Adam(0.0, **settings), steps=1)
    for kept, wanted, before in zip(ours[0], theirs[0], started, strict=True):
        assert np.abs(wanted - before).max() > 0.01  # it moved
        np.testing.assert_allclose(kept, wanted, rtol=1e-4, atol=1e-5)
    assert len(ours[1]) == len(theirs[1])
    for kept, wanted in zip(ours[1], theirs[1], strict=True):
        np.testing.assert_allclose(kept, wanted, rtol=1e-3, atol=2e-6)


def test_it_follows_a_schedule():
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 20, warmup_target=1e-2, warmup_steps=5)
    ours, theirs = (train(adam(schedule))[0] for adam in (FusedAdam, keras.optimizers.Adam))
    for kept, wanted in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(kept, wanted, rtol=1e-4, atol=1e-5)
