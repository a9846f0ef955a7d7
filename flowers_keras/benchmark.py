"""How fast each part is, beside the plain way to do the same, in one run on one machine.

  python -m flowers_keras.benchmark --config=configs/finetune.py [--only=input,steps]

Machines differ and are noisy: compare figures of one run, as ratios to the last row of a table.
"""

import dataclasses
import functools
import itertools
import os
import tempfile
import time

import keras
import keras_cv
import numpy as np
import tensorflow as tf
from absl import app, flags
from ml_collections import config_flags

from flowers_keras import augment, errors, feeds, phases, recipe, run, runtime
from flowers_keras import model as classifier
from flowers_keras.photos import pipeline, sources, splits

CONFIG = config_flags.DEFINE_config_file("config", "configs/finetune.py", "The experiment to time.")
ONLY = flags.DEFINE_list("only", [], "Names of tables; all of them by default.")
SECONDS = 10.0  # each rate is measured for so long


@dataclasses.dataclass(frozen=True)
class Setting:
    """One experiment's photos, shared by the tables; `batch` is its first, uint8 [batch, S, S, 3]."""

    config: object
    photos: sources.Photos
    parts: splits.Splits
    batch: np.ndarray

    @property
    def train(self):
        return self.parts.parts["train"]

    def views(self):
        """Batches of the augmented training photos, epoch after epoch, for ever."""
        make = augment.make_augmentation(self.config.augment, self.config.data.image_size)
        for epoch in itertools.count():
            yield from pipeline.view_batches(self.photos, self.train, epoch, len(self.batch), make)

    def trunk(self):
        """Photos -> (activation at the boundary, pooled features), frozen."""
        model = recipe.build(self.photos, self.parts, self.config)
        classifier.freeze(model)
        return feeds.make_trunk(model, self.config.model.unfreeze_from)


def rate(step, count):
    """Photos a second of `step()`, which handles `count` of them; two calls warm up."""
    step(), step()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < SECONDS:
        step()
        calls += 1
    return count * calls / (time.perf_counter() - start)


def augmentation(setting):
    """One random operation a photo: ours, keras-cv's and Keras' own, as tf.data maps."""
    pixels = tf.data.Dataset.from_tensor_slices(setting.batch).repeat()
    batches = pixels.batch(len(setting.batch)).map(lambda each: tf.cast(each, tf.float32))

    def trivial(index, photo):
        return augment.trivial_augment_wide(photo, augment.photo_seed(0, 0, index))

    ways = {
        "trivial_augment_wide": pixels.enumerate().map(trivial, tf.data.AUTOTUNE).batch(len(setting.batch)),
        "keras_cv.layers.RandAugment(augmentations_per_image=1)": batches.map(
            keras_cv.layers.RandAugment((0, 255), augmentations_per_image=1), tf.data.AUTOTUNE
        ),
        "keras.layers.RandAugment(num_ops=1)": batches.map(
            keras.layers.RandAugment((0, 255), num_ops=1), tf.data.AUTOTUNE
        ),
    }
    return "augmentation, photos/s", [
        (name, rate(functools.partial(next, iter(way)), len(setting.batch))) for name, way in ways.items()
    ]


def pipeline_rates(setting):
    """From encoded photos to augmented batches, beside what the trunk consumes."""
    trunk, count = setting.trunk(), len(setting.batch)
    return "input pipeline, photos/s", [
        ("read, decode, crop, resize, augment", rate(functools.partial(next, setting.views()), count)),
        ("the trunk takes", rate(lambda: trunk.predict_on_batch(setting.batch), count)),
    ]


def trunk_rates(setting):
    """The pass over the photos, beside a bare compiled forward pass on one batch in memory."""
    trunk, count, views = setting.trunk(), len(setting.batch), setting.views()
    forward = tf.function(lambda photos: trunk(photos, training=False), jit_compile=False)
    photos = tf.constant(setting.batch, tf.float32)
    return "frozen trunk, photos/s", [
        ("on photos from the pipeline", rate(lambda: trunk.predict_on_batch(next(views)), count)),
        ("bare forward pass on a tensor in memory", rate(lambda: forward(photos)[1].numpy(), count)),
    ]


def step_rates(setting):
    """A step of phase 2 on stored views, beside the same step on one tensor in memory."""
    config = setting.config.copy_and_resolve_references()
    config.features.views = 1
    with tempfile.TemporaryDirectory() as folder, run.open_run(f"{folder}/run", {}) as here:
        model = recipe.build(setting.photos, setting.parts, config)
        head, tail = feeds.make_feeds(model, setting.photos, setting.parts, config, here)
        classifier.unfreeze_from(model, config.model.unfreeze_from, config.model.train_batch_norm)
        phases.compile_network(tail.network, config.finetune.learning_rate)
        stored = iter(tail.training(range(10_000)))
        values, labels = next(stored)
        rows = [
            ("stored views", rate(lambda: tail.network.train_on_batch(*next(stored)), len(setting.batch))),
            ("a tensor in memory", rate(lambda: tail.network.train_on_batch(values, labels), len(values))),
        ]
        classifier.freeze(model)
        phases.compile_network(head.network, config.frozen.learning_rate)
        steps = iter(head.training(range(10_000)))
        speed = rate(lambda: head.network.train_on_batch(*next(steps)), len(setting.batch))
        print(f"\nan epoch of phase 1 on stored features: {len(setting.train) / speed:.2f} s")
    return "phase 2, photos/s", rows


