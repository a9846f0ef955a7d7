"""A phase: compile, callbacks, fit, resume. Both phases of the recipe are `train_phase`."""

import json
import math
import time
import zipfile

import keras
import numpy as np

from flowers_keras import files
from flowers_keras.errors import UserError


class Keeper(keras.callbacks.Callback):
    """Keeps everything that a phase must not lose, in one file that is whole or absent.

    After each epoch: the variables that change, the optimiser's, the best so far and its score, and
    the history. `keras.callbacks.BackupAndRestore` and `ModelCheckpoint` keep these in several files
    and forget the best when a run resumes (keras#12803).
    """

    def __init__(self, name, network, run, history, best):
        super().__init__()
        self.name, self.run, self.history, self.best = name, run, history, best
        self.path = run.path(f"checkpoints/{name}.npz")
        self.network = network
        # A dropout layer's random state is among its variables; frozen layers do not change.
        self.kept = [v for layer in network.layers if layer.trainable for v in layer.variables]
        self.best_values = self._values(self.kept)
        self.epochs_done = 0
        network.optimizer.build(network.trainable_variables)
        if self.path.exists():
            self._restore()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not math.isfinite(logs["loss"]):
            raise UserError(
                f"learning diverged: the loss of phase {self.name} is {logs['loss']} in epoch "
                f"{self.epoch + 1}, step {batch + 1}; lower --config.{self.name}.learning_rate"
            )

    def on_epoch_end(self, epoch, logs=None):
        score = (logs["val_accuracy"], -logs["val_loss"])
        if self.best is None or score > tuple(self.best):
            self.best, self.best_values = score, self._values(self.kept)
        row = {name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
        row |= {"phase": self.name, "epoch": epoch + 1, "seconds": time.monotonic() - self.started}
        row["learning_rate"] = float(self.network.optimizer.learning_rate)
        self.history.append(row)
        self.epochs_done = epoch + 1
        self._save()
        self.run.write_history(self.history)

    def restore_best(self):
        """Gives the network the weights that were best on validation."""
        _assign(self.kept, self.best_values)

    def _values(self, variables):
        return [keras.ops.convert_to_numpy(variable.value) for variable in variables]

    def _save(self):
        state = {"epochs_done": self.epochs_done, "best": self.best, "history": self.history}
        arrays = {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)}
        for group, values in (
            ("variable", self._values(self.kept)),
            ("optimizer", self._values(self.network.optimizer.variables)),
            ("best", self.best_values),
        ):
            arrays |= {f"{group}_{i}": value for i, value in enumerate(values)}
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


def _group(arrays, group):
    count = sum(name.startswith(f"{group}_") for name in arrays.files)
    return [arrays[f"{group}_{i}"] for i in range(count)]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
