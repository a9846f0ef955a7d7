"""The experiment on the command line, before anything slow is imported."""

import pathlib
import re
import subprocess
import sys

import pytest

from flowers_keras import config, errors, flags
from flowers_keras.errors import UserError

ROOT = pathlib.Path(__file__).parents[1]
QUICKSTART = "--config=configs/quickstart.py"


def parse(*arguments, required=True):
    parser = errors.Arguments("python train.py", allow_abbrev=False)
    return flags.parse_arguments(parser, arguments, required)


@pytest.fixture(autouse=True)
def at_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "--config is missing; type for instance --config=configs/quickstart.py"),
        (["--config"], "--config: expected one argument"),
        (["--config=configs/nope.py", "--config.seed=1"], "--config=configs/nope.py is no file"),
        (["--config", "configs"], "--config=configs is no file"),
        ([QUICKSTART, "--config.modl.dropout=0"], "'modl.dropout' is unknown; did you mean model.dropout"),
        (["--config.model=0", QUICKSTART], "config field 'model' is unknown"),
        ([QUICKSTART, "--config.seed"], "--config.seed: expected one argument"),
        ([QUICKSTART, "--config.frozen.epochs=many"], "frozen.epochs='many' is not allowed; it is a whole"),
        ([QUICKSTART, "--config.evaluation.tta=perhaps"], "evaluation.tta='perhaps' is not allowed"),
        ([QUICKSTART, "--config.model.l2=nan"], "model.l2=nan is not allowed"),
        ([QUICKSTART, "--work=x"], "'--work=x' is no flag"),
    ],
)
def test_wrong_flags_are_refused_by_name(arguments, message):
    with pytest.raises(UserError, match=re.escape(message)):
        parse(*arguments)


def test_fields_are_set_in_the_file_and_on_the_command_line():
    options, quickstart = parse(
        "--config.seed", "3", QUICKSTART, "--config.model.l2=1", "--config.evaluation.tta"
    )
    assert options.config == pathlib.Path("configs/quickstart.py")
    assert (quickstart.seed, quickstart.model.l2, quickstart.evaluation.tta) == (3, 1.0, True)
    assert quickstart.data.source == "synthetic" and quickstart.is_locked
    assert parse("--config.evaluation.tta=False", required=False)[1].evaluation.tta is False


def test_help_lists_every_field_with_its_range_and_default(capsys):
    with pytest.raises(SystemExit) as ended:
        parse(QUICKSTART, "--help")
    shown = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    for name, field in config.FIELDS.items():
        assert f"--config.{name} " in shown and f": {field.allowed.words} (" in shown
        assert f"default {field.default!r})" in shown
    assert "75 to 1024 pixels (96 in this config, default 299)" in shown


@pytest.mark.parametrize(
    "text, message",
    [
        ("def get_config(:", "SyntaxError"),
        ("", "gives no config (AttributeError"),
        ("def get_config(): return {}", "gives no config"),
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
    done = subprocess.run(
        [sys.executable, ROOT / "train.py", "--config=mine.py", "--config.seed=-1", "--workdir=run"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (
        done.stderr
        == "error: config field seed=-1 is not allowed; it is a whole number from 0 to 2147483647\n"
    )
    assert done.returncode == 2 and {path.name for path in tmp_path.iterdir()} <= {"mine.py", "__pycache__"}
