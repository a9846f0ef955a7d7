"""`run.tracker`: the epochs also go to MLflow or Weights & Biases, through their own Keras callbacks.

Nothing leaves the machine unless the environment says so: MLflow writes into `mlruns` of the run's folder
where MLFLOW_TRACKING_URI is not set, and Weights & Biases into `wandb` of it where WANDB_MODE is not set.
To see the former: MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri=runs/x/mlruns
"""

import contextlib
import importlib.util
import os

from flowers_keras.config import flatten
from flowers_keras.errors import UserError


def require_tracker(config):
    """Refuses (UserError) a tracker whose package is not installed."""
    tracker = config.run.tracker
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise UserError(f"run.tracker={tracker} needs a package that is not installed; pip install {tracker}")


@contextlib.contextmanager
def track(run, phase):
    """Yields the Keras callbacks of the tracker that the run's config names, for one phase.

    Each phase is a run of its own in the tracker, since both count their epochs from 1; so is each
    time that a phase goes on.

    Args:
      run: run_folder.Run.
      phase: its name.
    """
    tracker = run.config.get("run", {}).get("tracker", "none")
    if tracker == "none":
        yield []
        return
    with {"mlflow": _mlflow, "wandb": _wandb}[tracker](run, phase) as callback:
        yield [callback]


@contextlib.contextmanager
def _mlflow(run, phase):
    import mlflow
    import mlflow.keras

    folder = run.folder.resolve()
    if "MLFLOW_TRACKING_URI" not in os.environ:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 refuses a folder without it
        mlflow.set_tracking_uri((folder / "mlruns").as_uri())
    mlflow.set_experiment(folder.name)
    with mlflow.start_run(run_name=phase):
        mlflow.log_params(flatten(run.config))
        yield mlflow.keras.MlflowCallback()


@contextlib.contextmanager
def _wandb(run, phase):
    import wandb
    from wandb.integration.keras import WandbMetricsLogger

    folder = run.folder.resolve()
    mode = os.environ.get("WANDB_MODE", "offline")
    names = {"project": "flowers_keras", "group": folder.name, "name": f"{folder.name} {phase}"}
    with wandb.init(dir=folder, mode=mode, config=run.config, **names):
        yield WandbMetricsLogger()
