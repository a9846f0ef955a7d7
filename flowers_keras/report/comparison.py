"""Runs side by side: their figures, and what differs between their configs.

Runs that differ in the seeds alone form a group, shown as mean and standard deviation.
"""

import csv
import dataclasses
import json
import math
import os
import pathlib
import statistics

from flowers_keras import config, files, user_paths
from flowers_keras.errors import UserError
from flowers_keras.report import run_photos

FIGURES = ("train", "validation", "test", "test TTA", "gap", "seconds")

NEEDED = ("config.json", "metrics.json", "predictions.csv", "report.html", run_photos.SPLITS)

FOLDS = "folds.json"  # what cross-validation leaves in place of metrics and report

FOLDS_NEEDED = ("config.json", FOLDS, "predictions.csv", run_photos.SPLITS)

NOTE = """accuracies in %; gap: train minus test, in points
n: runs that differ in the seeds alone; of more than one, mean ± standard deviation
seconds: features that were stored before cost none"""

# Runs of one group may differ in these: the draws of the training, and what changes no result.
# `data.split_seed` is not among them, since it chooses other test photos.
NOT_COMPARED = config.WITHOUT_EFFECT | {"seed", "augment.seed", "evaluation.shift_photos"}

STORED_FEATURES = "features"  # lies beside the runs unless features.cache_dir says otherwise


@dataclasses.dataclass(frozen=True)
class Finished:
    """A finished run, or a cross-validation, whose test photos are all that were held out.

    Attributes:
      name: its folder, as it was typed.
      folder: pathlib.Path.
      config: {"section.field": value}, and "photos": which they are, in a few words.
      figures: name of FIGURES -> value; accuracies and their gap from 0 to 1, or None.
      interval: (low, high), the 95 % interval of the test accuracy.
      photos: id of each test photo -> SHA-256 of its bytes.
    """

    name: str
    folder: pathlib.Path
    config: dict
    figures: dict
    interval: tuple
    photos: dict


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs whose configs differ at most in `NOT_COMPARED`."""

    runs: list

    @property
    def name(self):
        names = [run.name for run in self.runs]
        if len(names) == 1:
            return names[0]
        common = os.path.commonprefix(names)
        return f"{common}*" if common.strip("./") else f"{names[0]}, ..."

    def values(self, figure):
        """The figure in each run that has it."""
        return [run.figures[figure] for run in self.runs if run.figures[figure] is not None]

    def mean(self, figure):
        """Mean of the figure over the runs; None where no run has it."""
        values = self.values(figure)
        return statistics.fmean(values) if values else None

    def spread(self, figure):
        """Sample standard deviation of the figure; None of fewer than two runs."""
        values = self.values(figure)
        return statistics.stdev(values) if len(values) > 1 else None

    def text(self, figure):
        """The mean, in % or seconds, with the spread where there are several runs."""
        mean, spread = self.mean(figure), self.spread(figure)
        if mean is None:
            return "–"
        scale, digits = (1, 0) if figure == "seconds" else (100, 1)
        shown = f"{scale * mean:,.{digits}f}"
        return shown if spread is None else f"{shown} ± {scale * spread:,.{digits}f}"

    def setting(self, field):
        """The value of a config field, as JSON; of the seed, every run's."""
        shown = [json.dumps(run.config[field]) for run in self.runs if field in run.config]
        return ", ".join(dict.fromkeys(shown)) or "–"


def read_run(folder):
    """The Finished run in `folder`.

    Raises:
      UserError: it is not a folder, not a finished run, or its files are not those of a run.
    """
    name, folder = _printable(folder), pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(f"{name} is not a folder; type the --workdir of a finished run")
    folds = (folder / FOLDS).is_file()
    for needed in FOLDS_NEEDED if folds else NEEDED:
        if not (folder / needed).is_file():
            raise UserError(f"{name} is not a finished run ({needed} is missing); finish it or leave it out")
    metrics = files.read_json(folder / (FOLDS if folds else "metrics.json"))
    settings = files.read_json(folder / "config.json")
    try:
        figures, interval = (_read_folds if folds else _read_figures)(metrics)
        with open(folder / "predictions.csv", newline="", encoding="utf-8") as table:
            tested = [row[0] for row in list(csv.reader(table))[1:]]
        every = run_photos.read(folder)
        settings = config.flatten(settings) | {"photos": run_photos.describe(every)}
        photos = {photo: every[photo]["digest"] for photo in tested}
        return Finished(name, folder, settings, figures, interval, photos)
    except (AttributeError, KeyError, TypeError, IndexError, ValueError, OSError, csv.Error) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{name} does not hold the files of a run ({reason}); run it again") from error


