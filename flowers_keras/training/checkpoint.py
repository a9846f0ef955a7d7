"""Everything that a phase must not lose, in one file that is whole or absent."""

import json
import time
import zipfile

import keras
import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError


class Checkpoint(keras.callbacks.Callback):
    """Saves a phase after each epoch, and goes on from what an earlier process saved.

    The file holds the variables that change, the optimiser's, the best so far and its score, and the
    history. `keras.callbacks.BackupAndRestore` and `ModelCheckpoint` keep these in several files and
    forget the best when a run resumes (keras#12803).

    Args:
      name: of the phase.
      network: compiled keras.Model; what is trainable in it is kept.
      run: Run.
      history: rows of the phases before this one.
      best: the score to beat, (accuracy, -loss), or None.
      keep: "best", the weights of the best epoch on validation, or "last", those of the last one.

    Attributes:
      epochs_done, history, best: as they are now.

    Raises:
      UserError: the file is damaged; in `fit`: learning diverged, and nothing of it was saved.
    """

    def __init__(self, name, network, run, history, best, keep="best"):
        super().__init__()
        self.name, self.run, self.history, self.best = name, run, list(history), best
        self.path = run.path(f"checkpoints/{name}.npz")
        self.network, self.keep = network, keep
        # A dropout layer's random state is among its variables; frozen layers do not change.
        self.kept = [v for layer in network.layers if layer.trainable for v in layer.variables]
        self.best_values = self.validated = _values(self.kept)
        self.epochs_done = 0
        network.optimizer.build(network.trainable_variables)
        if self.path.exists():
            self._restore()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_test_end(self, logs=None):
        self.validated = _values(self.kept)  # where an average of the weights is kept, it stands in for them

    def on_epoch_end(self, epoch, logs=None):
        values = _values(self.kept)
        # The last step of an epoch can have a finite loss and leave weights that are not.
        if not all(np.isfinite(each).all() for each in (logs["loss"], logs["val_loss"], *values)):
            raise UserError(
                f"learning diverged in phase {self.name}, epoch {epoch + 1} (loss {logs['loss']:.3g}, "
                f"val_loss {logs['val_loss']:.3g}); lower --config.{self.name}.learning_rate"
            )
        score = (logs["val_accuracy"], -logs["val_loss"])
        if self.keep == "last" or self.best is None or score > tuple(self.best):
            self.best, self.best_values = score, self.validated
        row = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row |= {"phase": self.name, "epoch": epoch + 1, "seconds": time.monotonic() - self.started}
        row["learning_rate"] = float(self.network.optimizer.learning_rate)
        self.history.append(row)
        self.epochs_done = epoch + 1
        self._save(values)
        self.run.write_history(self.history)
        self.run.note_seconds()

    def restore_best(self):
        """Gives the network the weights that are to be kept."""
        _assign(self.kept, self.best_values)

    def _save(self, values):
        state = {"epochs_done": self.epochs_done, "best": self.best, "history": self.history}
        arrays = {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)}
        for group, members in (
            ("variable", values),
            ("optimizer", _values(self.network.optimizer.variables)),
            ("best", self.best_values),
        ):
            arrays |= {f"{group}_{i}": value for i, value in enumerate(members)}
        with files.whole_file(self.path) as temporary:
            np.savez(temporary, **arrays)

    def _restore(self):
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                state = json.loads(arrays["state"].tobytes())
                _assign(self.kept, _group(arrays, "variable"))
                _assign(self.network.optimizer.variables, _group(arrays, "optimizer"))
                self.best_values = _group(arrays, "best")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self.path} is damaged ({error}); remove it: phase {self.name} starts anew"
            ) from error
        self.epochs_done, self.best, self.history = state["epochs_done"], state["best"], state["history"]
        # A kill between this file and history.csv leaves the latter a row short.
        self.run.write_history(self.history)
        print(f"phase {self.name}: going on after epoch {self.epochs_done}")


def _values(variables):
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def _group(arrays, group):
    count = sum(name.startswith(f"{group}_") for name in arrays.files)
    return [arrays[f"{group}_{i}"] for i in range(count)]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
