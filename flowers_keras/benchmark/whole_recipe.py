"""The time of the whole recipe, compared with fresh views and with plain Keras as in a tutorial."""

import functools
import math
import operator
import tempfile
import time

import keras
import tensorflow as tf

from flowers_keras import recipe, runtime
from flowers_keras.benchmark.table import Table
from flowers_keras.model import classifier
from flowers_keras.photos import pipeline
from flowers_keras.training import feeds, phases, run_folder


def time_recipe(experiment):
    """From raw photos to the saved model: ours, ours without stored views, and plain Keras.

    Ours is run whole, from an empty cache. The others are timed over one whole epoch of each phase,
    which is multiplied by the epochs of the phase.
    """
    config = experiment.config
    epochs = config.frozen.epochs, config.finetune.epochs
    rows = [(f"ours, features.views={config.features.views}", time_ours(config))]
    for label, time_epochs in (
        ("ours, features.views=0 (one epoch of each phase, multiplied)", time_fresh),
        ("plain Keras, float32 (one epoch of each phase, multiplied)", time_plain),
    ):
        rows.append((label, sum(map(operator.mul, time_epochs(experiment), epochs))))
    return Table("whole recipe", ("s",), rows)


def time_ours(config):
    """Seconds from raw photos to `model.keras`, with an empty cache."""
    with (
        tempfile.TemporaryDirectory() as folder,
        run_folder.open_run(f"{folder}/run", config.to_dict()) as run,
    ):
        start = time.perf_counter()
        runtime.prepare_keras(config.seed, config.runtime.deterministic)
        recipe.train(*recipe.load_photos(config, run), config, run)
        return time.perf_counter() - start


def time_fresh(experiment):
    """Seconds of one epoch of each phase with `features.views = 0`, everything else ours."""
    config = experiment.config.copy_and_resolve_references()
    config.features.views = 0
    model = recipe.build(experiment.photos, experiment.split, config)
    for unfreeze in (
        classifier.freeze,
        functools.partial(classifier.unfreeze_from, boundary=config.model.unfreeze_from),
    ):
        unfreeze(model)
        feed, _ = feeds.make_feeds(model, experiment.photos, experiment.split, config, None)
        phases.compile_network(model, config.finetune, feed.steps)
        training = feed.training_examples(range(2), config.finetune.mixup)
        yield fit_seconds(model, training, feed.validation_examples(), experiment)


def time_plain(experiment):
    """Seconds of one epoch of each phase as a tutorial writes it: whole model, `keras.layers`, float32."""
    config, size = experiment.config, experiment.config.data.image_size
    model = classifier.build_classifier(config, len(experiment.photos.class_names))
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
        positions = experiment.split.positions[part]
        plain = pipeline.plain_batches(experiment.photos, positions, size, config.data.batch_size)
        labels = pipeline.label_batches(experiment.photos.labels[positions], config.data.batch_size)
        return pipeline.one_hot(pipeline.pair(plain, labels), len(experiment.photos.class_names))

    training = batches("train").map(augmented, tf.data.AUTOTUNE).prefetch(2).repeat()
    for unfreeze in (
        classifier.freeze,
        functools.partial(classifier.unfreeze_from, boundary=config.model.unfreeze_from),
    ):
        unfreeze(model)
        steps = math.ceil(len(experiment.train) / config.data.batch_size)
        phases.compile_network(model, config.finetune, steps)
        yield fit_seconds(model, training, batches("validation"), experiment)


def fit_seconds(model, training, validation, experiment):
    """Seconds of one epoch of `fit` with its validation, after two steps that compile."""
    steps = -(-len(experiment.train) // experiment.config.data.batch_size)
    model.fit(training, steps_per_epoch=2, validation_data=validation.take(1), verbose=0, shuffle=False)
    start = time.perf_counter()
    model.fit(training, steps_per_epoch=steps, validation_data=validation, verbose=0, shuffle=False)
    return time.perf_counter() - start
