"""What an import costs: the package nothing, a command that is typed wrongly not Keras."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SLOW = {"tensorflow", "keras", "jax"}


def imported(*arguments):
    """(what was printed, {module: microseconds of its own}) of a Python process started elsewhere."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done, {name.strip(): int(own.split(":")[1]) for own, _, name in rows[1:]}


def test_the_package_imports_nothing():
    _, modules = imported("-c", "import flowers_keras; flowers_keras.__version__")
    ours = {name: spent for name, spent in modules.items() if name.startswith("flowers_keras")}
    assert ours.keys() == {"flowers_keras"} and ours["flowers_keras"] < 50_000
    assert not modules.keys() & {*SLOW, "numpy", "ml_collections"}


@pytest.mark.parametrize(
    "command, mistake",
    [
        ([str(ROOT / "train.py")], "--config.sed=1"),
        (["-m", "flowers_keras.predict"], "--tta"),
        (["-m", "flowers_keras.evaluate"], "--model=x"),
        (["-m", "flowers_keras.export"], "--model=x"),
        (["-m", "flowers_keras.compare"], "--output=x.svg"),
        (["-m", "flowers_keras.demo"], "--port=x"),
        (["-m", "flowers_keras.augment"], "x.jpg"),
        (["-m", "flowers_keras.benchmark"], "--config.sed=1"),
        (["-m", "flowers_keras.cross_validate"], "--config.sed=1"),
        (["-m", "flowers_keras.learning_curve"], "--folds=1"),
    ],
)
def test_help_and_mistakes_do_not_wait_for_keras(command, mistake):
    done, modules = imported(*command, mistake)
    assert done.returncode == 2 and not modules.keys() & SLOW
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert line.startswith("error: ")
    done, modules = imported(*command, "--help")
    assert (
        done.returncode == 0
        and re.search("^(usage: python|flags:)", done.stdout, re.M)
        and not modules.keys() & SLOW
    )
