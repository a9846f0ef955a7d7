"""What an import costs: the package nothing, a command that is typed wrongly not Keras."""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
SLOW = {"tensorflow", "keras", "jax", "scipy", "PIL", "jinja2", "starlette", "uvicorn"}
ABSENT = "--model=absent.keras"


def imported(*arguments):
    """(what was printed, names of modules) of a Python process started elsewhere.

    Imports are listed, not timed: seconds depend on the machine.
    """
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        cwd="/",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    rows = [line.split("|") for line in done.stderr.splitlines() if line.startswith("import time:")]
    return done, {name.strip() for _, _, name in rows[1:]}


def test_the_package_imports_nothing():
    _, modules = imported("-c", "import flowers_keras; flowers_keras.__version__")
    assert {name for name in modules if name.startswith("flowers_keras")} == {"flowers_keras"}
    assert not modules & {*SLOW, "numpy", "ml_collections"}


@pytest.mark.parametrize(
    "command, mistake, words",
    [
        ([str(ROOT / "train.py")], ["--config.sed=1"], ""),
        (["-m", "flowers_keras.predict"], ["--tta"], ""),
        (["-m", "flowers_keras.predict"], [ABSENT, "x.jpg"], "absent.keras is"),
        (["-m", "flowers_keras.evaluate"], ["--modle=x"], "the following arguments are required"),
        (["-m", "flowers_keras.evaluate"], [ABSENT, "--data=folder:."], "absent.keras is"),
        (["-m", "flowers_keras.evaluate"], ["--model=MODEL", "--data=folder:absent"], "--data=folder:"),
        (["-m", "flowers_keras.export"], ["--model=x"], ""),
        (
            ["-m", "flowers_keras.export"],
            [ABSENT, "--format=onnx", "--output=x"],
            "absent.keras is not there",
        ),
        (["-m", "flowers_keras.compare"], ["--output=x.svg"], ""),
        (["-m", "flowers_keras.compare"], ["/nowhere"], ""),
        (["-m", "flowers_keras.demo"], ["--port=x"], ""),
        (["-m", "flowers_keras.demo"], [ABSENT], "absent.keras is"),
        (["-m", "flowers_keras.augment"], ["x.jpg"], ""),
        (["-m", "flowers_keras.benchmark"], ["--config.sed=1"], ""),
        (["-m", "flowers_keras.cross_validate"], ["--config.sed=1"], ""),
        (["-m", "flowers_keras.learning_curve"], ["--folds=1"], ""),
    ],
)
def test_mistakes_do_not_wait_for_keras(command, mistake, words, tmp_path):
    zipfile.ZipFile(tmp_path / "model.keras", "w").close()
    mistake = [each.replace("MODEL", str(tmp_path)) for each in mistake]
    done, modules = imported(*command, *mistake)
    assert done.returncode == 2 and not modules & SLOW
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert line.startswith(f"error: {words}")


@pytest.mark.parametrize(
    "command", ["predict", "evaluate", "export", "compare", "demo", "augment", "benchmark", "train.py"]
)
def test_help_does_not_wait_for_keras(command):
    program = [str(ROOT / command)] if command.endswith(".py") else ["-m", f"flowers_keras.{command}"]
    done, modules = imported(*program, "--help")
    assert done.returncode == 0 and not modules & SLOW
    assert re.search("^(usage: python|flags:)", done.stdout, re.M)
