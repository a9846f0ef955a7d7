"""Runs side by side: a table, a figure, and what differs between their configs.

python -m flowers_keras.compare RUN ... [--output=compare.png]
"""

import csv
import dataclasses
import json
import math
import os
import pathlib
import statistics

from flowers_keras import files
from flowers_keras.config import flatten
from flowers_keras.errors import UserError

FIGURES = ("train", "validation", "test", "test TTA", "gap", "seconds")

NEEDED = ("config.json", "metrics.json", "predictions.csv", "report.html")

FORMATS = (".png", ".svg")

NOTE = """accuracies in %; gap: train less test, in points
n: runs that differ in the seed alone, and of more than one the mean ± standard deviation"""

# What changes no accuracy but by chance: the seed, where files lie, what is measured besides.
ASIDE = ("seed", "data.data_dir", "features.cache_dir", "evaluation.shift_photos")

STORED_FEATURES = "features"  # lies beside the runs unless features.cache_dir says otherwise


@dataclasses.dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
      name: its folder, as it was typed.
      config: {"section.field": value}.
      figures: name of FIGURES -> value; accuracies and their gap from 0 to 1, or None.
      interval: (low, high), the 95 % interval of the test accuracy.
      photos: the ids of its test photos.
    """

    name: str
    config: dict
    figures: dict
    interval: tuple
    photos: frozenset


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs whose configs are the same but for `ASIDE`."""

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
      UserError: it is no folder, no finished run, or its files are not those of a run.
    """
    name, folder = _printable(folder), pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(f"{name} is no folder; type the --workdir of a finished run")
    for needed in NEEDED:
        if not (folder / needed).is_file():
            raise UserError(f"{name} is no finished run ({needed} is not there); finish it or leave it out")
    metrics = files.read_json(folder / "metrics.json")
    try:
        config = flatten(files.read_json(folder / "config.json"))
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
        low, high = map(float, test["accuracy_interval"])
        with open(folder / "predictions.csv", newline="", encoding="utf-8") as table:
            photos = frozenset(row[0] for row in list(csv.reader(table))[1:])
        if not all(math.isfinite(value) for value in (low, high, *figures.values()) if value is not None):
            raise ValueError("a figure is not finite")
    except (AttributeError, KeyError, TypeError, IndexError, ValueError, OSError, csv.Error) as error:
        raise UserError(
            f"{name} does not hold the files of a run ({type(error).__name__}: {error}); run it again"
        ) from error
    return Finished(name, config, figures, (low, high), photos)


def group_runs(runs):
    """Groups, in the order of their first runs, of those that are the same but for `ASIDE`."""
    groups = {}
    for run in runs:
        recipe = {field: value for field, value in run.config.items() if field not in ASIDE}
        groups.setdefault(json.dumps(recipe, sort_keys=True), []).append(run)
    return [Group(members) for members in groups.values()]


def figures_table(groups):
    """Rows of text: a header, then a group each."""
    rows = [["run", "n", *FIGURES]]
    for group in groups:
        cells = [group.text(figure) for figure in FIGURES]
        rows.append([group.name, str(len(group.runs)), *cells])
    return rows


def differences_table(groups):
    """Rows of text: a header, then each config field that is not the same in all groups."""
    fields = sorted({field for group in groups for run in group.runs for field in run.config})
    rows = [[field, *(_printable(group.setting(field)) for group in groups)] for field in fields]
    return [
        ["config", *(group.name for group in groups)],
        *(row for row in rows if len(set(row[1:])) > 1),
    ]


def _lines(rows, right=False):
    """A table as lines of text: the first column to the left, the others to the right if `right`."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{cell:{'<>'[right and i > 0]}{widths[i]}}" for i, cell in enumerate(row)]
        yield "   ".join(cells).rstrip()


def _printable(text):
    """Text without what would move a terminal's cursor or cannot be encoded."""
    return "".join(each if each.isprintable() else "?" for each in str(text))


def run_folders(names):
    """The folders to read: each once, without the stored features that `runs/*` also names."""
    folders = {}
    for name in names:
        folder = files.user_path(name)
        if folder.name == STORED_FEATURES and folder.is_dir() and not (folder / NEEDED[0]).exists():
            print(f"left out {_printable(name)}: stored features, not a run")
        else:
            folders.setdefault(folder.resolve(), folder)
    if not folders:
        raise UserError("there is no run to compare; type the folders of finished runs")
    return folders.values()
