"""A run's folder: one process at a time, one config, whole files, and one line where it cannot be."""

import contextlib
import pathlib
import re
import resource
import signal
import subprocess
import sys
import types

import keras
import pytest

from flowers_keras import files, recipe
from flowers_keras.config import WITHOUT_EFFECT, flatten
from flowers_keras.errors import UserError
from flowers_keras.training import run_folder
from tests.conftest import own_lines
from tests.training.test_resume import SMALL

ROOT = pathlib.Path(__file__).parents[2]


def test_a_second_process_is_refused_and_a_dead_ones_lock_is_not_in_the_way(tmp_path):
    with (
        run_folder.open_run(tmp_path / "run", {}),
        pytest.raises(UserError, match="another process is working in"),
        run_folder.open_run(tmp_path / "run", {}),
    ):
        pass
    (tmp_path / "run").mkdir(exist_ok=True)
    (tmp_path / "run" / run_folder.LOCK).touch()  # what a killed process leaves
    with run_folder.open_run(tmp_path / "run", {}):
        pass


def settings(l2=0.1, data_dir="", cache_dir="", dtype_policy="float32"):
    """A run's config with a field that shapes results and those that do not."""
    return {
        "model": {"l2": l2},
        "data": {"data_dir": data_dir, "corrections": data_dir},
        "features": {"cache_dir": cache_dir},
        "runtime": {"dtype_policy": dtype_policy, "distributed": bool(data_dir)},
        "run": {"tracker": data_dir or "none"},
    }


def test_a_config_of_other_results_is_refused_and_named(tmp_path):
    with run_folder.open_run(tmp_path, settings()) as run:
        run.begin()
    with (
        pytest.raises(UserError, match="model.l2 was 0.1 and is 0.2 now.*use a new --workdir$") as refused,
        run_folder.open_run(tmp_path, settings(l2=0.2)),
    ):
        pass
    assert "remove" not in str(refused.value)  # the folder may hold more than the run


