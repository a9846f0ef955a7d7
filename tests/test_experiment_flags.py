"""The experiment on the command line, before anything slow is imported."""

import ast
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from absl import flags

import train
from configs import quickstart
from flowers_keras import config, experiment_flags
from flowers_keras.errors import UserError

ROOT = pathlib.Path(__file__).parents[1]
QUICKSTART = "--config=configs/quickstart.py"


def parse(*arguments, default=None):
    assert experiment_flags.parse_flags(["train.py", *arguments], default) == ["train.py", *arguments]
    return train.CONFIG.value


def run(script, *arguments, cwd=ROOT):
    return subprocess.run([sys.executable, *script, *arguments], cwd=cwd, capture_output=True, text=True)


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "--config is missing; type for instance --config=configs/quickstart.py"),
        (["--config"], "--config is missing"),
        (["--config=configs/nope.py", "--config.seed=1"], "--config=configs/nope.py is not a file"),
        (["--config", "configs"], "--config=configs is not a file"),
        ([QUICKSTART, "--config.modl.dropout=0"], "'modl.dropout' is unknown; did you mean model.dropout"),
        (["--config.model=0", QUICKSTART], "config field 'model' is unknown"),
        (["--noconfig.evaluation.ttta", QUICKSTART], "did you mean evaluation.tta"),
        ([QUICKSTART, "--config.seed"], "Missing value for flag --config.seed; type --help"),
        (
            [QUICKSTART, "--config.frozen.epochs=many"],
            "frozen.epochs='many' is not allowed; it must be a whole",
        ),
        ([QUICKSTART, "--config.evaluation.tta=perhaps"], "evaluation.tta='perhaps' is not allowed"),
        ([QUICKSTART, "--config.model.l2=nan"], "model.l2=nan is not allowed"),
        ([QUICKSTART, "--work=x"], "Unknown command line flag 'work'. Did you mean: workdir"),
        ([QUICKSTART, "more"], "'more' is not a flag"),
        ([QUICKSTART, "--config.data.source=photos"], "data.source='photos' is not a source of photos; type"),
        ([QUICKSTART, "--config.data.source=folder:nope"], "folder:nope is not a folder; type folder: and"),
        ([QUICKSTART, "--config.data.source=csv:nope.csv"], "csv:nope.csv is not a file; type csv: and"),
        (
            [QUICKSTART, "--config.data.corrections=LICENSE,nope.csv"],
            "data.corrections: nope.csv is not a file",
        ),
        (
            [QUICKSTART, "--config.model.weights=nope.h5"],
            "model.weights=nope.h5 is not a file; type imagenet",
        ),
        ([QUICKSTART, "--config.model.start_from=nope"], "nope is not there; type the path of the model"),
    ],
)
def test_wrong_flags_are_refused_by_name(arguments, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parse(*arguments)


def test_fields_are_set_in_the_file_and_on_the_command_line():
    quickstart = parse("--config.seed", "3", QUICKSTART, "--config.model.l2=1", "--config.evaluation.tta")
    assert experiment_flags.config_name() == "quickstart"
    assert (quickstart.seed, quickstart.model.l2, quickstart.evaluation.tta) == (3, 1.0, True)
    assert quickstart.data.source == "synthetic" and quickstart.is_locked
    assert parse("--noconfig.evaluation.tta", default=config.__file__).evaluation.tta is False


def test_nothing_is_left_of_an_earlier_call():
    parse("--workdir=x", "--config.seed=3", "--config.evaluation.tta=false", QUICKSTART)
    again = parse("--config=configs/finetune.py")
    assert (again.seed, again.evaluation.tta, again.data.source) == (0, True, "tfds:tf_flowers")
    assert train.WORKDIR.value is None and sys.argv[0] != "train.py"
    assert not flags.FLAGS["verbosity"].using_default_value  # for which absl.app would set INFO


def test_a_run_that_is_stopped_says_how_to_go_on(monkeypatch, capsys):
    from flowers_keras import recipe, runtime  # which take seconds

    called = []

    def stop(config, workdir):
        called.append((config.seed, workdir))
        raise runtime.Stopped(signal.SIGTERM)

    monkeypatch.setattr(recipe, "train_and_evaluate", stop)
    typed = ["train.py", "--config.seed=3", QUICKSTART]
    assert train.main(experiment_flags.parse_flags(typed)) == 143
    assert train.main(experiment_flags.parse_flags([*typed, "--workdir=a b"])) == 143
    assert called == [(3, pathlib.Path("runs/quickstart")), (3, pathlib.Path("a b"))]
    assert capsys.readouterr().err.endswith(f"with: python {' '.join(typed)} '--workdir=a b'\n")


def test_no_arguments_lists_the_configs():
    done = run(["train.py"])
    title, *listed, last = done.stderr.splitlines()
    assert title.startswith("configs, each with its test accuracy and its time")
    assert done.returncode == 2 and last.startswith("error: --config is missing; type for instance")
    assert [line.split(":")[0].strip() for line in listed] == [
        f"configs/{path.name}" for path in sorted(ROOT.glob("configs/[a-z]*.py"))
    ]
    assert listed[-2].endswith(": " + quickstart.__doc__.splitlines()[0])


@pytest.mark.parametrize("path", sorted(ROOT.glob("configs/[a-z]*.py")), ids=lambda path: path.stem)
def test_each_config_says_its_accuracy_and_its_time_in_its_first_line(path):
    first = ast.get_docstring(ast.parse(path.read_text())).splitlines()[0]
    assert re.search(r": (\d\d\.\d %|not measured yet).*, [a-z ]*\d+ minutes\.$", first)
    assert len(f"  configs/{path.name}: {first}") <= 124  # a line of a wide terminal


@pytest.mark.parametrize(
    "script, named",
    [
        (["train.py"], "--workdir"),
        (["-m", "flowers_keras.cross_validate"], "--folds"),
        (["-m", "flowers_keras.compute_features"], "--shards"),
        (["-m", "flowers_keras.learning_curve"], "--folds"),
        (["-m", "flowers_keras.benchmark"], "--only"),
    ],
)
def test_help_lists_flags_fields_and_configs(script, named):
    done = run(script, "--help", QUICKSTART)
    shown = " ".join(done.stdout.split())
    assert done.returncode == 0 and done.stderr == ""
    for name, field in config.FIELDS.items():
        assert f"--config.{name}: " in shown and f" [{field.allowed.words}; " in shown
        assert f"default {field.default!r}]" in shown
    assert "75 to 1024 pixels; 96 in this config, default 299]" in shown
    assert f"{named}: " in shown
    assert f"configs/quickstart.py: {quickstart.__doc__.splitlines()[0]}" in shown


# As `%run` does: the file again and again in one process, which it must not end.
NOTEBOOK = """
import builtins, runpy, sys
builtins.get_ipython = None
for last in "--help", "--config.seed=-1", "--config.seed=x", "--config.data.source=folder:nope":
    sys.argv = ["train.py", "--config=configs/quickstart.py", last]
    runpy.run_path("train.py", run_name="__main__")
assert not {"keras", "tensorflow"} & sys.modules.keys()  # which take seconds
print("goes on")
"""


def test_a_notebook_goes_on():
    done = run(["-c", NOTEBOOK])
    assert done.stdout.endswith("goes on\n"), done.stderr
    lines = "error: .*seed=-1 is not.*\nerror: .*seed='x' is not.*\nerror: folder:nope is no.*\n"
    assert re.fullmatch(lines, done.stderr)


@pytest.mark.parametrize(
    "text, message",
    [
        ("def get_config(:", "SyntaxError"),
        ("", "gives no config (AttributeError"),
        ("def get_config(): return {}", "gives no config"),
        ("def get_config(): raise ValueError('mine')", "gives no config (ValueError: mine)"),
        ("def get_config(): open('nowhere')", "No such file"),
        ("from configs import finetun", "gives no config (ImportError"),
        (
            "from configs import finetune\ndef get_config():\n    config = finetune.get_config()\n"
            "    config.model.droput = 1\n    return config",
            'Did you mean "dropout"',
        ),
        (
            "from configs import finetune\ndef get_config():\n    config = finetune.get_config()\n"
            "    config.model.dropout = 2.0\n    return config",
            "model.dropout=2.0 is not allowed",
        ),
    ],
)
def test_a_config_file_that_is_wrong_is_named(tmp_path, text, message):
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(UserError, match=f"mine.py.*{re.escape(message)}"):
        parse(f"--config={tmp_path}/mine.py")


def test_a_config_outside_the_repository_starts_from_one_inside(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from configs import finetune\ndef get_config():\n    config = finetune.get_config()\n"
        "    config.model.dropout = 0.25\n    return config\n"
    )
    # From another folder, too; the value that is refused shows that the file was read.
    done = run([ROOT / "train.py"], "--config=mine.py", "--config.seed=-1", "--workdir=run", cwd=tmp_path)
    refused = "error: config field seed=-1 is not allowed; it must be a whole number from 0 to 2147483647\n"
    assert done.stderr == refused
    assert done.returncode == 2 and {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}