def whole_recipe(setting):
    """From raw photos to the saved model: ours, ours without stored views, and plain Keras.

    Ours is run whole, from an empty cache. The others are timed over one whole epoch of each phase,
    which is multiplied by the epochs of the phase.
    """
    config = setting.config
    ours = time_ours(config)
    fresh = sum(
        seconds * phase.epochs
        for seconds, phase in zip(time_fresh(setting), (config.frozen, config.finetune), strict=True)
    )
    plain = sum(
        seconds * phase.epochs
        for seconds, phase in zip(time_plain(setting), (config.frozen, config.finetune), strict=True)
    )
    return "whole recipe, seconds", [
        (f"ours, features.views={config.features.views}", ours),
        ("ours, features.views=0 (one epoch of each phase, multiplied)", fresh),
        ("plain Keras, float32 (one epoch of each phase, multiplied)", plain),
    ]


def time_ours(config):
    """Seconds from raw photos to `model.keras`, with an empty cache."""
    with tempfile.TemporaryDirectory() as folder, run.open_run(f"{folder}/run", config.to_dict()) as here:
        start = time.perf_counter()
        runtime.seed_everything(config.seed, config.runtime.deterministic)
        photos = sources.load_photos(config.data)
        recipe.train(photos, recipe.split(photos, config, here), config, here)
        return time.perf_counter() - start


def time_fresh(setting):
    """Seconds of one epoch of each phase with `features.views = 0`, everything else ours."""
    config = setting.config.copy_and_resolve_references()
    config.features.views = 0
    model = recipe.build(setting.photos, setting.parts, config)
    for unfreeze in (
        classifier.freeze,
        functools.partial(classifier.unfreeze_from, boundary=config.model.unfreeze_from),
    ):
        unfreeze(model)
        feed, _ = feeds.make_feeds(model, setting.photos, setting.parts, config, None)
        phases.compile_network(model, config.finetune.learning_rate)
        yield fit_seconds(model, feed.training(range(2)), feed.validation, setting)


def time_plain(setting):
    """Seconds of one epoch of each phase as a tutorial writes it: whole model, `keras.layers`, float32."""
    config, size = setting.config, setting.config.data.image_size
    model = classifier.build_classifier(len(setting.photos.class_names), size, config.model.weights)
    layers = [
        keras.layers.RandomFlip("horizontal"),
        keras.layers.RandomCrop(round(size * 0.9), round(size * 0.9)),
        keras.layers.Resizing(size, size),
        keras.layers.RandAugment((0, 255), num_ops=1),
    ]

    def augmented(photos, labels):
        photos = tf.cast(photos, tf.float32)
        for layer in layers:
            photos = layer(photos, training=True)
        return photos, labels

    def batches(part):
        positions = setting.parts.parts[part]
        plain = pipeline.plain_batches(setting.photos, positions, size, config.data.batch_size)
        labels = pipeline.label_batches(setting.photos.labels[positions], config.data.batch_size)
        return pipeline.pair(plain, labels)

    training = batches("train").map(augmented, tf.data.AUTOTUNE).prefetch(2).repeat()
    for unfreeze in (
        classifier.freeze,
        functools.partial(classifier.unfreeze_from, boundary=config.model.unfreeze_from),
    ):
        unfreeze(model)
        phases.compile_network(model, config.finetune.learning_rate)
        yield fit_seconds(model, training, batches("validation"), setting)


def fit_seconds(model, training, validation, setting):
    """Seconds of one epoch of `fit` with its validation, after two steps that compile."""
    steps = -(-len(setting.train) // setting.config.data.batch_size)
    model.fit(training, steps_per_epoch=2, validation_data=validation.take(1), verbose=0, shuffle=False)
    start = time.perf_counter()
    model.fit(training, steps_per_epoch=steps, validation_data=validation, verbose=0, shuffle=False)
    return time.perf_counter() - start


TABLES = {
    "augmentation": augmentation,
    "input": pipeline_rates,
    "trunk": trunk_rates,
    "steps": step_rates,
    "recipe": whole_recipe,
}


def main(_):
    unknown = set(ONLY.value) - TABLES.keys()
    if unknown:
        raise errors.UserError(f"--only={unknown.pop()} is no table; they are {', '.join(TABLES)}")
    config = CONFIG.value
    photos = sources.load_photos(config.data)
    parts = splits.split_photos(photos, config.data)
    size, batch_size = config.data.image_size, config.data.batch_size
    batches = pipeline.plain_batches(photos, parts.parts["train"], size, batch_size)
    setting = Setting(config, photos, parts, next(batches.as_numpy_iterator()))
    policy = runtime.resolve_policy(config.runtime.dtype_policy)
    print(f"{os.cpu_count()} cores, {policy}, {size} px, batches of {batch_size}, {len(photos.ids)} photos")
    for name in ONLY.value or TABLES:
        title, rows = TABLES[name](setting)
        print(f"\n{title}")
        for label, value in rows:
            print(f"  {label:<62}{value:10.1f}{value / rows[-1][1]:9.2f} x", flush=True)


if __name__ == "__main__":
    errors.run_door(lambda: app.run(main))
