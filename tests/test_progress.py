"""What a run says: one line a stage in a log, one live line on a terminal, nothing when quiet."""

import io
import pathlib
import sys

import pytest
import tqdm.auto

import train
from flowers_keras import experiment_flags, progress
from flowers_keras.errors import UserError
from flowers_keras.photos import inspection
from flowers_keras.training import phases, run_folder
from tests.conftest import photos_of
from tests.training.test_phases import make_feed, settings

CONFIG = "--config=configs/quickstart.py"


@pytest.fixture(autouse=True)
def detail():
    """Sets how much is said, and sets it back at the end."""
    yield progress.set_detail
    progress.set_detail(progress.NORMAL)


class Terminal(io.StringIO):
    """Standard error where a person watches."""

    def isatty(self):
        return True


def run_phase(tmp_path):
    run = run_folder.Run(tmp_path / "run", {})
    run.expected = {"frozen": 20.0, "finetune": 170.0, "shift": 31.0}
    with run.stage("frozen"):
        _, kept = phases.train_phase("frozen", make_feed(), settings(3), run)
    return kept


def test_a_log_has_a_line_for_the_stage(tmp_path, capsys):
    kept = run_phase(tmp_path)
    out = capsys.readouterr().out
    accuracy = f"validation accuracy {kept['val_accuracy']:.1%}"
    assert out.startswith("frozen: ") and out.count("\n") == 1
    assert f", keeps epoch {kept['epoch']}, {accuracy}; the run has about 3 min left\n" in out


def test_the_verbose_see_every_epoch_and_the_quiet_nothing(tmp_path, detail, capsys):
    detail(progress.VERBOSE)
    run_phase(tmp_path / "verbose")
    out = capsys.readouterr().out
    assert all(f"Epoch {epoch}/3" in out for epoch in (1, 2, 3)) and "parameters train" in out
    detail(progress.QUIET)
    run_phase(tmp_path / "quiet")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("how, shown", [(progress.NORMAL, True), (progress.QUIET, False)])
def test_a_terminal_has_one_live_line_with_the_time_left(tmp_path, detail, monkeypatch, capsys, how, shown):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    detail(how)
    run_phase(tmp_path)
    live = terminal.getvalue()
    assert ("frozen: 100%" in live and "9/9" in live and "epoch 3 of 3, val_accuracy" in live) == shown
    assert "\n" not in live.strip() and "Epoch" not in capsys.readouterr().out


@pytest.mark.parametrize("how, shown", [(progress.NORMAL, True), (progress.QUIET, False)])
def test_reading_the_photos_has_a_live_line_but_for_the_quiet(detail, monkeypatch, how, shown):
    terminal, bar = Terminal(), tqdm.auto.tqdm
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(tqdm.auto, "tqdm", lambda *given, **named: bar(*given, **named | {"delay": 0}))
    detail(how)
    assert len(list(inspection.digest_photos(photos_of([b"a", b"b"], [0, 1]), range(2)))) == 2
    assert ("reading the photos" in terminal.getvalue()) == shown


def test_a_phase_that_goes_on_shows_what_is_done(tmp_path, monkeypatch):
    run = run_folder.Run(tmp_path, {})
    phases.train_phase("frozen", make_feed(), settings(2), run)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    phases.train_phase("frozen", make_feed(), settings(4), run)
    assert "6/12" in terminal.getvalue() and "12/12" in terminal.getvalue()


def test_a_stage_that_fails_has_no_line(tmp_path, capsys):
    run = run_folder.Run(tmp_path, {})
    with pytest.raises(ZeroDivisionError), run.stage("features"):
        1 / 0  # noqa: B018
    with run.stage("folds", told=False):
        pass
    assert capsys.readouterr().out == ""


def test_flags(capsys, monkeypatch):
    monkeypatch.chdir(pathlib.Path(train.__file__).parent)
    for flag, quiet, verbose in (
        ("--quiet", True, False),
        ("--verbose", False, True),
        ("--noquiet", False, False),
    ):
        experiment_flags.parse_flags(["train.py", CONFIG, flag])
        progress.note("a stage")
        progress.detail("an epoch")
        assert capsys.readouterr().out == ("" if quiet else "a stage\n") + ("an epoch\n" if verbose else "")
    with pytest.raises(UserError, match="--quiet and --verbose exclude each other"):
        experiment_flags.parse_flags(["train.py", CONFIG, "--quiet", "--verbose"])
    with pytest.raises(SystemExit):
        experiment_flags.parse_flags(["train.py", CONFIG, "--help"])
    out = capsys.readouterr().out
    assert "--[no]quiet" in out and "--[no]verbose" in out
