"""The checkpoint of a phase: everything that it must not lose, in one file that is written atomically."""

import json
import time
import zipfile

import keras
import numpy as np

from flowers_keras import files, progress
from flowers_keras.errors import UserError
from flowers_keras.training import selection

MEASURED = ("loss", "accuracy", "val_loss", "val_accuracy", "val_balanced_accuracy")  # by `fit`


class Checkpoint(keras.callbacks.Callback):
    """Saves a phase after each epoch, and resumes from what an earlier process saved.

    The file holds the variables that change, those of the optimiser, the best ones so far with the row of
    their epoch, and the history. `keras.callbacks.BackupAndRestore` and `ModelCheckpoint` keep these in
    several files and forget the best when a run resumes (keras#12803); `EarlyStopping` forgets how long
    it has waited.

    Args:
      name: of the phase.
      network: compiled keras.Model; what is trainable in it is kept.
      run: Run.
      history: rows of the phases before this one.
      kept: the row of the epoch whose weights the network has, which later epochs must beat; or None.
      settings: config section of the phase, with `keep`, `interpolation`, `patience` and `epochs`.

    Attributes:
      epochs_done, history, kept: their current values.

    Raises:
      UserError: the file is damaged; in `fit`: learning diverged, and nothing of it was saved.
    """

    def __init__(self, name, network, run, history, kept, settings):
        super().__init__()
        self.name, self.run, self.history, self.kept = name, run, list(history), kept
        self.path = run.path(f"checkpoints/{name}.npz")
        self.network, self.settings = network, settings
        # A dropout layer's random state is among its variables; frozen layers do not change.
        self.variables = [v for layer in network.layers if layer.trainable for v in layer.variables]
        self.start = self.kept_values = self.validated = _values(self.variables)
        self.epochs_done = 0
        network.optimizer.build(network.trainable_variables)
        if self.path.exists():
            self._restore()

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_test_end(self, logs=None):
        # With `ema` the network has the average of its weights during validation.
        self.validated = _values(self.variables)

    def on_epoch_end(self, epoch, logs=None):
        values = _values(self.variables)
        # The last step of an epoch can have a finite loss and leave weights that are not.
        if not all(np.isfinite(each).all() for each in (logs["loss"], logs["val_loss"], *values)):
            raise UserError(
                f"learning diverged in phase {self.name}, epoch {epoch + 1} (loss {logs['loss']:.3g}, "
                f"val_loss {logs['val_loss']:.3g}); lower --config.{self.name}.learning_rate"
            )
        row = {name: float(logs[name]) for name in MEASURED}
        row |= {"phase": self.name, "epoch": epoch + 1, "seconds": time.monotonic() - self.started}
        row["learning_rate"] = float(self.network.optimizer.learning_rate)
        if selection.replaces(row, self.kept, self.settings.keep):
            self.kept, self.kept_values = row, self.validated
        self.history.append(row)
        self.epochs_done = epoch + 1
        self._save(values)
        self.run.write_history(self.history)
        self.run.note_seconds()
        self.model.stop_training |= self.ended

    @property
    def ended(self):
        """Whether the phase has trained all its epochs, or as many without a better one as it may."""
        if self.epochs_done >= self.settings.epochs:
            return True
        rows = [row for row in self.history if row["phase"] == self.name]
        patience = self.settings.patience
        return bool(rows and patience) and selection.epochs_waited(rows, self.settings.keep) >= patience

    def restore_kept(self):
        """Gives the network the weights to keep.

        With `interpolation` below 1 these lie between the weights before the phase and those of the kept
        epoch, closer to the pre-trained ones (WiSE-FT, arXiv 2109.01903).
        """
        share, values = self.settings.interpolation, self.kept_values
        if share < 1:
            values = [
                before + share * (after - before) if np.issubdtype(after.dtype, np.floating) else after
                for before, after in zip(self.start, self.kept_values, strict=True)
            ]
        _assign(self.variables, values)

    def _save(self, values):
        state = {"epochs_done": self.epochs_done, "kept": self.kept, "history": self.history}
        arrays = {"state": np.frombuffer(json.dumps(state).encode(), np.uint8)}
        for group, members in (
            ("variable", values),
            ("optimizer", _values(self.network.optimizer.variables)),
            ("kept", self.kept_values),
            ("start", self.start if self.settings.interpolation < 1 else ()),
        ):
            arrays |= {f"{group}_{i}": value for i, value in enumerate(members)}
        with files.whole_file(self.path) as temporary:
            np.savez(temporary, **arrays)

    def _restore(self):
        try:
            with np.load(self.path, allow_pickle=False) as arrays:
                state = json.loads(arrays["state"].tobytes())
                _assign(self.variables, _group(arrays, "variable"))
                _assign(self.network.optimizer.variables, _group(arrays, "optimizer"))
                self.kept_values = _group(arrays, "kept")
                self.start = _group(arrays, "start")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{self.path} is damaged ({error}); remove it, and phase {self.name} starts again"
            ) from error
        self.epochs_done, self.kept, self.history = state["epochs_done"], state["kept"], state["history"]
        # After a kill between the two writes, history.csv is one row short.
        self.run.write_history(self.history)
        progress.note(f"phase {self.name}: resuming after epoch {self.epochs_done}")


def _values(variables):
    return [keras.ops.convert_to_numpy(variable.value) for variable in variables]


def _group(arrays, group):
    count = sum(name.startswith(f"{group}_") for name in arrays.files)
    return [arrays[f"{group}_{i}"] for i in range(count)]


def _assign(variables, values):
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
