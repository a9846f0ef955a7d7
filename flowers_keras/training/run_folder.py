"""The folder of a run: one config, resumable, for one process at a time or for jobs that share a pass.

report.html      for people: the verdict, every metric, the mistakes
README.md        the model card
metrics.json     every metric
model.keras      float32, calibrated; class names and image size are inside
labels.json      class names, in the order of the output
predictions.csv  the test photos: true class, a probability per class
splits.json      which photo went where, what was left out and why
history.csv      one row per epoch; tensorboard/ has the same as curves
config.json      every field of the experiment; machine.json what it ran on
"""

import contextlib
import csv
import functools
import pathlib
import time

import keras

from flowers_keras import distributed, files, locks, progress, runtime, user_paths
from flowers_keras.config import WITHOUT_EFFECT, flatten
from flowers_keras.errors import UserError

HISTORY = (
    *("phase", "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"),
    "val_balanced_accuracy",
)

LOCK = ".lock"

SECONDS = "checkpoints/seconds.json"

MACHINE = "machine.json"


class Run:
    """The folder of one run; its files are those listed above.

    Attributes:
      folder: pathlib.Path.
      seconds: stage -> seconds spent in it so far, over all starts of the run.
      counts: part -> number of photos, once they are split.
      expected: stage to come -> its forecast seconds.
    """

    def __init__(self, folder, config):
        self.folder = pathlib.Path(folder)
        self.config = config
        self.seconds = files.read_json(self.path(SECONDS)) if self.path(SECONDS).exists() else {}
        self._stage, self._since = None, 0.0
        self.counts, self.expected, self._remarks = {}, {}, []

    def path(self, name):
        """pathlib.Path of a file of the run."""
        return self.folder / name

    @property
    def finished(self):
        """Whether metrics and report are written, so that only the result is left to print."""
        return self.path("metrics.json").exists() and self.path("report.html").exists()

    @functools.cached_property
    def policy(self):
        """The dtype policy of the run: what "auto" meant in process 0 when it began, wherever it resumes.

        Raises:
          UserError: this machine cannot compute in it.
        """
        wanted = runtime.resolve_policy(self.config["runtime"]["dtype_policy"])
        if self.path(MACHINE).exists():
            begun = files.read_json(self.path(MACHINE))["dtype_policy"]
        else:
            begun = distributed.all_gather(wanted)[0]
        if not runtime.can_compute(begun):
            raise UserError(
                f"the run in {self.folder} computes in {begun}, which this GPU cannot; resume it "
                "on another machine, or start again in a new --workdir"
            )
        if begun != wanted:
            print(f"resuming in {begun}, as the run began; a new run would compute in {wanted}")
        return begun

    def begin(self):
        """Writes `config.json`, which makes the folder this run's.

        Raises:
          UserError: the run has weights that this backend of Keras would draw differently.
        """
        self._refuse_other_weights()
        files.write_json(self.path("config.json"), self.config)
        self.record_machine()
        self.note_seconds()

    def record_machine(self):
        """Writes `machine.json`: the run's precision and each machine that has worked on it.

        Returns:
          Its content: {"dtype_policy", "machines": [`runtime.describe_machine()` of each]}.
        """
        path, now = self.path(MACHINE), runtime.describe_machine()
        before = files.read_json(path)["machines"] if path.exists() else []
        machines = before if now in before else [*before, now]
        record = {"dtype_policy": self.policy, "machines": machines}
        files.write_json(path, record)
        return record

    def _refuse_other_weights(self):
        """Refuses (UserError) random weights other than those on which checkpoints of this run were trained.

        The frozen part is in no checkpoint, but built again; each backend draws other numbers of a seed.
        """
        model = self.config.get("model", {})
        drawn = model.get("weights") == "" and not model.get("start_from")
        if not drawn or not self.path(MACHINE).exists():
            return
        now = keras.backend.backend()
        begun = files.read_json(self.path(MACHINE))["machines"][0].get("backend", now)
        if begun != now:
            raise UserError(
                f"the run in {self.folder} has random weights, drawn by Keras's backend {begun}; type "
                f"KERAS_BACKEND={begun} before the command, or start again in a new --workdir"
            )

    def finish(self):
        """Removes what only an unfinished run needs."""
        files.discard(self.path("checkpoints"))
        for leftover in self.folder.glob(files.LEFTOVER):
            files.discard(leftover)

    @contextlib.contextmanager
    def stage(self, name, told=True):
        """Adds the seconds of the block to stage `name`, even if the block is interrupted.

        A stage that completes prints a line: its seconds, its remarks and the time left of the run.
        """
        self._stage, self._since, self._remarks = name, time.monotonic(), []
        try:
            yield
        except BaseException:
            with contextlib.suppress(UserError):  # the disk may be full: the first error counts
                self.note_seconds()
            raise
        else:
            self.note_seconds()
            self.expected.pop(name, None)
            if told:
                progress.note(self._tell(name))
        finally:
            self._stage = None

    def remark(self, text):
        """Adds to the line that the current stage will print."""
        self._remarks.append(text)

    def _tell(self, name):
        line = f"{name}: {', '.join([progress.duration(self.seconds[name]), *self._remarks])}"
        left = sum(self.expected.values())
        return f"{line}; the run has about {progress.duration(left)} left" if left else line

    def note_seconds(self):
        """Saves the seconds of the stage so far; a kill loses only those after the last call."""
        if self._stage:
            now = time.monotonic()
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + now - self._since
            self._since = now
        if self.path("config.json").exists():  # otherwise the folder is not this run's yet
            files.write_json(self.path(SECONDS), self.seconds)

    def subrun(self, name):
        """A Run inside this one, such as a fold, in the folder `name`; its seconds count as this run's."""
        subrun = Run(self.path(name), self.config)
        subrun.note_seconds = self.note_seconds
        return subrun

    def write_history(self, rows):
        """Writes `history.csv`; a row is a dict with the columns `HISTORY`."""
        files.write_csv(self.path("history.csv"), HISTORY, [[row[name] for name in HISTORY] for row in rows])

    def read_history(self):
        """The rows of `history.csv`, numbers as numbers."""
        with open(self.path("history.csv"), newline="", encoding="utf-8") as file:
            return [
                {name: value if name == "phase" else float(value) for name, value in row.items()}
                for row in csv.DictReader(file)
            ]


