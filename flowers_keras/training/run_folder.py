"""A run's folder: one process at a time, one config, resumed where it was."""

import contextlib
import os
import pathlib
import signal
import time

import filelock

from flowers_keras import files
from flowers_keras.config import flatten
from flowers_keras.errors import UserError

HISTORY = ("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")

LOCK = ".lock"


class Stopped(BaseException):
    """SIGTERM or Ctrl-C arrived; what was finished before is on the disk."""

    def __init__(self, number):
        super().__init__(signal.Signals(number).name)
        self.status = 128 + number


class Run:
    """The folder of one run, as DESIGN names its files.

    Attributes:
      folder: pathlib.Path.
      seconds: stage -> seconds spent in it so far, over all the times that the run was started.
    """

    def __init__(self, folder, config):
        self.folder = pathlib.Path(folder)
        self.config = config
        self.seconds = {}
        if self.path("checkpoints/seconds.json").exists():
            self.seconds = files.read_json(self.path("checkpoints/seconds.json"))

    def path(self, name):
        """pathlib.Path of a file of the run."""
        return self.folder / name

    @property
    def finished(self):
        return self.path("metrics.json").exists() and self.path("report.html").exists()

    def begin(self):
        """Writes `config.json`: from here on the folder is this run's."""
        files.write_json(self.path("config.json"), self.config)

    def finish(self):
        """Removes what only an unfinished run needs."""
        files.discard(self.path("checkpoints"))
        for leftover in self.folder.glob(f"*{files.TEMPORARY}*"):
            files.discard(leftover)

    @contextlib.contextmanager
    def stage(self, name):
        """Counts the seconds of the block towards stage `name`."""
        start = time.monotonic()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - start
        files.write_json(self.path("checkpoints/seconds.json"), self.seconds)

    def write_history(self, rows):
        """Writes `history.csv`; a row is a dict with the columns `HISTORY`."""
        files.write_csv(self.path("history.csv"), HISTORY, [[row[name] for name in HISTORY] for row in rows])


@contextlib.contextmanager
def open_run(folder, config):
    """Yields the Run in `folder`, locked against a second process.

    Args:
      folder: the workdir, made if absent; left as it was if nothing is written into it.
      config: the run's config as a plain dict.

    Raises:
      UserError: another process works in the folder, it holds a run of another config, or it
        cannot be written.
    """
    folder = files.user_path(folder)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The kernel frees this lock when its process dies, however it dies.
        lock = filelock.FileLock(folder / LOCK, timeout=0)
        lock.acquire()
    except filelock.Timeout as error:
        raise UserError(
            f"another process is working in {folder}; wait for it or use a new --workdir"
        ) from error
    except OSError as error:
        raise UserError(f"--workdir={folder} cannot be written ({error.strerror}); use another") from error
    try:
        _refuse_other_config(folder, config)
        yield Run(folder, config)
    finally:
        files.discard(folder / LOCK)
        lock.release()
        if made:
            with contextlib.suppress(OSError):
                folder.rmdir()  # only an empty one goes


def _refuse_other_config(folder, config):
    if not (folder / "config.json").exists():
        return
    other = files.read_json(folder / "config.json")
    mine, theirs = flatten(config), flatten(other)
    for field in sorted(mine.keys() | theirs.keys()):
        if mine.get(field) != theirs.get(field):
            raise UserError(
                f"{folder} holds a run of another config ({field} was {theirs.get(field)!r} and is "
                f"{mine.get(field)!r} now); use a new --workdir, or remove that folder"
            )


@contextlib.contextmanager
def stop_on_signals():
    """Turns SIGTERM and Ctrl-C inside the block into `Stopped`."""

    def stop(number, frame):
        signal.signal(number, signal.SIG_IGN)  # a second one must not break the clean-up
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def is_interactive():
    """Whether a person watches standard output; else progress bars would fill a log file."""
    return os.isatty(1)
