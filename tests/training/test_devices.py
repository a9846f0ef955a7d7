"""A phase on two devices takes the steps that it takes on one."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

from flowers_keras.photos import sources
from flowers_keras.training import devices, feeds
from tests.conftest import SIZE

ROOT = pathlib.Path(__file__).parents[2]

# 21 examples in batches of 8: the last one, of 5, is computed whole by both. Dropout, BatchNormalization that
# trains, a penalty, class weights and metrics see all of a batch. First on two devices, then on one.
FITS = """
import contextlib, json
import jax, keras, numpy as np, tensorflow as tf
from flowers_keras.training import devices, phases
from flowers_keras.config import default_config

NETWORKS = []

def fit(on_all_devices):
    keras.utils.set_random_seed(0)
    network = keras.Sequential([
        keras.Input((6, 6, 3)), keras.layers.Conv2D(4, 3), keras.layers.BatchNormalization(),
        keras.layers.Flatten(), keras.layers.Dense(64, "relu", kernel_regularizer="l2"),
        keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")])
    settings = default_config().frozen
    settings.ema = 0.9
    NETWORKS.append(network)
    phases.compile_network(network, settings, 3)
    network.optimizer.build(network.trainable_variables)
    random = np.random.default_rng(0)
    values = random.random((21, 6, 6, 3), np.float32)
    labels = np.eye(3, dtype=np.float32)[random.integers(0, 3, 21)]
    batches = tf.data.Dataset.from_tensor_slices((values, labels)).batch(8)
    used = set()
    look = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: used.add(
        len(network.optimizer.iterations.value.sharding.device_set)))
    with on_all_devices(network, 8):
        history = network.fit(
            batches.repeat(2), steps_per_epoch=3, epochs=2, validation_data=batches, verbose=0,
            callbacks=[keras.callbacks.SwapEMAWeights(), look], class_weight={0: 0.5, 1: 1, 2: 2})
    left = {len(each.value.sharding.device_set) for each in network.variables}
    return {"history": history.history, "used": list(used), "left": list(left),
            "predicted": np.asarray(network.predict_on_batch(values)).tolist()}

found = [fit(devices.on_all_devices), fit(lambda network, batch_size: contextlib.nullcontext())]
print(json.dumps(found))
with devices.on_all_devices(NETWORKS[0], 7):
    pass
"""


@pytest.mark.long
def test_two_devices_learn_what_one_learns():
    pytest.importorskip("jax", reason="jax is not installed")
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", FITS],
        cwd=ROOT,
        env=os.environ | flags | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    figures, note = done.stdout.splitlines()
    two, one = json.loads(figures)
    assert "let data.batch_size be a multiple of 2" in note  # of batches of 7, and not of 8
    assert two["used"] == [2] and two["left"] == one["used"] == one["left"] == [1]
    for name, values in one["history"].items():
        np.testing.assert_allclose(two["history"][name], values, rtol=1e-4, err_msg=name)
    np.testing.assert_allclose(two["predicted"], one["predicted"], atol=1e-3)
    assert "val_balanced_accuracy" in one["history"]


@pytest.fixture
def second_of_two(monkeypatch):
    """This process is the second of two, with two devices each."""
    jax = types.SimpleNamespace(device_count=lambda: 4, process_count=lambda: 2, process_index=lambda: 1)
    monkeypatch.setitem(sys.modules, "jax", jax)
    monkeypatch.setattr(devices.keras.backend, "backend", lambda: "jax")


def test_a_process_reads_the_rows_that_its_devices_compute(second_of_two):
    read = []

    def values_of(rows):
        read.append(rows.tolist())
        return np.stack([rows, rows], 1).astype(np.float32) + 1

    found = devices.read_own(values_of, np.arange(8))
    assert read == [[4, 5, 6, 7]]
    assert found[:, 0].tolist() == [0, 0, 0, 0, 5, 6, 7, 8] and found.dtype == np.float32


def test_a_batch_that_the_devices_cannot_share_evenly_is_read_whole(second_of_two):
    found = devices.read_own(lambda rows: rows + 1, np.arange(6))
    assert found.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_process_decodes_the_fresh_views_that_its_devices_compute(second_of_two, config):
    photos, read = sources.synthetic_photos(22, SIZE, 0), []
    watched = dataclasses.replace(photos, read=lambda i: (read.append(int(i)), photos.read(i))[1])
    split = types.SimpleNamespace(
        positions={"train": np.arange(22), "validation": np.arange(4)},
        digests={i: f"{i:064x}" for i in range(22)},
    )
    config.data.batch_size, config.features.views = 8, 0
    network = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(5)])

    def batches(alpha):
        config.finetune.mixup = alpha
        feed, _ = feeds.make_feeds(network, watched, split, config, None)
        return [values for values, _ in feed.training(range(1)).as_numpy_iterator()]

    mine = batches(0.0)
    assert len(read) == 4 + 4 + 6  # the last batch, of 6, is computed whole by each device
    whole = batches(0.4)  # blended with rows of others
    assert len(read) == 14 + 22
    for values, every in zip(mine, whole, strict=True):
        share = len(values) // 2 if len(values) == 8 else 0
        assert np.array_equal(values[share:], every[share:]) and every.any(axis=(1, 2, 3)).all()
        assert not values[:share].any()


def test_one_process_reads_every_row():
    assert devices.read_own(lambda rows: rows, np.arange(7)).tolist() == list(range(7))
