"""run.tracker: the tracker's own callback sees each epoch, offline; a missing package is one line."""

import contextlib
import importlib.machinery
import sys
import types

import keras
import pytest

from flowers_keras import config, user_paths
from flowers_keras.errors import UserError
from flowers_keras.training import phases, run_folder, tracking
from tests.training.test_phases import make_feed, settings


def module(name, **members):
    made = types.ModuleType(name)
    made.__spec__ = importlib.machinery.ModuleSpec(name, None)
    made.__dict__.update(members)
    return made


@pytest.fixture
def fake(monkeypatch):
    """Fake packages of both trackers; what they were asked for, in order."""
    asked = []

    class Callback(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            asked.append((epoch, sorted(logs)))

    def note(name):
        def called(*arguments, **named):
            asked.append((name, *arguments, named))
            return contextlib.nullcontext()

        return called

    names = ("set_tracking_uri", "set_experiment", "start_run", "log_params")
    keras_part = module("mlflow.keras", MlflowCallback=Callback)
    modules = [module("mlflow", keras=keras_part, **{name: note(name) for name in names}), keras_part]
    modules += [module("wandb", init=note("init")), module("wandb.integration")]
    modules += [module("wandb.integration.keras", WandbMetricsLogger=Callback)]
    for each in modules:
        monkeypatch.setitem(sys.modules, each.__name__, each)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # so that the run's own is undone with the test
    return asked


@pytest.mark.parametrize("tracker", ["mlflow", "wandb"])
def test_each_epoch_reaches_the_tracker_and_nothing_leaves_the_machine(tmp_path, fake, tracker):
    run = run_folder.Run(tmp_path / "a run", {"seed": 7, "run": {"tracker": tracker}})
    phases.train_phase("frozen", make_feed(), settings(2), run)
    *calls, first, second = fake
    assert [first[0], second[0]] == [0, 1] and {"loss", "val_accuracy"} <= set(first[1])
    if tracker == "mlflow":
        assert calls[0] == ("set_tracking_uri", (tmp_path / "a run" / "mlruns").as_uri(), {})
        assert calls[1:3] == [("set_experiment", "a run", {}), ("start_run", {"run_name": "frozen"})]
        assert calls[3] == ("log_params", {"seed": 7, "run.tracker": "mlflow"}, {})
    else:
        ((_, asked),) = calls
        assert asked["mode"] == "offline" and asked["dir"] == tmp_path / "a run"
        assert asked["name"] == "a run frozen" and asked["config"]["seed"] == 7


def test_the_environment_says_where_else(tmp_path, fake, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    monkeypatch.setenv("WANDB_MODE", "online")
    for tracker in ("mlflow", "wandb"):
        with tracking.track(run_folder.Run(tmp_path, {"run": {"tracker": tracker}}), "frozen"):
            pass
    assert "set_tracking_uri" not in {name for name, *_ in fake}
    assert fake[-1][1]["mode"] == "online"


def test_a_tracker_that_is_not_installed_is_one_line(monkeypatch):
    wanted = config.default_config()
    tracking.require_tracker(wanted)
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda name: None)
    tracking.require_tracker(wanted)
    for wanted.run.tracker in ("mlflow", "wandb"):
        with pytest.raises(UserError, match=f"^run.tracker={wanted.run.tracker} .* pip install [a-z]+$"):
            tracking.require_tracker(wanted)


def test_a_run_without_a_tracker_has_no_callback_of_one(tmp_path):
    with tracking.track(run_folder.Run(tmp_path, {}), "frozen") as callbacks:
        assert callbacks == []
    assert not list(user_paths.user_path(tmp_path).iterdir())
