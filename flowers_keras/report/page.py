"""report.html: the results of a run on one self-contained page."""

import html
import json

import numpy as np

from flowers_keras import __version__, files, user_paths
from flowers_keras.evaluation import doubts, reliability
from flowers_keras.photos.part_names import PARTS
from flowers_keras.report import certainty, confusion, examples, figures, next_steps, templates
from flowers_keras.training import selection


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
    history, doubted = run.read_history(), doubts.count_clear(predictions.labels, predictions.plain)
    text = templates.render(
        "page.html.j2",
        name=run.folder.resolve().name,
        metrics=metrics,
        class_names=names,
        wrong=len(wrong),
        mistakes=mistakes,
        doubtful=examples.doubtful_pairs(photos, metrics["leaks"]["doubtful"]),
        doubted=doubted,
        cross_validate=next_steps.folds_command(run.folder, run.config),
        certainty=certainty.section(run.folder, run.config, metrics),
        steps=next_steps.next_steps(run, metrics, history, doubted),
        config=config_sections(run.config),
        drawings=draw(metrics, predictions, history, run.config),
        advice=next_steps.advise_epochs(history, run.config),
        matrix=confusion.confusion_cells(matrix, names),
        weakest=confusion.weakest_classes(metrics["test"]["per_class"]),
        confused=confusion.confused_pairs(matrix, names),
        version=__version__,
    )
    files.write_text(run.path("report.html"), str(text))


def announce(run):
    """Prints the result of a finished run and where its report is.

    Returns:
      The metrics, as in `metrics.json`.
    """
    metrics = files.read_json(run.path("metrics.json"))
    test = metrics["test"]
    low, high = test["accuracy_interval"]
    tta = "" if test["accuracy_tta"] is None else f", with TTA {test['accuracy_tta']:.1%}"
    print(
        f"{run.folder}: test accuracy {test['accuracy']:.1%} ({low:.1%} to {high:.1%}, "
        f"{test['count']} photos){tta}, {metrics['seconds']['total']:.0f} seconds"
    )
    for each in metrics["verdict"]:
        print(f"  {each['level']}: {each['title']}")
    print(f"  see {run.path('report.html')}")
    return metrics


def show(workdir, height=800):
    """The report of a finished run, for a notebook's output: in a frame, so that its style stays in it.

    Args:
      workdir: the run's folder.
      height: of the frame, in pixels.

    Returns:
      IPython.display.HTML.

    Raises:
      UserError: there is no report.
    """
    from IPython.display import HTML  # which only notebooks have

    page = html.escape(files.read_text(user_paths.user_path(workdir) / "report.html"))
    return HTML(f'<iframe srcdoc="{page}" width="100%" height="{height}" style="border: 0"></iframe>')


def draw(metrics, predictions, history, config):
    """The page's drawings by name, as Markup."""
    as_trained = reliability.apply_temperature(predictions.plain, 1 / metrics["temperature"])
    bins = [
        reliability.reliability(each.max(axis=1), each.argmax(axis=1) == predictions.labels)
        for each in (predictions.plain, as_trained)
    ]
    phase_names = {
        "frozen": f"head, rate {config['frozen']['learning_rate']:g}",
        "finetune": f"after {config['model']['unfreeze_from']}, rate {config['finetune']['learning_rate']:g}",
    }
    kept = selection.kept_epoch(history, config)
    conditions = (metrics.get("shift") or {}).get("conditions", {})
    return {
        "strip": figures.accuracy_strip(
            [
                (part, *(metrics[part][f"accuracy{which}"] for which in ("", "_tta", "_interval")))
                for part in PARTS
            ]
        ),
        "accuracy": figures.training_curve(history, "accuracy", phase_names, kept),
        "loss": figures.training_curve(history, "loss", phase_names, kept, log=True),
        "reliability": figures.reliability_diagram(*bins, bin_width=1 / reliability.BINS),
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
    sections = {name: value for name, value in config.items() if isinstance(value, dict)}
    alone = {name: value for name, value in config.items() if not isinstance(value, dict)}
    sections = {"run": alone | sections.pop("run", {})} | sections
    return [
        (name, [(field, json.dumps(value, ensure_ascii=False)) for field, value in fields.items()])
        for name, fields in sections.items()
    ]
