"""report.html: the figures of a run on one page that opens anywhere."""

import csv
import json
import pathlib

import jinja2
import numpy as np
from markupsafe import Markup

from flowers_keras import __version__, files
from flowers_keras.evaluation import scores
from flowers_keras.model import explain
from flowers_keras.photos import pipeline
from flowers_keras.report import figures, thumbnails

PARTS = ("train", "validation", "test")

MISTAKES = 12  # photos shown that it got most wrong

DOUBTFUL = 12  # pairs shown whose labels are in doubt

MATRIX_CLASSES = 40  # more than these make no readable matrix

CONFUSED = 20  # pairs of classes named in its place

ODDS = 3  # most probable classes shown of a mistake


def write_report(run, metrics, predictions, photos, positions, model):
    """Writes `report.html`: one file, self-contained, every name in it escaped.

    Args:
      run: run_folder.Run, whose config and `history.csv` are shown.
      metrics: as in `metrics.json`.
      predictions: evaluate.Predictions of the test photos.
      photos: sources.Photos.
      positions: int [count], the test photos' positions in `photos`, in the order of `predictions`.
      model: a classifier, whose heat maps are shown; None for none.
    """
    wrong = np.flatnonzero(predictions.plain.argmax(axis=1) != predictions.labels)
    mistakes = find_mistakes(predictions, photos, positions, wrong)
    if model is not None:
        add_heat_maps(mistakes, photos, run.config["data"]["image_size"], model)
    page = (
        _environment()
        .get_template("page.html.j2")
        .render(
            name=run.folder.resolve().name,
            metrics=metrics,
            leaks=metrics["leaks"],
            shift=metrics.get("shift"),
            class_names=predictions.class_names,
            wrong=len(wrong),
            mistakes=mistakes,
            doubtful=doubtful_pairs(photos, metrics["leaks"]["doubtful"][:DOUBTFUL]),
            config=config_sections(run.config),
            drawings=draw(metrics, predictions, read_history(run.path("history.csv")), run.config),
            matrix=confusion_cells(metrics["test"]["confusion"], predictions.class_names),
            confused=confused_pairs(metrics["test"]["confusion"], predictions.class_names),
            version=__version__,
        )
    )
    # A file name may hold bytes that are no text; they show as question marks.
    files.write_text(run.path("report.html"), page.encode("utf-8", "replace").decode())


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
    test = predictions.plain, scores.apply_temperature(predictions.plain, metrics["temperature"])
    bins = [scores.reliability(each.max(axis=1), each.argmax(axis=1) == predictions.labels) for each in test]
    phase_names = {
        "frozen": f"head, rate {config['frozen']['learning_rate']:g}",
        "finetune": f"after {config['model']['unfreeze_from']}, rate {config['finetune']['learning_rate']:g}",
    }
    conditions = (metrics.get("shift") or {}).get("conditions", {})
    return {
        "strip": figures.accuracy_strip(
            [
                (part, *(metrics[part][f"accuracy{which}"] for which in ("", "_tta", "_interval")))
                for part in PARTS
            ]
        ),
        "accuracy": figures.learning_curve(history, "accuracy", phase_names),
        "loss": figures.learning_curve(history, "loss", phase_names, log=True),
        "kept": history[figures.best_epoch(history)],
        "reliability": figures.reliability_diagram(*bins),
        "shift": {
            name: figures.shift_panel(name, metrics["shift"]["accuracy"], accuracies)
            for name, accuracies in conditions.items()
        },
    }


def find_mistakes(predictions, photos, positions, wrong):
    """The photos that it got most wrong: those whose true class it held least likely.

    Args:
      wrong: int [count], rows of `predictions` that were named wrongly.

    Returns:
      A list of dicts: id, true (class name), position, photo (Thumbnail or None), heat (None), odds:
      (class name, probability, whether it is the true one), most probable first.
    """
    true = predictions.plain[wrong, predictions.labels[wrong]]
    rows = wrong[np.argsort(true, kind="stable")[:MISTAKES]]
    return [
        {
            "id": predictions.ids[row],
            "true": predictions.class_names[predictions.labels[row]],
            "position": int(positions[row]),
            "photo": thumbnails.photo_thumbnail(photos, int(positions[row])),
            "heat": None,
            "odds": _odds(predictions, row),
        }
        for row in rows
    ]


def _odds(predictions, row):
    label, probabilities = predictions.labels[row], predictions.plain[row]
    order = np.argsort(-probabilities, kind="stable")
    shown = [k for rank, k in enumerate(order) if rank < ODDS or k == label]
    return [(predictions.class_names[k], float(probabilities[k]), bool(k == label)) for k in shown]


def add_heat_maps(mistakes, photos, image_size, model):
    """Adds what the decision was based on to those of `mistakes` that have a photo."""
    shown = [each for each in mistakes if each["photo"]]
    if not shown:
        return
    positions = [each["position"] for each in shown]
    batch = next(pipeline.plain_batches(photos, positions, image_size, len(shown)).as_numpy_iterator())
    overlays = explain.overlay(batch, explain.heat_maps(model, batch))
    for each, overlay in zip(shown, overlays, strict=True):
        each["heat"] = thumbnails.overlay_thumbnail(overlay, each["photo"])


def doubtful_pairs(photos, pairs):
    """Pairs that look alike and carry different labels, with their photos and labels."""
    position = {name: i for i, name in enumerate(photos.ids)} if pairs else {}

    def show(name):
        label = photos.class_names[photos.labels[position[name]]]
        return {
            "id": name,
            "label": label,
            "photo": thumbnails.photo_thumbnail(photos, position[name]),
        }

    return [{"photos": [show(one), show(other)], "bits": bits} for one, other, bits in pairs]


def confusion_cells(confusion, class_names):
    """(class name, cells) of each row; a cell's shade is its share of the row. Empty if too many."""
    if len(class_names) > MATRIX_CLASSES:
        return []
    return [
        (name, [_cell(i, j, count, sum(row), class_names) for j, count in enumerate(row)])
        for i, (name, row) in enumerate(zip(class_names, confusion, strict=True))
    ]


def _cell(i, j, count, there, class_names):
    share = count / max(there, 1)
    # Mistakes are few: the root keeps a single one visible. More than 0.7 would hide the figure.
    shade = 0.7 * (share if i == j else share**0.5)
    return {
        "count": count,
        "look": ("right" if i == j else "wrong") if count else "zero",
        "shade": f"{shade:.2f}",
        "words": f"{class_names[i]} taken for {class_names[j]}: {count} of {there}",
    }


def confused_pairs(confusion, class_names):
    """(class, taken for, count) of the classes most often confused, most often first."""
    matrix = np.array(confusion)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:CONFUSED]
    pairs = zip(*np.unravel_index(order, matrix.shape), strict=True)
    return [(class_names[i], class_names[j], int(matrix[i, j])) for i, j in pairs if matrix[i, j]]


def config_sections(config):
    """(section, [(field, value as JSON)]); fields that are in no section come first."""
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
