"""How the time, memory and disk of each stage grow with the number of photos."""

import contextlib
import pathlib
import tempfile
import time

import numpy as np

from flowers_keras import recipe
from flowers_keras.benchmark.scaling import peak_memory
from flowers_keras.benchmark.table import Table
from flowers_keras.config import SMALLEST_IMAGE
from flowers_keras.evaluation import predicting, prediction_table
from flowers_keras.photos import draw, identity, sources, split_file, splits, twins
from flowers_keras.training import feeds, phases, run_folder

CLEAR = pathlib.Path("/proc/self/clear_refs")  # Linux: writing "5" resets the peak memory


def measure_growth(experiment, counts):
    """Each stage of a run on drawn photos of 75 pixels, with one view, for each number of photos.

    Args:
      experiment: Experiment; its config, except the photos, their size and the views.
      counts: numbers of photos, two at least, ascending.

    Returns:
      Table: seconds for each number of photos; for the largest number, the megabytes of memory that the
      stage added and of disk that it wrote; and for each the order of growth, the x in n^x.
    """
    stages = {}
    for count in counts:
        for name, figures in _measure_stages(experiment.config, count):
            stages.setdefault(name, []).append(figures)
    rows = []
    for name, figures in stages.items():
        seconds, memory, disk = np.transpose(figures)
        orders = [order_of_growth(counts, each) for each in (seconds, memory / 1e6, disk / 1e6)]
        last = memory[-1] / 1e6, orders[1], disk[-1] / 1e6, orders[2]
        rows.append((name, *seconds.tolist(), orders[0], *last))
    columns = [f"{count:,}: s" for count in counts]
    return Table("growth", (*columns, "order", "memory, MB", "order", "disk, MB", "order"), rows, ratio=False)


def order_of_growth(counts, values):
    """The x for which n^x fits best; None if the values are too small to fit.

    Example:
      >>> round(order_of_growth([10, 100, 1000], [3, 300, 30_000]), 6)
      2.0
    """
    if min(values) < 0.1:  # seconds or megabytes; noise
        return None
    return float(np.polyfit(np.log(counts), np.log(values), 1)[0])


def _measure_stages(config, count):
    """Yields (stage, (seconds, bytes of memory, bytes of disk)) of a run on `count` photos."""
    config = config.copy_and_resolve_references()
    config.data.twin_distance = 0  # drawings of one layout look alike, and none is a copy
    config.data.image_size, config.model.weights = SMALLEST_IMAGE, ""
    config.features.views, config.features.cache_dir = 1, ""
    with (
        tempfile.TemporaryDirectory() as drawn,  # in files, as drawings are kept in memory
        tempfile.TemporaryDirectory() as folder,
        run_folder.open_run(f"{folder}/run", {}) as run,
    ):
        draw.draw(pathlib.Path(drawn), count, 0, SMALLEST_IMAGE)
        config.data.source = f"folder:{drawn}"
        stage = _Stages(pathlib.Path(folder))
        photos = stage("the folder read", lambda: sources.load_photos(config.data))
        cache, path = pathlib.Path(folder, "features"), run.path("splits.json")
        split = stage("fingerprints, twins, split", lambda: splits.split_photos(photos, config.data, cache))
        stage("twins alone, 8 bits, random hashes", lambda: twins.find_twins(random_records(count), 8))
        stage("split again, nothing decoded", lambda: splits.split_photos(photos, config.data, cache))
        stage("splits.json written", lambda: split_file.save(split, photos, path))
        stage("splits.json read and compared", lambda: split_file.load(photos, path))
        model = recipe.build(photos, split, config)
        _, tail = stage("the pass, one view", lambda: feeds.make_feeds(model, photos, split, config, run))
        stage("a start with all stored", lambda: feeds.make_feeds(model, photos, split, config, run))
        stage("an epoch of phase 2", lambda: _train(tail, config))
        test = split.positions["test"]
        found = stage(
            "test photos predicted", lambda: predicting.predict_photos(model, photos, test, config, "")
        )
        written = run.path("predictions.csv")
        stage("predictions.csv written", lambda: prediction_table.save_predictions(found, written))
    yield from stage.figures.items()


def random_records(count):
    """`identity.RECORD` [count] of photos of which no two are alike, made at once."""
    random, records = np.random.default_rng(0), np.zeros(count, identity.RECORD)
    records["digest"] = np.frombuffer(random.bytes(32 * count), "S32")
    for name in ("phash", "mirrored"):
        records[name] = random.integers(1, 2**64, count, np.uint64)
    records["colours"] = random.integers(0, 256, (count, 48))
    return records


def _train(feed, config):
    phases.compile_network(feed.network, config.finetune, feed.steps)
    examples = feed.training_examples(range(1), 0.0)
    feed.network.fit(examples, steps_per_epoch=feed.steps, epochs=1, verbose=0, shuffle=False)


class _Stages:
    """Measures stages that write their files into `folder`."""

    def __init__(self, folder):
        self.folder, self.figures = folder, {}

    def __call__(self, name, function):
        with contextlib.suppress(OSError):  # elsewhere the peak is that of all stages so far
            CLEAR.write_text("5")
        disk, memory, start = self._disk(), peak_memory(), time.perf_counter()
        result = function()
        seconds = time.perf_counter() - start
        self.figures[name] = seconds, peak_memory() - memory, self._disk() - disk
        return result

    def _disk(self):
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())
