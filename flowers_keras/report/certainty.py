"""The report's section on results of other commands: folds, the learning curve, photos of other things.

These commands write beside the run, mostly after its report; then `refresh` updates the section.
"""

import math
import re
import shlex

from flowers_keras import config, files, next_command, user_paths
from flowers_keras.evaluation import learning_curve
from flowers_keras.report import figures, learning_curve_figure, next_steps, run_photos, templates

# (suffix of the folder beside the run, the file in it)
FOLDS, CURVE = (next_steps.FOLDS, "folds.json"), (next_steps.CURVE, "learning_curve.json")

UNKNOWN = "unknown.json"  # in the run's folder, as `evaluate --unknown` writes it

# Cross-validation keeps last epochs, starts from no other run and does none of these evaluations.
NOT_OF_FOLDS = config.WITHOUT_EFFECT | {
    *("frozen.keep", "frozen.patience", "finetune.keep", "finetune.patience"),
    *("model.start_from", "evaluation.tta", "evaluation.shift_photos"),
}

# The section is between these. No name can contain them: names are escaped.
BEGIN, END = "<!--certainty-->", "<!--end of certainty-->"


def section(folder, settings, metrics):
    """The section as Markup.

    Args:
      folder: pathlib.Path of the run.
      settings: its config as a plain dict.
      metrics: as in `metrics.json`.
    """
    folds, curve = (_read_beside(folder, settings, each) for each in (FOLDS, CURVE))
    unknown = files.read_json(folder / UNKNOWN).get("unknown") if (folder / UNKNOWN).exists() else None
    return templates.render(
        "page_certainty.html.j2",
        begin=BEGIN,
        end=END,
        test=metrics["test"],
        expected=_expected_reach(metrics),
        novelty=metrics.get("novelty"),
        folds=folds,
        cost_interval=cost_interval(folds) if folds else "",
        strip=figures.accuracy_strip(_rows(metrics["test"], folds)) if folds else None,
        curve=curve,
        drawing=learning_curve_figure.draw(curve) if curve else None,
        growth=learning_curve.describe(curve) if curve else None,
        unknown=unknown,
        commands={
            "folds": next_steps.folds_command(folder, settings),
            "curve": next_steps.folds_command(folder, settings, "learning_curve", CURVE[0]),
            "grown": next_command.spell(
                "python train.py", settings, f"{folder}-grown", model__start_from=str(folder)
            ),
            "unknown": shlex.join(
                [
                    *("python", "-m", "flowers_keras.evaluate", f"--model={folder}"),
                    *("--data=folder:PATH", "--unknown=folder:PATH", f"--output={folder / UNKNOWN}"),
                ]
            ),
        },
    )


def refresh(folder):
    """Updates the section in a run's report, after a command has written beside the run or into it.

    Args:
      folder: of the run, or one beside it, such as `runs/x-folds`.

    Returns:
      The report's path; None if there is no report with this section, or what was found is of another
      config or of other photos and is not shown.
    """
    name = re.sub(f"({FOLDS[0]}|{CURVE[0]})$", "", str(user_paths.user_path(folder)))
    run = user_paths.user_path(name)
    report = run / "report.html"
    if not all((run / each).exists() for each in ("report.html", "config.json", "metrics.json")):
        return None
    before, begin, rest = files.read_text(report).partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        return None
    settings = files.read_json(run / "config.json")
    new = section(run, settings, files.read_json(run / "metrics.json"))
    files.write_text(report, before + str(new).strip() + after)
    beside = [each for each in (FOLDS, CURVE) if str(folder).endswith(each[0])]
    return report if all(_read_beside(run, settings, each) for each in beside) else None


def _read_beside(folder, settings, place):
    """The result of a command on folds with the same settings as the run, or None."""
    other = folder.with_name(f"{folder.resolve().name}{place[0]}")
    if not all((other / each).exists() for each in ("config.json", place[1])):
        return None
    mine, theirs = config.flatten(settings), config.flatten(files.read_json(other / "config.json"))
    compared = {*config.FIELDS, "corrections_sha256"} - NOT_OF_FOLDS
    if not mine.get("features.views"):
        compared -= {"features.views"}
    same = all(mine.get(field) == theirs.get(field) for field in compared) and _same_photos(folder, other)
    return files.read_json(other / place[1]) if same else None


def _same_photos(*folders):
    """Whether runs are of the same photos in the same parts, as far as both say of which."""
    if not all((folder / run_photos.SPLITS).exists() for folder in folders):
        return True
    return len({run_photos.describe(run_photos.read(folder)) for folder in folders}) == 1


def _rows(test, folds):
    """Rows of `figures.accuracy_strip`: the test beside the folds."""
    each = [["test", test], ["folds", folds["pooled"]]]
    if "divided" in folds:
        each.append(["divided", folds["divided"]["pooled"]])
    return [(name, *(of[f"accuracy{which}"] for which in ("", "_tta", "_interval"))) for name, of in each]


def cost_interval(folds):
    """The 95 % interval of what new groups cost, in words; "" for older `folds.json` without it.

    Example:
      >>> cost_interval({"divided": {"cost": {"interval": [-0.041, 0.002]}}})
      ' (-4.1 to +0.2 points, 95 %)'
    """
    cost = folds.get("divided", {}).get("cost")
    return (
        " ({:+.1f} to {:+.1f} points, 95 %)".format(*(100 * each for each in cost["interval"]))
        if cost
        else ""
    )


def _expected_reach(metrics):
    """Half the width of the test accuracy's interval, and about that of all photos outside the test.

    An interval narrows as the root of the number of photos grows.
    """
    low, high = metrics["test"]["accuracy_interval"]
    count = sum(metrics["leaks"]["shares"][part]["count"] for part in ("train", "validation"))
    half = (high - low) / 2
    return {
        "test": half,
        "photos": count,
        "folds": half * math.sqrt(metrics["test"]["count"] / max(count, 1)),
    }