def _read_figures(metrics):
    """({name of FIGURES: value}, interval of the test accuracy); ValueError where one is not finite."""
    test, train = metrics["test"], metrics["train"]
    tta = test["accuracy_tta"]
    figures = {
        "train": float(train["accuracy"]),
        "validation": float(metrics["validation"]["accuracy"]),
        "test": float(test["accuracy"]),
        "test TTA": None if tta is None else float(tta),
        "gap": float(train["accuracy"] - test["accuracy"]),
        "seconds": float(metrics["seconds"]["total"]),
    }
    return _finite(figures, test["accuracy_interval"])


def _read_folds(folds):
    """The same of a cross-validation, which has no figures of train and validation."""
    pooled = folds["pooled"]
    figures = dict.fromkeys(FIGURES) | {
        "test": float(pooled["accuracy"]),
        "test TTA": float(pooled["accuracy_tta"]),
        "seconds": float(sum(folds["seconds"].values())),
    }
    return _finite(figures, pooled["accuracy_interval"])


def _finite(figures, interval):
    low, high = map(float, interval)
    if not all(math.isfinite(value) for value in (low, high, *figures.values()) if value is not None):
        raise ValueError("a figure is not finite")
    return figures, (low, high)


def read_runs(folders):
    """The finished runs in `folders`, each once; skips the stored features that `runs/*` also names.

    Raises:
      UserError: see `read_run`; or no run is left.
    """
    found = {}
    for name in folders:
        folder = user_paths.user_path(name)
        if folder.name == STORED_FEATURES and folder.is_dir() and not (folder / NEEDED[0]).exists():
            print(f"left out {_printable(name)}: stored features, not a run")
        else:
            found.setdefault(folder.resolve(), folder)
    if not found:
        raise UserError("there is no run to compare; type the folders of finished runs")
    return [read_run(folder) for folder in found.values()]


def group_runs(runs):
    """Groups, in the order of their first runs, of those that are the same but for `NOT_COMPARED`."""
    groups = {}
    for run in runs:
        compared = {field: value for field, value in run.config.items() if field not in NOT_COMPARED}
        groups.setdefault(json.dumps(compared, sort_keys=True), []).append(run)
    return [Group(members) for members in groups.values()]


def describe(groups):
    """The comparison as text: the figures of each group, then each config field that differs."""
    paragraphs = [f"{text_table(figures_table(groups), right=True)}\n{NOTE}"]
    runs = [run for group in groups for run in group.runs]
    if any(run.photos != runs[0].photos for run in runs):
        paragraphs[0] += "\nthe runs were tested on different photos: small differences mean nothing"
    if any(run.photos.items() & runs[0].photos.items() for run in runs[1:]):
        from flowers_keras.report import pairs  # SciPy takes a second, which not every comparison needs

        paragraphs.append(text_table(pairs.paired_table(runs)))
    differences = differences_table(groups)
    if len(differences) > 1:
        paragraphs.append(text_table(differences))
    elif len(runs) > 1:
        paragraphs.append("the configs differ in nothing but the seeds")
    return "\n\n".join(paragraphs)


def figures_table(groups):
    """Rows of text: a header, then one for each group."""
    rows = [[group.name, str(len(group.runs)), *map(group.text, FIGURES)] for group in groups]
    return [["run", "n", *FIGURES], *rows]


def differences_table(groups):
    """Rows of text: a header, then one for each config field that is not the same in all groups."""
    fields = sorted({field for group in groups for run in group.runs for field in run.config})
    rows = [[field, *(_printable(group.setting(field)) for group in groups)] for field in fields]
    return [["config", *(group.name for group in groups)], *(row for row in rows if len(set(row[1:])) > 1)]


def text_table(rows, right=False):
    """Rows of text as lines with aligned columns; all but the first are flush right if `right`.

    Example:
      >>> print(text_table([["run", "test"], ["runs/a", "92.8"]], right=True))
      run      test
      runs/a   92.8
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = "<" + "<>"[right] * (len(widths) - 1)
    lines = (zip(row, sides, widths, strict=True) for row in rows)
    return "\n".join(
        "   ".join(f"{cell:{side}{width}}" for cell, side, width in line).rstrip() for line in lines
    )


def _printable(text):
    """Text without what would move a terminal's cursor or cannot be encoded."""
    return "".join(each if each.isprintable() else "?" for each in str(text))
