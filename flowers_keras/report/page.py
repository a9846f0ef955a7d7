"""report.html: the figures of a run on one page that opens anywhere."""

import csv
import json
import pathlib

import jinja2
import numpy as np
from markupsafe import Markup

from flowers_keras import __version__, files
from flowers_keras.evaluation import scores
from flowers_keras.report import confusion, examples, figures


def write_report(run, metrics, predictions, photos, positions, model):
    """Writes `report.html`: one self-contained file, in which every name is escaped.

    Args:
      run: run_folder.Run, whose config and `history.csv` are shown.
      metrics: as in `metrics.json`.
      predictions: prediction_table.Predictions of the test photos.
      photos: sources.Photos.
      positions: int [count], the test photos' positions in `photos`, in the order of `predictions`.
      model: a classifier, whose heat maps are shown; None for none.
    """
    wrong = np.flatnonzero(predictions.plain.argmax(axis=1) != predictions.labels)
    mistakes = examples.find_mistakes(predictions, photos, positions, wrong)
    if model is not None:
        examples.add_heat_maps(mistakes, photos, run.config["data"]["image_size"], model)
    matrix, names = metrics["test"]["confusion"], predictions.class_names
    page = _environment().get_template("page.html.j2")
    text = page.render(
        name=run.folder.resolve().name,
        metrics=metrics,
        class_names=names,
        wrong=len(wrong),
        mistakes=mistakes,
        doubtful=examples.doubtful_pairs(photos, metrics["leaks"]["doubtful"]),
        config=config_sections(run.config),
        drawings=draw(metrics, predictions, read_history(run.path("history.csv")), run.config),
        matrix=confusion.confusion_cells(matrix, names),
        weakest=confusion.weakest_classes(metrics["test"]["per_class"]),
        confused=confusion.confused_pairs(matrix, names),
        version=__version__,
    )
    # A file name may hold bytes that are not text; they show as question marks.
    files.write_text(run.path("report.html"), text.encode("utf-8", "replace").decode())


def announce(run):
    """Prints what a finished run found, and where it is.

    Returns:
      The metrics, as in `metrics.json`.
    """
    metrics = files.read_json(run.path("metrics.json"))
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    tta = "" if test["accuracy_tta"] is None else f", with TTA {test['accuracy_tta']:.1%}"
    print(
        f"{run.folder}: test accuracy {test['accuracy']:.1%}{tta} "
        f"({low:.1%} to {high:.1%}, {test['count']} photos), {metrics['seconds']['total']:.0f} seconds"
    )
    for each in metrics["verdict"]:
        print(f"  {each['level']}: {each['title']}")
    print(f"  see {run.path('report.html')}")
    return metrics


def read_history(path):
    """The rows of `history.csv` with its numbers as numbers."""
    with open(path, newline="", encoding="utf-8") as file:
        return [
            {name: value if name == "phase" else float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]


def draw(metrics, predictions, history, config):
    """The page's drawings by name, as Markup; of the learning curves also which epoch was kept."""
    as_trained = scores.apply_temperature(predictions.plain, 1 / metrics["temperature"])
    bins = [
        scores.reliability(each.max(axis=1), each.argmax(axis=1) == predictions.labels)
        for each in (predictions.plain, as_trained)
    ]
    phase_names = {
        "frozen": f"head, rate {config['frozen']['learning_rate']:g}",
        "finetune": f"after {config['model']['unfreeze_from']}, rate {config['finetune']['learning_rate']:g}",
    }
    conditions = (metrics.get("shift") or {}).get("conditions", {})
    return {
        "strip": figures.accuracy_strip(
            [
                (part, *(metrics[part][f"accuracy{which}"] for which in ("", "_tta", "_interval")))
                for part in figures.PARTS
            ]
        ),
        "accuracy": figures.learning_curve(history, "accuracy", phase_names),
        "loss": figures.learning_curve(history, "loss", phase_names, log=True),
        "kept": history[figures.best_epoch(history)],
        "reliability": figures.reliability_diagram(*bins, bin_width=1 / scores.CALIBRATION_BINS),
        "shift": {
            name: figures.shift_panel(name, metrics["shift"]["accuracy"], accuracies)
            for name, accuracies in conditions.items()
        },
    }


def config_sections(config):
    """(section, [(field, value as JSON)]); fields that are in no section come first.

    Example:
      >>> config_sections({"data": {"source": "synthetic"}, "seed": 0})
      [('run', [('seed', '0')]), ('data', [('source', '"synthetic"')])]
    """
    sections = {"run": {name: value for name, value in config.items() if not isinstance(value, dict)}}
    sections |= {name: value for name, value in config.items() if isinstance(value, dict)}
    return [
        (name, [(field, json.dumps(value, ensure_ascii=False)) for field, value in fields.items()])
        for name, fields in sections.items()
    ]


def _environment():
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {
        "percent": lambda value: _data(value, "{:.1%}"),
        "hundredths": lambda value: _data(value, "{:.1%}", unit=""),
        "decimal": lambda value: _data(value, "{:.4f}"),
        "whole": lambda value: _data(value, "{:,}"),
        "seconds": lambda value: _data(value, "{:,.1f}"),
    }
    return environment


def _data(value, form, unit="\N{NO-BREAK SPACE}%"):
    """A figure as it is read, with the figure in full behind it; a dash where there is none."""
    if value is None:
        return Markup('<span class="none">–</span>')
    shown = form.format(value).replace("%", unit)
    return Markup('<data value="{}">{}</data>').format(json.dumps(value), shown)
