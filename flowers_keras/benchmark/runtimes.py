"""A trained model in each export format: photos per second, file size, start-up time, accuracy."""

import functools
import pathlib
import tempfile
import time

import numpy as np

from flowers_keras import user_paths
from flowers_keras.benchmark.table import Table, rate
from flowers_keras.errors import UserError
from flowers_keras.model import inference
from flowers_keras.photos import decoding, split_file
from flowers_keras.serving import exported, exporting

CALIBRATION = 200  # training photos, half of them to compare on

EXPORTS = (  # label, export's --format, whether in int8
    ("LiteRT, int8", "litert", True),
    ("LiteRT", "litert", False),
    ("ONNX Runtime", "onnx", False),
    ("SavedModel", "saved_model", False),
)


def measure_runtimes(experiment, model_path):
    """Measures each runtime on one photo at a time, from its pixels; accuracy on all test photos.

    Args:
      experiment: Experiment.
      model_path: `runs/x/model.keras` of a run on the same photos; its `splits.json` says which of
        them are test photos.

    Raises:
      UserError: the model's run cannot be read, or is of other photos.
    """
    folder = user_paths.model_file(model_path).parent
    positions = split_file.load(experiment.photos, folder / "splits.json").positions
    test = (
        [decoding.read_pixels(experiment.photos.read(int(i))) for i in positions["test"]],
        experiment.photos.labels[positions["test"]],
    )
    rows = []
    with tempfile.TemporaryDirectory() as exports:
        exports = pathlib.Path(exports)
        photos = write_photos(experiment.photos, positions["train"], exports / "photos")
        for label, name, int8 in EXPORTS:
            path = exports / label
            try:
                exporting.export(folder, name, path, photos, int8)
            except UserError as error:
                print(f"{label} is left out: {error}")
                continue
            load = functools.partial(open_export, name, path)
            rows.append((label, *measure(load, *test), exporting.size_of(path) / 1e6))
    rows.append(
        (
            "model.keras, one photo at a time",
            *measure(lambda: one_by_one(inference.load_classifier(folder)), *test),
            exporting.size_of(folder / "model.keras") / 1e6,
        )
    )
    return Table("runtime", ("photos/s", "start-up s", "test accuracy", "MB"), rows)


def write_photos(photos, positions, folder):
    """`CALIBRATION` of the photos as files; returns the folder."""
    folder.mkdir()
    for i in np.random.default_rng(0).permutation(positions)[:CALIBRATION]:
        (folder / f"{i}.jpg").write_bytes(photos.read(int(i)))
    return folder


def open_export(name, path):
    """uint8 [height, width, 3] -> float32 [classes]."""
    return exported.read(name, path)[0]


def one_by_one(model):
    """uint8 [height, width, 3] -> float64 [classes]."""
    return lambda photo: model.predict([photo])[0]


def measure(load, pixels, labels):
    """(photos a second, seconds from the file to the first answer, accuracy)."""
    start = time.perf_counter()
    serve = load()
    serve(pixels[0])
    seconds = time.perf_counter() - start
    accuracy = float(
        np.mean([serve(photo).argmax() == label for photo, label in zip(pixels, labels, strict=True)])
    )
    some = iter(pixels * 1000)
    return rate(lambda: serve(next(some)), 1), seconds, accuracy
