"""Which epoch is kept, and how long a phase has waited for a better one, both derived from the history.

So a run that resumes forgets neither, and the report names the epoch whose weights were saved.
"""

MEASURES = {"best": "val_accuracy", "best_balanced": "val_balanced_accuracy", "last": "val_accuracy"}


def score(row, keep):
    """The value by which epochs are compared, higher is better: validation accuracy, then validation loss.

    Args:
      row: of the history.
      keep: the field of the phase; "best_balanced" compares balanced accuracy.

    Example:
      >>> score({"val_accuracy": 0.9, "val_balanced_accuracy": 0.7, "val_loss": 0.3}, "best_balanced")
      (0.7, -0.3)
    """
    return row[MEASURES[keep]], -row["val_loss"]


def replaces(row, kept, keep):
    """Whether an epoch is kept instead of the one `kept` so far (None for none)."""
    return kept is None or keep == "last" or score(row, keep) > score(kept, keep)


def kept_epoch(history, config):
    """Position in the history of the epoch whose weights the phases left.

    Args:
      history: rows as in `history.csv`, numbers as numbers, of one phase after the other.
      config: with `keep` in the section of each phase.
    """
    kept = 0
    for i, row in enumerate(history):
        if replaces(row, history[kept], config[row["phase"]]["keep"]):
            kept = i
    return kept


def epochs_waited(rows, keep):
    """Epochs after the best one of a phase; `rows` are those of this phase.

    Example:
      >>> rows = [{"val_accuracy": accuracy, "val_loss": 0.5} for accuracy in (0.7, 0.9, 0.9, 0.8)]
      >>> epochs_waited(rows, "best")
      2
    """
    scores = [score(row, keep) for row in rows]
    return len(rows) - 1 - scores.index(max(scores))


def describe_kept(history, config):
    """The kept epoch as `fit` reported it, and the best of the epochs after it.

    Returns:
      {"phase", "epoch", "train_accuracy", "measure": column of `history.csv` it was chosen by,
      "validation": that measure, "loss": on validation, "later": None or {"epochs": how many
      followed, "validation", "loss": the best of each among them}}.
    """
    position = kept_epoch(history, config)
    kept, later = history[position], history[position + 1 :]
    measure = MEASURES[config[kept["phase"]]["keep"]]
    return {
        "phase": kept["phase"],
        "epoch": int(kept["epoch"]),
        "train_accuracy": kept["accuracy"],
        "measure": measure,
        "validation": kept[measure],
        "loss": kept["val_loss"],
        "later": {
            "epochs": len(later),
            "validation": max(row[measure] for row in later),
            "loss": min(row["val_loss"] for row in later),
        }
        if later
        else None,
    }
