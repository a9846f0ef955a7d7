"""A phase keeps the best weights, resumes exactly, and says when learning diverges."""

import csv
import dataclasses

import keras
import ml_collections
import numpy as np
import pytest
import tensorflow as tf

from flowers_keras import config
from flowers_keras.errors import UserError
from flowers_keras.photos import pipeline
from flowers_keras.training import feeds, phases, run_folder, selection


class Killed(BaseException):
    """Stands for SIGKILL after a whole epoch."""


PLAIN = {
    "schedule": "constant",
    "warmup_epochs": 0,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "ema": 0.0,
    "interpolation": 1.0,
}
EVERYTHING = {
    "schedule": "cosine",
    "warmup_epochs": 1,
    "label_smoothing": 0.1,
    "mixup": 0.4,
    "ema": 0.9,
    "interpolation": 0.7,
}


def settings(epochs, learning_rate=1e-2, keep="best", **other):
    given = {"epochs": epochs, "learning_rate": learning_rate, "keep": keep, "patience": 0} | PLAIN | other
    return ml_collections.ConfigDict(given)


def make_feed(seed=0):
    """A small network with dropout on noise that it can learn by heart."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((6,))
    x = keras.layers.Dense(16, "relu")(inputs)
    x = keras.layers.Dropout(0.5)(x)
    network = keras.Model(inputs, keras.layers.Dense(3, "softmax")(x))
    random = np.random.default_rng(0)
    values, labels = random.normal(size=(40, 6)).astype("float32"), random.integers(0, 3, 40).astype("int32")

    def batches(epoch, order):
        rows = (tf.gather(values, order), tf.gather(labels, order))
        return tf.data.Dataset.from_tensor_slices(rows).batch(16)

    def training(epochs):
        return pipeline.epochs_of(40, 3, epochs, batches)

    validation = tf.data.Dataset.from_tensors((values[:12] + 1, labels[:12]))
    return feeds.Feed(network, 40, 16, 3, training, validation)


def start(folder):
    return run_folder.Run(folder, {})


def state(feed):
    return [np.array(v.value) for v in [*feed.network.variables, *feed.network.optimizer.variables]]


def without_seconds(rows):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """Trains a new feed without a stop, once for the same settings: (history, kept, state of the feed)."""
    found = {}

    def train(**given):
        name = str(given)
        if name not in found:
            feed, folder = make_feed(), tmp_path_factory.mktemp("unbroken")
            found[name] = *phases.train_phase("frozen", feed, settings(**given), start(folder)), state(feed)
        return found[name]

    return train


@pytest.mark.parametrize("other", [{}, EVERYTHING, {"ema": 0.9, "keep": "last"}, {"keep": "best_balanced"}])
def test_a_phase_that_is_killed_ends_as_if_it_had_not_been(tmp_path, monkeypatch, unbroken, other):
    """After its first epoch, and again after its third."""
    history, kept, expected = unbroken(epochs=5, **other)
    write = run_folder.Run.write_history
    for seed, killed_after in ((0, 1), (99, 3)):

        def write_and_die(self, rows, last=killed_after):
            write(self, rows)
            if len(rows) == last:
                raise Killed

        monkeypatch.setattr(run_folder.Run, "write_history", write_and_die)
        with pytest.raises(Killed):
            phases.train_phase("frozen", make_feed(seed), settings(5, **other), start(tmp_path))
    monkeypatch.setattr(run_folder.Run, "write_history", write)
    feed = make_feed(seed=98)  # another process: nothing of it may matter
    again, kept_again = phases.train_phase("frozen", feed, settings(5, **other), start(tmp_path))
    assert without_seconds(again) == without_seconds(history) and kept in history
    assert without_seconds([kept_again]) == without_seconds([kept])
    assert all(np.array_equal(*pair) for pair in zip(state(feed), expected, strict=True))
    with open(tmp_path / "history.csv", newline="") as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == list("12345")


def test_the_second_phase_does_not_start_from_the_firsts_backup(tmp_path):
    run, feed = start(tmp_path), make_feed()
    history, kept = phases.train_phase("frozen", feed, settings(2), run)
    history, _ = phases.train_phase("finetune", feed, settings(2), run, history, kept)
    assert [(row["phase"], row["epoch"]) for row in history] == [
        ("frozen", 1), ("frozen", 2), ("finetune", 1), ("finetune", 2),
    ]  # fmt: skip


def test_the_best_weights_are_kept_not_the_last(tmp_path):
    feed = make_feed()
    history, kept = phases.train_phase("frozen", feed, settings(12, 0.3), start(tmp_path))
    scores = [(row["val_accuracy"], -row["val_loss"]) for row in history]
    assert kept is history[scores.index(max(scores))] and scores[-1] != max(scores)
    measured = feed.network.evaluate(feed.validation_examples(), verbose=0, return_dict=True)
    assert (measured["accuracy"], -measured["loss"]) == pytest.approx(max(scores), abs=1e-6)


def test_the_best_weights_outlive_a_resume_after_which_nothing_is_better(tmp_path, unbroken):
    history, _, expected = unbroken(epochs=12, learning_rate=0.3)
    scores = [(row["val_accuracy"], -row["val_loss"]) for row in history]
    assert max(scores) not in scores[11:]
    phases.train_phase("frozen", make_feed(), settings(11, 0.3), start(tmp_path))
    feed = make_feed(seed=99)
    phases.train_phase("frozen", feed, settings(12, 0.3), start(tmp_path))
    weights = [np.array(variable.value) for variable in feed.network.variables]
    assert all(map(np.array_equal, weights, expected))


def test_a_phase_that_only_makes_it_worse_leaves_the_weights_alone(tmp_path):
    run, feed = start(tmp_path), make_feed()
    history, _ = phases.train_phase("frozen", feed, settings(12), run)
    before = feed.network.get_weights()
    better = {"phase": "frozen", "epoch": 3, "val_accuracy": 1.1, "val_loss": 0.0}
    _, after = phases.train_phase("finetune", feed, settings(2, 5.0), run, history, better)
    assert after is better
    assert all(np.array_equal(*pair) for pair in zip(before, feed.network.get_weights(), strict=True))


@pytest.mark.parametrize(
    "spoilt, rate, steps, message",
    [
        (np.nan, 1e-2, 3, "loss nan"),
        (0.0, 1e38, 1, r"loss 1\.\d*, val_loss nan"),  # finite in the only step, whose update is not
    ],
)
def test_diverged_weights_are_never_saved_and_the_rate_is_named(tmp_path, spoilt, rate, steps, message):
    run, feed = start(tmp_path), dataclasses.replace(make_feed(), count=16 * steps)
    feed.network.layers[-1].kernel.assign(feed.network.layers[-1].kernel + spoilt)
    with pytest.raises(UserError, match=f"phase frozen, epoch 1 .{message}.*lower --config.frozen.learning"):
        phases.train_phase("frozen", feed, settings(2, rate), run)
    assert not list(tmp_path.rglob("*.npz"))


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    run = start(tmp_path)
    phases.train_phase("frozen", make_feed(), settings(1), run)
    path = run.path("checkpoints/frozen.npz")
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(UserError, match="frozen.npz is damaged"):
        phases.train_phase("frozen", make_feed(), settings(2), run)


def test_the_average_of_the_weights_is_what_is_validated_and_kept(tmp_path):
    """By hand: the average of the weights after each step, from the first step on."""
    plain, averaged, steps = make_feed(), make_feed(), []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            steps.append([np.array(each) for each in plain.network.trainable_variables])

    phases.compile_network(plain.network, settings(2), plain.steps)
    plain.network.fit(
        plain.training_examples(range(2), 0.0),
        steps_per_epoch=3,
        epochs=2,
        shuffle=False,
        callbacks=[Watch()],
    )
    expected = steps[0]
    for step in steps[1:]:
        expected = [0.5 * average + 0.5 * each for average, each in zip(expected, step, strict=True)]
    history, _ = phases.train_phase("frozen", averaged, settings(2, keep="last", ema=0.5), start(tmp_path))
    for variable, average in zip(averaged.network.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable, average, rtol=1e-4, atol=1e-5)
    loss, *_ = averaged.network.evaluate(averaged.validation_examples(), verbose=0)
    assert loss == pytest.approx(history[-1]["val_loss"], rel=1e-4)


def test_the_rate_rises_and_falls(tmp_path):
    history, _ = phases.train_phase("frozen", make_feed(), settings(5, 1e-2, **EVERYTHING), start(tmp_path))
    rates = [row["learning_rate"] for row in history]
    assert rates[0] == pytest.approx(1e-2) and rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[2] == pytest.approx(5e-3) and rates == sorted(rates, reverse=True)
    rate = phases.learning_rate(settings(5, 1e-2, **EVERYTHING), 3)
    assert float(rate(0)) == 0 and 0 < float(rate(1)) < float(rate(2)) < 1e-2
    assert phases.learning_rate(settings(5, 1e-2), 3) == 1e-2


def test_keep_last_keeps_an_epoch_that_is_not_the_best(tmp_path):
    last = make_feed()
    history, kept = phases.train_phase("frozen", last, settings(4, 0.5, keep="last"), start(tmp_path))
    assert kept is history[-1]
    assert last.network.evaluate(last.validation_examples(), verbose=0)[0] == pytest.approx(kept["val_loss"])
    assert min(row["val_loss"] for row in history) < history[-1]["val_loss"]  # or the test shows nothing


def test_a_share_of_the_change_is_kept(tmp_path):
    feed, whole, half = make_feed(), make_feed(), make_feed()
    phases.train_phase("frozen", whole, settings(2, keep="last"), start(tmp_path / "whole"))
    phases.train_phase("frozen", half, settings(2, keep="last", interpolation=0.5), start(tmp_path / "half"))
    before, after, found = (each.network.get_weights() for each in (feed, whole, half))
    for first, last, between in zip(before, after, found, strict=True):
        assert np.any(first != last)
        np.testing.assert_allclose(between, (first + last) / 2, rtol=1e-5, atol=1e-7)


def test_patience_ends_a_phase_and_a_resume_remembers_how_long_it_has_waited(tmp_path, monkeypatch, unbroken):
    """Killed while it waits and once it has, it ends where the history without patience says it must."""
    full, _, _ = unbroken(epochs=12, learning_rate=0.3)
    expected = [selection.epochs_waited(full[: i + 1], "best") for i in range(12)].index(2) + 1
    assert 2 < expected < 12  # or the test shows nothing
    write, patient = run_folder.Run.write_history, settings(12, 0.3, patience=2)
    for seed, last in ((0, expected - 1), (99, expected)):

        def write_and_die(self, rows, last=last):
            write(self, rows)
            if len(rows) == last:
                raise Killed

        monkeypatch.setattr(run_folder.Run, "write_history", write_and_die)
        with pytest.raises(Killed):
            phases.train_phase("frozen", make_feed(seed), patient, start(tmp_path / "run"))
    monkeypatch.setattr(run_folder.Run, "write_history", write)
    again, kept = phases.train_phase("frozen", make_feed(99), patient, start(tmp_path / "run"))
    assert without_seconds(again) == without_seconds(full[:expected]) and kept == again[expected - 3]


def test_class_weights_multiply_the_loss_and_nothing_else(tmp_path):
    """By hand: one step on one batch, before which the weights are known."""
    feed = dataclasses.replace(make_feed(), class_weights={0: 0.0, 1: 3.0, 2: 0.5})
    feed.network.layers[2].rate = 0.0
    one = dataclasses.replace(feed, count=16)
    values, labels = next(iter(one.training_examples(range(1), 0.0).as_numpy_iterator()))
    chosen = -np.log((np.array(feed.network(values)) * labels).sum(axis=1))
    expected = float(np.mean(chosen * np.array([0.0, 3.0, 0.5])[labels.argmax(axis=1)]))
    history, _ = phases.train_phase("frozen", one, settings(1, 1e-9), start(tmp_path))
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-4)
    measured = feed.network.evaluate(feed.validation_examples(), verbose=0, return_dict=True)
    assert measured["loss"] == pytest.approx(history[0]["val_loss"])


def test_balanced_weights_sum_to_the_photos_and_are_the_same_for_each_class():
    settings = config.default_config()
    labels = np.repeat([0, 1, 3], [200, 20, 5])  # no photo of class 2
    assert feeds.class_weights(labels, settings) is None
    settings.data.class_weights = "balanced"
    weights = feeds.class_weights(labels, settings)
    sums = {each: weights[each] * np.sum(labels == each) for each in weights}
    assert sums == pytest.approx({0: 75, 1: 75, 3: 75})


def test_a_rare_class_is_found_more_often_where_weights_are_balanced(tmp_path):
    """400 examples against 20, not quite separable: recall of the rare class rises."""
    random, recalls = np.random.default_rng(0), {}
    labels = np.repeat([0, 1], [400, 20]).astype("int32")
    values = random.normal(size=(420, 6)).astype("float32") + 0.6 * labels[:, None]
    for which in ("none", "balanced"):
        settings_ = config.default_config()
        settings_.data.class_weights = which
        keras.utils.set_random_seed(0)
        network = keras.Sequential([keras.Input((6,)), keras.layers.Dense(2, "softmax")])

        def training(epochs):
            def batches(epoch, order):
                rows = (tf.gather(values, order), tf.gather(labels, order))
                return tf.data.Dataset.from_tensor_slices(rows).batch(32)

            return pipeline.epochs_of(420, 3, epochs, batches)

        validation = tf.data.Dataset.from_tensors((values, labels))
        weights = feeds.class_weights(labels, settings_)
        feed = feeds.Feed(network, 420, 32, 3, training, validation, weights)
        phases.train_phase("frozen", feed, settings(6, 3e-2, keep="best_balanced"), start(tmp_path / which))
        recalls[which] = float(np.mean(network.predict(values[400:], verbose=0).argmax(axis=1) == 1))
    assert recalls["balanced"] > recalls["none"] + 0.3


def test_mixup_and_smoothing_change_what_is_learnt_and_not_how_it_is_validated():
    feed = make_feed()
    plain = list(feed.training_examples(range(1), 0.0).as_numpy_iterator())
    mixed = list(feed.training_examples(range(1), 0.4).as_numpy_iterator())
    assert {row.max() for _, labels in plain for row in labels} == {1.0}
    assert any(0.01 < row.max() < 0.99 for _, labels in mixed for row in labels)
    later = list(feed.training_examples(range(1, 2), 0.4).as_numpy_iterator())
    both = list(feed.training_examples(range(2), 0.4).as_numpy_iterator())
    for one, two in zip(
        [*mixed, *later], both, strict=True
    ):  # a resumed phase draws what it would have drawn
        np.testing.assert_array_equal(one[0], two[0])
    assert all(
        set(labels.ravel()) == {0.0, 1.0} for _, labels in feed.validation_examples().as_numpy_iterator()
    )
