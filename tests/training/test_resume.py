"""Killed at any moment and started again, a run ends as one that was never stopped, bit for bit."""

import csv
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from flowers_keras.model import archive
from tests.conftest import own_lines

ROOT = pathlib.Path(__file__).parents[2]
SMALL = [
    "--config=configs/quickstart.py",
    "--config.data.synthetic_photos=60",
    "--config.data.image_size=75",
    "--config.data.batch_size=16",
    "--config.data.validation_fraction=0.2",
    "--config.data.test_fraction=0.2",
    "--config.model.hidden_units=32",
    "--config.frozen.epochs=3",
    "--config.finetune.epochs=3",
    "--config.features.views=2",
    "--config.evaluation.shift_photos=2",
    "--config.runtime.dtype_policy=float32",
    "--config.runtime.deterministic=true",
]
# One of each stage, in the order of a run: its 36 training photos are 3 batches, its 12 validation photos 1.
MOMENTS = [
    "after splits.json:1",
    "trunk:3",  # in the first view, a segment of which is begun
    "frozen:5",  # in the second epoch
    "before finetune.npz:1",  # the boundary is behind it, and an epoch of phase 2 that is lost
    "finetune:5",
    "novelty:1",  # the temperature is known
    "before model.keras:1",
    "test:1",
    "classifier:3",  # shift, after the mirrored test photos
    "before report.html:1",
]


def command(folder, *moment):
    # A cache of its own: the runs must not share what they store.
    return [
        sys.executable,
        "-m",
        "tests.training.light",
        *moment,
        *SMALL,
        f"--workdir={folder}",
        f"--config.features.cache_dir={folder}-views",
    ]


def train(folder, *moment):
    return subprocess.run(command(folder, *moment), cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    done = train(folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.long(minutes=2)
def test_a_run_that_is_killed_ends_as_one_that_is_not(unbroken, tmp_path):
    folder = tmp_path / "run"
    for moment in MOMENTS:
        killed = train(folder, moment)
        assert killed.returncode == -signal.SIGKILL, f"{moment}: {killed.stdout}{killed.stderr}"
    done = train(folder)
    assert done.returncode == 0, done.stderr
    equal_runs(folder, unbroken)


def equal_runs(folder, other):
    """The same files, and in them the same weights, history, figures and predictions."""
    assert {path.name for path in folder.iterdir()} == {path.name for path in other.iterdir()}
    for name in ("splits.json", "labels.json", "predictions.csv"):
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name
    (one, card), (two, other_card) = archive.load(folder), archive.load(other)
    assert all(np.array_equal(*pair) for pair in zip(one.get_weights(), two.get_weights(), strict=True))
    assert card["class_names"] == other_card["class_names"]
    assert history(folder) == history(other)
    figures, other_figures = (json.loads((each / "metrics.json").read_text()) for each in (folder, other))
    for each, where in ((figures, folder), (other_figures, other)):
        seconds_add_up(each.pop("seconds"), where)
    assert figures == other_figures


def seconds_add_up(seconds, folder):
    """Over all attempts: a phase took at least what its epochs took, whichever process computed them."""
    total = seconds.pop("total")
    assert total == pytest.approx(sum(seconds.values()))
    assert {"photos", "features", "frozen", "finetune", "evaluate", "shift"} <= seconds.keys()
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for phase in ("frozen", "finetune"):
        epochs = [float(row["seconds"]) for row in rows if row["phase"] == phase]
        assert len(epochs) == 3 and seconds[phase] >= sum(epochs) > 0


def history(folder):
    with open(folder / "history.csv", newline="") as file:
        return [
            {name: cell for name, cell in row.items() if name != "seconds"} for row in csv.DictReader(file)
        ]


@pytest.mark.long
@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_the_run_within_ten_seconds_and_says_how_to_go_on(tmp_path, number, status):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        [*command(folder), "--config.frozen.epochs=10000", "--verbose"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "Epoch 3/" in line:
            break
    start = time.monotonic()
    os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert process.returncode == status
    (line,) = own_lines(errors)
    assert f"--workdir={folder}" in line
    assert len(history(folder)) >= 2 and not (folder / ".lock").exists()
