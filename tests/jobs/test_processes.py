"""Several processes end as one does, whichever of them is killed meanwhile."""

import contextlib
import csv
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

from flowers_keras import distributed
from flowers_keras.errors import UserError
from flowers_keras.jobs import processes
from tests.conftest import own_lines
from tests.training.test_resume import SMALL

ROOT = pathlib.Path(__file__).parents[2]
# 36 training photos are 5 batches, 13 test photos 2: process 1 has the last one.
TINY = [
    *SMALL,
    "--config.data.batch_size=8",
    "--config.frozen.epochs=2",
    "--config.finetune.epochs=2",
    "--config.evaluation.shift_photos=12",
]
MIXUP = ["--config.frozen.mixup=0.2", "--config.finetune.mixup=0.2"]
FOLDS = ["flowers_keras.cross_validate", "--folds=2"]
MINUTE = 60  # seconds

# Sums are taken in another order; float32 has 7 digits.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def start(workdir, words, number=0, count=1, port=0, moment=()):
    """Starts one of the processes of a run on the light backbone, with JAX on one processor device."""
    command = [sys.executable, "-m", "tests.training.light", *moment, *words, *TINY, f"--workdir={workdir}"]
    command.append(f"--config.features.cache_dir={workdir}-views")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    if count > 1:
        command.append("--config.runtime.distributed=true")
        environment |= {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}"}
        environment |= {"JAX_NUM_PROCESSES": str(count), "JAX_PROCESS_ID": str(number)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def run_alone(workdir, words):
    """The run of one process, which all others are compared with."""
    one = start(workdir, words)
    assert one.wait() == 0, one.stderr.read()


def start_two(workdir, words, moments=((), ())):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [start(workdir, words, number, 2, port, moment) for number, moment in enumerate(moments)]


def end_two(pair, says):
    """Waits until both have ended well, of which the first alone printed something."""
    first, second = pair
    printed, errors = first.communicate()
    assert first.returncode == 0 and says in printed, errors
    assert second.communicate()[0] == "" and second.returncode == 0


def read_floats(path):
    """Every number of a table, float [rows, columns], but for the seconds."""
    with open(path, newline="") as file:
        rows = [row | {"seconds": ""} for row in csv.DictReader(file)]
    return np.array([[float(cell) for cell in row.values() if is_number(cell)] for row in rows])


def is_number(text):
    with contextlib.suppress(ValueError):
        return np.isfinite(float(text))
    return False


def leaves(value, place=""):
    """{place: value} of everything in a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {} if isinstance(value, dict | list) else {place: value}
    for name, each in inside:
        found |= leaves(each, f"{place}/{name}")
    return found


def assert_alike(one, other):
    """Two JSON files hold the same, but for the seconds and within rounding."""
    one, other = (json.loads(path.read_text()) for path in (one, other))
    assert one.pop("seconds").keys() == other.pop("seconds").keys()
    one, other = leaves(one), leaves(other)
    assert one.keys() == other.keys()
    for place, value in one.items():
        expected = pytest.approx(value, rel=1e-4, abs=1e-5) if isinstance(value, float) else value
        assert other[place] == expected, place


@pytest.mark.long(minutes=4)
def test_two_processes_of_which_each_is_killed_end_as_one(tmp_path):
    """With mixup, whose partners come from rows of the other process; the second test is without."""
    pytest.importorskip("jax", reason="jax is not installed")
    alone, together = tmp_path / "alone", tmp_path / "together"
    run_alone(alone, MIXUP)

    # In its share of the pass, the second epoch of each phase, its test photos, and while it works alone.
    moments = ("trunk:2", "frozen:7", "finetune:7", "test:1", "before report.html:1")
    for killed, moment in zip((1, 0, 1, 1, 0), moments, strict=True):
        dying = [(moment,) if number == killed else () for number in (0, 1)]
        pair = start_two(together, MIXUP, dying)
        assert pair[killed].wait() == -signal.SIGKILL, pair[killed].stderr.read()
        since = time.monotonic()
        left = pair[1 - killed]
        assert left.wait() == 1 and time.monotonic() - since < MINUTE
        errors = own_lines(left.stderr.read())
        assert len(errors) == 1 and "type the same command again in all of them" in errors[0]
    assert (together / "metrics.json").exists() and not (together / "report.html").exists()

    for _ in range(2):  # the second time it is finished
        end_two(start_two(together, MIXUP), "test accuracy")
    for name in ("history.csv", "predictions.csv"):
        np.testing.assert_allclose(read_floats(together / name), read_floats(alone / name), **TOLERANCE)
    assert_alike(together / "metrics.json", alone / "metrics.json")
    assert json.loads((alone / "metrics.json").read_text())["shift"]["photos"] == 12
    assert (together / "splits.json").read_bytes() == (alone / "splits.json").read_bytes()
    assert {each.name for each in together.iterdir()} == {each.name for each in alone.iterdir()}


@pytest.mark.long(minutes=1)
def test_two_processes_cross_validate_as_one(tmp_path):
    pytest.importorskip("jax", reason="jax is not installed")
    alone, together = tmp_path / "alone", tmp_path / "together"
    run_alone(alone, FOLDS)
    end_two(start_two(together, FOLDS), "2 folds, 47 photos")
    for name in ("fold-1/history.csv", "fold-2/history.csv", "predictions.csv"):
        np.testing.assert_allclose(read_floats(together / name), read_floats(alone / name), **TOLERANCE)
    assert_alike(together / "folds.json", alone / "folds.json")


@pytest.fixture
def connected(config, monkeypatch):
    """Calls `run_in_all` as one of two processes; the job gets a list of what was waited for."""
    config.runtime.distributed, config.run.tracker = True, "wandb"
    monkeypatch.setattr(processes.tracking, "require_tracker", lambda _: None)
    waited = []
    monkeypatch.setattr(distributed, "barrier", waited.append)

    def run(number, job, workdir):
        monkeypatch.setattr(distributed, "connect", lambda: contextlib.nullcontext((number, 2)))
        waited.clear()
        return processes.run_in_all(job, config, workdir, waited)

    return run


def test_the_others_work_in_a_copy_that_is_made_before_anybody_begins(connected, config, tmp_path):
    workdir, places = tmp_path / "run", []

    def job(config, folder, waited):
        assert waited == ["copied"]
        places.append(folder)
        copied = {
            path.relative_to(folder).as_posix() for path in pathlib.Path(folder).rglob("*") if path.is_file()
        }
        (pathlib.Path(folder) / "metrics.json").write_text("of this process")
        return copied, config.features.cache_dir, config.run.tracker

    state = {"splits.json", "model.keras", "checkpoints/frozen.npz", "fold-1/predictions.csv"}
    left = {"checkpoints/frozen.part01.npz", ".lock", "tensorboard/x", "features/k/v/pooled.npy"}
    for name in state | left:
        (workdir / name).parent.mkdir(parents=True, exist_ok=True)
        (workdir / name).write_text(name)
    before = sorted(workdir.rglob("*"))
    found = connected(1, job, workdir)
    assert found == (state, str(tmp_path / "features"), "none")
    assert sorted(workdir.rglob("*")) == before and not places[0].exists()
    assert (config.features.cache_dir, config.run.tracker) == ("", "wandb")  # its own copy was changed

    found = connected(0, job, workdir)
    assert places[1] == workdir and (workdir / "metrics.json").exists()
    assert found[1:] == ("", "wandb")


def test_a_wrong_value_is_refused_before_the_others_are_waited_for(config, tmp_path, monkeypatch):
    config.runtime.distributed, config.features.views = True, -1
    monkeypatch.setattr(distributed, "connect", lambda: pytest.fail("it waits"))

    def job(*_):
        pytest.fail("it begins")

    with pytest.raises(UserError, match="features.views=-1 is not allowed"):
        processes.run_in_all(job, config, tmp_path / "run")
    config.features.views, config.run.tracker = 1, "wandb"
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="wandb"):
        processes.run_in_all(job, config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
