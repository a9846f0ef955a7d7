"""Several processes end as one does, whichever of them is killed meanwhile."""

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

from flowers_keras import connection
from flowers_keras.errors import UserError
from flowers_keras.jobs import features_job, processes
from flowers_keras.training import phases, run_folder
from tests.conftest import own_lines
from tests.training.test_resume import SMALL

ROOT = pathlib.Path(__file__).parents[2]
TINY = [
    *SMALL,
    "--config.frozen.epochs=2",
    "--config.finetune.epochs=2",
    "--config.evaluation.shift_photos=0",
]
MINUTE = 60  # seconds

# Sums are taken in another order; float32 has 7 digits.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


def start(workdir, number=0, count=1, port=0, moment=()):
    """Starts one of the processes of a run on the light backbone, with JAX on one processor device."""
    command = [sys.executable, "-m", "tests.training.light", *moment, *TINY, f"--workdir={workdir}"]
    command.append(f"--config.features.cache_dir={workdir}-views")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    if count > 1:
        command.append("--config.runtime.distributed=true")
        environment |= {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}"}
        environment |= {"JAX_NUM_PROCESSES": str(count), "JAX_PROCESS_ID": str(number)}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_two(workdir, moments=((), ())):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return [start(workdir, number, 2, port, moment) for number, moment in enumerate(moments)]


def losses(workdir):
    with open(workdir / "history.csv", newline="") as file:
        return [[float(row["loss"]), float(row["val_loss"])] for row in csv.DictReader(file)]


def probabilities(workdir):
    with open(workdir / "predictions.csv", newline="") as file:
        return np.array(
            [
                [float(value) for name, value in row.items() if name.startswith("probability")]
                for row in csv.DictReader(file)
            ]
        )


@pytest.mark.long
def test_two_processes_of_which_each_is_killed_once_end_as_one(tmp_path):
    pytest.importorskip("jax", reason="jax is not installed")
    alone, together = tmp_path / "alone", tmp_path / "together"
    one = start(alone)
    assert one.wait() == 0, one.stderr.read()

    for killed, moment in ((1, "frozen:4"), (0, "finetune:4")):  # in the second epoch of each phase
        moments = [(moment,) if number == killed else () for number in (0, 1)]
        pair = start_two(together, moments)
        assert pair[killed].wait() == -signal.SIGKILL, pair[killed].stderr.read()
        since = time.monotonic()
        left = pair[1 - killed]
        assert left.wait() == 1 and time.monotonic() - since < MINUTE
        errors = own_lines(left.stderr.read())
        assert len(errors) == 1 and "type the same command again in all of them" in errors[0]

    first, second = start_two(together)
    printed, _ = first.communicate()
    assert first.returncode == 0 and "test accuracy" in printed
    assert second.communicate()[0] == "" and second.returncode == 0

    np.testing.assert_allclose(losses(together), losses(alone), **TOLERANCE)
    np.testing.assert_allclose(probabilities(together), probabilities(alone), **TOLERANCE)
    assert (probabilities(together).argmax(1) == probabilities(alone).argmax(1)).all()
    assert (together / "splits.json").read_bytes() == (alone / "splits.json").read_bytes()
    assert {each.name for each in together.iterdir()} == {each.name for each in alone.iterdir()}


def test_a_process_that_follows_trains_and_leaves_the_run_as_it_was(
    config, small_backbone, tmp_path, monkeypatch
):
    config.augment.policy, config.frozen.epochs, config.finetune.epochs = "none", 1, 1
    workdir = tmp_path / "run"
    features_job.compute_share(config, workdir)
    trained, original = [], phases.train_phase

    def train_phase(name, *arguments):
        trained.append(name)
        return original(name, *arguments)

    monkeypatch.setattr(phases, "train_phase", train_phase)
    monkeypatch.setattr(
        "flowers_keras.training.features.Pass.values", lambda *_: pytest.fail("something is missing")
    )
    before = {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    processes.follow(config, workdir)
    assert trained == ["frozen", "finetune"]
    assert before == {path: path.read_bytes() for path in workdir.rglob("*") if path.is_file()}
    assert not config.features.cache_dir  # its own copy was changed


def test_a_process_that_follows_goes_on_from_the_checkpoints_of_the_run(tmp_path):
    run = run_folder.Run(tmp_path / "run", {})
    run.path("checkpoints").mkdir(parents=True)
    for name in ("splits.json", "checkpoints/frozen.npz", "checkpoints/frozen.part01.npz", "model.keras"):
        run.path(name).write_text(json.dumps(name))
    copy = tmp_path / "copy"
    copy.mkdir()
    processes._copy_state(run.folder, copy)
    found = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert found == {"splits.json", "checkpoints/frozen.npz"}


def test_a_wrong_value_is_refused_before_the_others_are_waited_for(config, tmp_path, monkeypatch):
    config.runtime.distributed, config.features.views = True, -1
    monkeypatch.setattr(connection, "connect", lambda: pytest.fail("it waits"))
    with pytest.raises(UserError, match="features.views=-1 is not allowed"):
        processes.train_and_evaluate(config, tmp_path / "run")
    config.features.views, config.run.tracker = 1, "wandb"
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UserError, match="wandb"):
        processes.train_and_evaluate(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
