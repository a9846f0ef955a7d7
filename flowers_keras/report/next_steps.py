"""The next steps that the report suggests after a run, with the commands to type."""

import shlex

from flowers_keras import config, next_command
from flowers_keras.training import selection

PATIENCE = 3  # epochs, the value that is suggested

FOLDS, CURVE = "-folds", "-curve"  # suffixes of the folders for results on folds, beside a run's folder


def next_steps(run, metrics, history, doubted):
    """What to do next, for the report's first screen.

    Problems come first. If there are none, the model is used, and then improved: by checking doubtful
    labels, or else by more epochs.

    Args:
      run: run_folder.Run.
      metrics: as in `metrics.json`, with the verdict.
      history: rows as in `history.csv`, numbers as numbers.
      doubted: number of test photos whose labels are clearly in doubt, as of `doubts.count_clear`.

    Returns:
      A list of {"words", "type": a command, or "" if none helps}.
    """
    problems = [each["title"] for each in metrics["verdict"] if each["level"] == "bad"]
    if problems:
        more = f", and {len(problems) - 1} more" if problems[1:] else ""
        words = f"Fix the problem below before you rely on the model ({problems[0]}{more})."
        return [{"words": words, "type": ""}]
    use = f"python -m flowers_keras.predict --model={shlex.quote(str(run.path('model.keras')))} YOUR_PHOTOS"
    steps = [{"words": "Use it, for instance on a folder of photos:", "type": use}]
    advice = advise_epochs(history, run.config)
    if doubted or metrics["leaks"]["doubtful"]:
        words = (
            "To make it better, look at labels in doubt; this lists those of the training and validation "
            "photos, and says what to type then:"
        )
        steps.append({"words": words, "type": folds_command(run.folder, run.config)})
    elif advice and advice["changes"]:
        command = next_command.spell(
            "python train.py", run.config, f"{run.folder}-longer", **advice["changes"]
        )
        steps.append(
            {"words": "To make it better, train longer, as the last epoch was the best:", "type": command}
        )
    return steps


def folds_command(folder, settings, command="cross_validate", suffix=FOLDS):
    """A command on folds of the config of a run; it needs stored features and no model before it.

    Args:
      folder: of the run.
      settings: its config as a plain dict.
      command: "cross_validate" or "learning_curve".
      suffix: of the folder beside the run that gets what is found.
    """
    views = settings.get("features", {}).get("views") or config.FIELDS["features.views"].default
    changes = {"features__views": views, "model__start_from": ""}
    return next_command.spell(f"python -m flowers_keras.{command}", settings, f"{folder}{suffix}", **changes)


def advise_epochs(history, config):
    """What the epochs suggest changing, or None.

    Returns:
      {"words", "type": the flag, "changes": the fields of `next_command.spell` that may bring more}.

    Example:
      >>> config = {"finetune": {"keep": "best", "patience": 0, "epochs": 1}}
      >>> row = {"phase": "finetune", "val_accuracy": 0.9, "val_loss": 0.4}
      >>> advise_epochs([row], config)["type"]
      '--config.finetune.epochs=2'
    """
    phase = history[-1]["phase"]
    settings = config[phase]
    waited = selection.epochs_waited([row for row in history if row["phase"] == phase], settings["keep"])
    if settings["keep"] != "last" and selection.kept_epoch(history, config) == len(history) - 1:
        words = "The best epoch was the last one, so more may bring more"
        epochs = 2 * settings["epochs"]
        flag = f"--config.{phase}.epochs={epochs}"
        return {"words": words, "type": flag, "changes": {f"{phase}__epochs": epochs}}
    if waited > PATIENCE and not settings["patience"]:
        words = f"To end a phase after {PATIENCE} epochs that bring nothing better"
        return {"words": words, "type": f"--config.{phase}.patience={PATIENCE}", "changes": {}}
    return None