@contextlib.contextmanager
def open_run(folder, config, shared=False):
    """Yields the Run in `folder`, locked against a second process.

    Args:
      folder: the workdir, created if absent, and removed again if nothing is written into it.
      config: the run's config as a plain dict.
      shared: whether other processes that also pass True may open it at the same time.

    Raises:
      UserError: another process works in the folder, it holds a run of another config, or it
        cannot be written.
    """
    folder = user_paths.user_path(folder)
    made = not folder.exists()
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if made:
                held.callback(_remove_if_empty, folder)
            held.enter_context(locks.hold(folder / LOCK, shared))
        except locks.Held as error:
            raise UserError(
                f"another process is working in {folder}; wait for it or use a new --workdir"
            ) from error
        except OSError as error:
            raise UserError(
                f"--workdir={folder} cannot be written ({error.strerror}); use another"
            ) from error
        _refuse_other_config(folder, config)
        yield Run(folder, config)


def _remove_if_empty(folder):
    with contextlib.suppress(OSError):
        folder.rmdir()


def _refuse_other_config(folder, config):
    """Refuses (UserError) to resume a run whose config would give other results."""
    if not (folder / "config.json").exists():
        return
    mine, theirs = flatten(config), flatten(files.read_json(folder / "config.json"))
    for field in sorted((mine.keys() | theirs.keys()) - WITHOUT_EFFECT):
        if mine.get(field) != theirs.get(field):
            raise UserError(
                f"{folder} holds a run of another config ({field} was {theirs.get(field)!r} and is "
                f"{mine.get(field)!r} now); use a new --workdir"
            )
