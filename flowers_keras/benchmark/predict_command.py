"""The command `predict` on a folder of photos, compared with a bare forward pass of its model."""

import itertools
import pathlib
import subprocess
import sys
import tempfile
import time

import tensorflow as tf

from flowers_keras.benchmark.runtimes import write_photos
from flowers_keras.benchmark.table import Table, rate
from flowers_keras.errors import UserError
from flowers_keras.model import inference
from flowers_keras.photos import pipeline


def time_predict(experiment, model_path):
    """Photos per second from files to probabilities, and the time of the whole command for one photo.

    Args:
      experiment: Experiment.
      model_path: `runs/x/model.keras`; its accuracy does not matter.

    Raises:
      UserError: the model cannot be loaded.
    """
    classifier = inference.load_classifier(model_path)
    size = classifier.batch_size
    batches = pipeline.plain_batches(experiment.photos, experiment.train[:size], classifier.image_size, size)
    photos = tf.constant(next(batches.as_numpy_iterator()), tf.float32)
    forward = tf.function(lambda photos: classifier.model(photos, training=False), jit_compile=False)
    with tempfile.TemporaryDirectory() as folder:
        folder = write_photos(experiment.photos, experiment.train, pathlib.Path(folder) / "photos")
        paths = sorted(folder.iterdir())
        answers = classifier.answer(itertools.cycle(paths))
        served = rate(lambda: list(itertools.islice(answers, size)), size)
        answers.close()
        seconds = time_one(model_path, paths[0])
    rows = [
        ("predict, photos in files", served, seconds),
        ("bare forward pass on a tensor in memory", rate(lambda: forward(photos).numpy(), len(photos)), None),
    ]
    return Table("predict", ("photos/s", "one photo, s"), rows)


def time_one(model_path, photo):
    """Seconds of `python -m flowers_keras.predict` on one photo, from the command to its answer."""
    command = [sys.executable, "-m", "flowers_keras.predict", f"--model={model_path}", str(photo)]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"predict failed: {done.stderr}")
    return time.perf_counter() - start
