"""How fast each part of the recipe is, beside the plain way to do it."""

import functools
import tempfile

import keras
import keras_cv
import tensorflow as tf

from flowers_keras import recipe
from flowers_keras.augment import trivial_augment
from flowers_keras.benchmark.setting import Table, rate
from flowers_keras.model import classifier
from flowers_keras.training import feeds, phases, run_folder


def augmentation(setting):
    """One random operation a photo: ours, keras-cv's and Keras' own, as tf.data maps."""
    pixels = tf.data.Dataset.from_tensor_slices(setting.batch).repeat()
    batches = pixels.batch(len(setting.batch)).map(lambda each: tf.cast(each, tf.float32))

    def trivial(index, photo):
        return trivial_augment.trivial_augment_wide(photo, trivial_augment.photo_seed(0, 0, index))

    ways = {
        "trivial_augment_wide": pixels.enumerate().map(trivial, tf.data.AUTOTUNE).batch(len(setting.batch)),
        "keras_cv.layers.RandAugment(augmentations_per_image=1)": batches.map(
            keras_cv.layers.RandAugment((0, 255), augmentations_per_image=1), tf.data.AUTOTUNE
        ),
        "keras.layers.RandAugment(num_ops=1)": batches.map(
            keras.layers.RandAugment((0, 255), num_ops=1), tf.data.AUTOTUNE
        ),
    }
    rows = [
        (name, rate(functools.partial(next, iter(way)), len(setting.batch))) for name, way in ways.items()
    ]
    return Table("augmentation", ("photos/s",), rows)


def pipeline_rates(setting):
    """From encoded photos to augmented batches, beside what the trunk consumes."""
    (folded, plain), count = setting.trunks(), len(setting.batch)
    rows = [
        ("read, decode, crop, resize, augment", rate(functools.partial(next, setting.views()), count)),
        ("the trunk takes", rate(lambda: folded.predict_on_batch(setting.batch), count)),
        (
            "it would take with BatchNorm apart",
            rate(lambda: plain.predict_on_batch(setting.batch), count),
        ),
    ]
    return Table("input pipeline", ("photos/s",), rows)


def trunk_rates(setting):
    """The pass over the photos, beside bare compiled forward passes on one batch in memory."""
    (folded, plain), count, views = setting.trunks(), len(setting.batch), setting.views()
    photos = tf.constant(setting.batch, tf.float32)

    def bare(trunk):
        forward = tf.function(lambda photos: trunk(photos, training=False), jit_compile=False)
        return rate(lambda: forward(photos)[1].numpy(), count)

    rows = [
        ("on photos from the pipeline", rate(lambda: folded.predict_on_batch(next(views)), count)),
        ("bare forward pass on a tensor in memory", bare(folded)),
        ("bare forward pass with BatchNorm apart", bare(plain)),
    ]
    return Table("frozen trunk", ("photos/s",), rows)


def step_rates(setting):
    """Steps of both phases on stored views, and that of phase 2 on one tensor in memory."""
    config = setting.config.copy_and_resolve_references()
    config.features.views = 1
    with tempfile.TemporaryDirectory() as folder, run_folder.open_run(f"{folder}/run", {}) as run:
        model = recipe.build(setting.photos, setting.split, config)
        head, tail = feeds.make_feeds(model, setting.photos, setting.split, config, run)
        classifier.unfreeze_from(model, config.model.unfreeze_from, config.model.train_batch_norm)
        phases.compile_network(tail.network, config.finetune)
        stored = iter(tail.training(range(10_000)))
        values, labels = next(stored)
        rows = [
            (
                "phase 2, stored views",
                rate(lambda: tail.network.train_on_batch(*next(stored)), len(setting.batch)),
            ),
            (
                "phase 2, a tensor in memory",
                rate(lambda: tail.network.train_on_batch(values, labels), len(values)),
            ),
        ]
        classifier.freeze(model)
        phases.compile_network(head.network, config.frozen)
        steps = iter(head.training(range(10_000)))
        speed = rate(lambda: head.network.train_on_batch(*next(steps)), len(setting.batch))
    epochs = [("phase 1, stored features", speed), *rows]
    rows = [(label, each, len(setting.train) / each) for label, each in epochs]
    return Table("training", ("photos/s", "s an epoch"), rows)