def test_a_config_that_differs_in_where_files_lie_goes_on(tmp_path):
    with run_folder.open_run(tmp_path, settings()) as run:
        run.begin()
    assert flatten(settings()).keys() >= WITHOUT_EFFECT
    with run_folder.open_run(tmp_path, settings(data_dir="elsewhere", cache_dir="elsewhere")) as run:
        run.begin()
    assert files.read_json(tmp_path / "config.json")["data"]["data_dir"] == "elsewhere"


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still but for what a test adds to `clock.time`."""
    clock = types.SimpleNamespace(time=100.0)
    monkeypatch.setattr(run_folder.time, "monotonic", lambda: clock.time)
    return clock


def test_seconds_add_up_over_attempts_also_of_a_stage_that_was_cut_off(tmp_path, clock):
    with run_folder.open_run(tmp_path / "run", settings()) as run:
        with run.stage("photos"):
            clock.time += 1
        run.begin()
        with pytest.raises(KeyboardInterrupt), run.stage("frozen"):
            clock.time += 20
            raise KeyboardInterrupt
    with run_folder.open_run(tmp_path / "run", settings()) as run:
        with run.stage("photos"):
            clock.time += 2
        with run.stage("frozen"):
            clock.time += 300
            run.note_seconds()  # as after each epoch
            clock.time += 4000
            run.subrun("fold-1").note_seconds()
            clock.time += 7
            killed = run_folder.Run(run.folder, settings())  # sees what a process killed now leaves
        clock.time += 50_000  # between stages
        run.note_seconds()
    assert killed.seconds == {"photos": 3, "frozen": 4320}
    assert run.seconds == {"photos": 3, "frozen": 4327}
    assert run_folder.Run(run.folder, settings()).seconds == run.seconds


def test_a_stage_that_fails_before_the_run_begins_leaves_no_folder(tmp_path):
    with (
        pytest.raises(UserError),
        run_folder.open_run(tmp_path / "run", settings()) as run,
        run.stage("photos"),
    ):
        raise UserError("no photos")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("weights, start_from", [("", ""), ("imagenet", ""), ("", "runs/old")])
def test_random_weights_are_not_drawn_again_by_another_backend(tmp_path, weights, start_from):
    """Checkpoints hold what trains: the frozen part under it would be another one."""
    config = settings()
    config["model"] |= {"weights": weights, "start_from": start_from}
    run_folder.Run(tmp_path, config).begin()
    record = files.read_json(tmp_path / "machine.json")
    assert record["machines"][0]["backend"] == keras.backend.backend()
    record["machines"][0]["backend"] = "another"
    files.write_json(tmp_path / "machine.json", record)
    expected = contextlib.nullcontext()
    if not weights and not start_from:
        expected = pytest.raises(
            UserError, match="drawn by Keras's backend another; type KERAS_BACKEND=another"
        )
    for _ in range(2):  # the machine that is refused is no machine of the run
        with expected:
            run_folder.Run(tmp_path, config).begin()


@pytest.mark.parametrize("begun, now", [("mixed_bfloat16", "float32"), ("float32", "mixed_bfloat16")])
def test_a_run_keeps_the_precision_that_auto_chose_when_it_began(tmp_path, monkeypatch, capsys, begun, now):
    config = settings(dtype_policy="auto")
    monkeypatch.setattr(run_folder.runtime, "resolve_policy", lambda _: begun)
    monkeypatch.setattr(run_folder.runtime, "describe_machine", lambda: {"device": "one"})
    run = run_folder.Run(tmp_path, config)
    run.begin()
    assert run.policy == begun and "resuming" not in capsys.readouterr().out
    monkeypatch.setattr(run_folder.runtime, "resolve_policy", lambda _: now)
    monkeypatch.setattr(run_folder.runtime, "describe_machine", lambda: {"device": "two"})
    for _ in range(2):
        run = run_folder.Run(tmp_path, config)
        run.begin()
        assert run.policy == begun
        assert capsys.readouterr().out.startswith(f"resuming in {begun}, as the run began")
    expected = {"dtype_policy": begun, "machines": [{"device": "one"}, {"device": "two"}]}
    assert files.read_json(tmp_path / "machine.json") == run.record_machine() == expected
    monkeypatch.setattr(run_folder.runtime, "can_compute", lambda policy: policy == "float32")
    if begun != "float32":
        with pytest.raises(UserError, match="computes in mixed_bfloat16, which this GPU cannot"):
            run_folder.Run(tmp_path, config).policy  # noqa: B018


def test_a_workdir_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("no folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "run", pathlib.Path("/proc/run")):
        with (
            pytest.raises(UserError, match="--workdir=.* cannot be written"),
            run_folder.open_run(folder, {}),
        ):
            pass


def test_a_file_is_the_old_one_until_it_is_the_new_one(tmp_path):
    path = tmp_path / "metrics.json"
    files.write_json(path, {"a": 1})
    with pytest.raises(RuntimeError), files.whole_file(path) as temporary:
        temporary.write_text("half of")
        raise RuntimeError
    assert files.read_json(path) == {"a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["metrics.json"]


def limited(size):
    """No file of this process may be larger than `size` bytes: the write fails as on a full disk."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def train(folder, *arguments, **options):
    return subprocess.run(
        [sys.executable, "train.py", *SMALL, f"--workdir={folder}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


@pytest.mark.long
@pytest.mark.parametrize(
    "size, message",
    [(2_000, "cannot write .*splits.json"), (30_000, "features.cache_dir=.* cannot be written")],
)
def test_a_disk_that_fills_up_for_real_is_one_line_and_leaves_nothing_half(tmp_path, size, message):
    done = train(tmp_path / "run", preexec_fn=limited(size))
    assert done.returncode == 2 and len(own_lines(done.stderr)) == 1, done.stderr
    assert "File too large" in done.stderr and re.search(message, done.stderr)
    assert not [path for path in tmp_path.rglob("*") if files.TEMPORARY in path.name]


def test_a_finished_run_loses_what_a_kill_left_and_no_file_of_its_owner(tmp_path):
    left, own = files._temporary(tmp_path / "model.keras"), tmp_path / "notes.partial.txt"
    for path in (left, own):
        path.write_text("")
    run_folder.Run(tmp_path, {}).finish()
    assert own.exists() and not left.exists()


def test_a_cache_folder_that_cannot_be_made_is_one_line(config, small_backbone, tmp_path):
    config.features.cache_dir = "/proc/features"
    with pytest.raises(UserError, match="features.cache_dir=/proc/features cannot be written") as refused:
        recipe.train_and_evaluate(config, tmp_path / "run")
    assert "\n" not in str(refused.value)
