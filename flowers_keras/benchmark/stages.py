"""The speed of each stage of the recipe, compared with the plain way to do it."""

import functools
import tempfile

import keras
import keras_cv
import tensorflow as tf

from flowers_keras import recipe
from flowers_keras.augment import training_views, trivial_augment
from flowers_keras.benchmark import floor
from flowers_keras.benchmark.compiled import compile_forward
from flowers_keras.benchmark.table import Table, rate, rates
from flowers_keras.model import classifier
from flowers_keras.training import feeds, phases, run_folder


def time_augmentation(experiment):
    """One random operation a photo: ours, keras-cv's and Keras' own, as tf.data maps."""
    pixels = tf.data.Dataset.from_tensor_slices(experiment.batch).repeat()
    batches = pixels.batch(len(experiment.batch)).map(lambda each: tf.cast(each, tf.float32))

    def trivial(index, photo):
        return trivial_augment.trivial_augment_wide(photo, training_views.photo_seed(0, 0, index))

    ways = {
        "trivial_augment_wide": pixels.enumerate()
        .map(trivial, tf.data.AUTOTUNE)
        .batch(len(experiment.batch)),
        "keras_cv.layers.RandAugment(augmentations_per_image=1)": batches.map(
            keras_cv.layers.RandAugment((0, 255), augmentations_per_image=1), tf.data.AUTOTUNE
        ),
        "keras.layers.RandAugment(num_ops=1)": batches.map(
            keras.layers.RandAugment((0, 255), num_ops=1), tf.data.AUTOTUNE
        ),
    }
    rows = [
        (name, rate(functools.partial(next, iter(way)), len(experiment.batch))) for name, way in ways.items()
    ]
    return Table("augmentation", ("photos/s",), rows)


def time_input(experiment):
    """From encoded photos to augmented batches, compared with the rate at which the trunk takes them."""
    (folded, plain), count = experiment.trunks(), len(experiment.batch)
    rows = [
        ("read, decode, crop, resize, augment", rate(functools.partial(next, experiment.views()), count)),
        ("the trunk takes", rate(lambda: folded.predict_on_batch(experiment.batch), count)),
        (
            "it would take with BatchNorm apart",
            rate(lambda: plain.predict_on_batch(experiment.batch), count),
        ),
    ]
    return Table("input pipeline", ("photos/s",), rows)


def time_trunk(experiment):
    """The pass over the photos, compared with bare compiled forward passes on one batch in memory."""
    (folded, plain), count, views = experiment.trunks(), len(experiment.batch), experiment.views()
    photos = keras.ops.convert_to_tensor(experiment.batch, "float32")

    def bare(trunk):
        forward = compile_forward(trunk)
        return rate(lambda: forward(photos), count)

    rows = [
        ("on photos from the pipeline", rate(lambda: folded.predict_on_batch(next(views)), count)),
        ("bare forward pass on a tensor in memory", bare(folded)),
        ("bare forward pass with BatchNorm apart", bare(plain)),
    ]
    return Table("frozen trunk", ("photos/s",), rows)


def time_training(experiment):
    """Training steps of both phases on stored views, and of phase 2 on one tensor in memory."""
    config = experiment.config.copy_and_resolve_references()
    config.features.views = 1
    with tempfile.TemporaryDirectory() as folder, run_folder.open_run(f"{folder}/run", {}) as run:
        model = recipe.build(experiment.photos, experiment.split, config)
        head, tail = feeds.make_feeds(model, experiment.photos, experiment.split, config, run)
        classifier.unfreeze_from(model, config.model.unfreeze_from, config.model.train_batch_norm)
        phases.compile_network(tail.network, config.finetune, tail.steps)
        stored = tail.training_examples(range(10_000), config.finetune.mixup).as_numpy_iterator()
        values, labels = map(keras.ops.convert_to_tensor, next(stored))
        shapes = floor.products(tail.network, len(values))
        timed = {
            "phase 2, stored views": lambda: tail.network.train_on_batch(*next(stored)),
            "phase 2, a tensor in memory": lambda: tail.network.train_on_batch(values, labels),
            f"its matrix products alone ({floor.giga_operations(shapes):.0f} GFLOP a step)": floor.make_step(
                shapes, tail.network.get_layer("mixed9").compute_dtype
            ),
        }
        rows = list(zip(timed, rates(timed.values(), len(values)), strict=True))
        classifier.freeze(model)
        phases.compile_network(head.network, config.frozen, head.steps)
        steps = head.training_examples(range(10_000), config.frozen.mixup).as_numpy_iterator()
        speed = rate(lambda: head.network.train_on_batch(*next(steps)), len(experiment.batch))
    epochs = [("phase 1, stored features", speed), *rows]
    rows = [(label, each, len(experiment.train) / each) for label, each in epochs]
    return Table("training", ("photos/s", "s an epoch"), rows)
