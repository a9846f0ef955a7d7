"""A run's folder: one process at a time, one config, whole files, and one line where it cannot be."""

import pathlib
import re
import resource
import signal
import subprocess
import sys

import pytest

from flowers_keras import files
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


def test_another_config_is_refused_and_named(tmp_path):
    with run_folder.open_run(tmp_path, {"seed": 0, "model": {"l2": 0.1}}) as run:
        run.begin()
    with (
        pytest.raises(UserError, match="model.l2 was 0.1 and is 0.2 now"),
        run_folder.open_run(tmp_path, {"seed": 0, "model": {"l2": 0.2}}),
    ):
        pass


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


@pytest.mark.parametrize(
    "size, message",
    [
        pytest.param(2_000, "cannot write .*splits.json", marks=pytest.mark.long),
        (30_000, "features.cache_dir=.* cannot be written"),
    ],
)
def test_a_disk_that_fills_up_for_real_is_one_line_and_leaves_nothing_half(tmp_path, size, message):
    done = train(tmp_path / "run", preexec_fn=limited(size))
    assert done.returncode == 2 and len(own_lines(done.stderr)) == 1, done.stderr
    assert "File too large" in done.stderr and re.search(message, done.stderr)
    assert not [path for path in tmp_path.rglob("*") if files.TEMPORARY in path.name]


def test_a_cache_folder_that_cannot_be_made_is_one_line(tmp_path):
    done = train(tmp_path / "run", "--config.features.cache_dir=/proc/features")
    assert done.returncode == 2 and len(own_lines(done.stderr)) == 1, done.stderr
    assert "features.cache_dir=/proc/features cannot be written" in done.stderr
