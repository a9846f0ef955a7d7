"""The figure of a comparison: the accuracies of each run, or group of runs, on one axis."""

import pathlib
import re
import statistics
import textwrap

from markupsafe import Markup

from flowers_keras import files
from flowers_keras.photos.part_names import PARTS
from flowers_keras.report import figures, svg

WIDTH, TEXT = 760, 230  # of the drawing, and of the words at its right

ROW, LINE, SPACE = 24, 18, 14  # heights: of a part, of a line of a name, between groups

NAME_WIDTH = 90  # characters in a line of a run's name

MARGIN = 60  # above the first and below the last group, for the axis


def draw(groups, path):
    """Draws the groups of `comparison.group_runs` one below the other, into an SVG file.

    Raises:
      UserError: the file cannot be written.
    """
    files.write_text(path, str(drawing(groups)))


def drawing(groups):
    """The figure as an `svg` element that carries its own style, on white paper."""
    names = [textwrap.wrap(_label(group), NAME_WIDTH) for group in groups]
    heights = [LINE * len(lines) + ROW * len(PARTS) + SPACE for lines in names]
    lowest = min(min(run.interval[0], *_accuracies(run)) for group in groups for run in group.runs)
    ticks = svg.even_ticks(min(0.9, lowest))
    frame = svg.Frame((ticks[0], 1.0), (0.0, 1.0), (WIDTH, sum(heights) + MARGIN), left=100, right=TEXT)
    paper = svg.tag("rect", width=frame.size[0], height=frame.size[1], fill="white")
    rows, top = [svg.tag("style", _style()), paper], SPACE
    for group, lines, height in zip(groups, names, heights, strict=True):
        rows += [svg.text(12, top + LINE * (i + 1), line, "label name") for i, line in enumerate(lines)]
        rows += _group(frame, group, top + LINE * (len(lines) + 1))
        top += height
    title = "accuracy; the bar is the 95 % interval on test, the ring has TTA, small dots are single runs"
    rows.append(frame.axis([(value, svg.percent(value)) for value in ticks], title))
    described = "; ".join(f"{group.name}: test {group.text('test')} %" for group in groups)
    return svg.drawing(frame, "Accuracy of the runs", described, rows, width=WIDTH)


def _group(frame, group, top):
    """A row for each part: the mean as a large dot, the runs as small ones, the figures beside them."""
    rows = []
    for i, part in enumerate(PARTS):
        if group.mean(part) is None:
            continue
        y = top + ROW * i
        tta, interval, words = None, None, f"{group.text(part)} %"
        if part == "test":
            tta = group.mean("test TTA")
            interval = [statistics.fmean(run.interval[side] for run in group.runs) for side in (0, 1)]
            words += "" if tta is None else f", TTA {group.text('test TTA')} %"
        rows += figures.accuracy_row(frame, y, part, group.mean(part), tta, interval)
        if len(group.runs) > 1:
            rows += [svg.dot(frame.at_x(value), y + 8, 2, f"dot {part}") for value in group.values(part)]
        rows.append(svg.text(frame.right + 12, y + 4, words, "label"))
    return rows


def _style():
    """The page's rules for drawings with its light colours filled in, as not every program knows `var`."""
    palette, sheet = (
        pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8")
        for name in ("palette.css", "drawing.css")
    )
    light = dict(re.findall(r"(--\w+): ([^;]+);", palette.partition("@media")[0]))
    rules = re.sub(r"var\((--\w+)\)", lambda match: light[match[1]], sheet)
    return Markup("svg { font-family: sans-serif; }\n" + rules)


def _accuracies(run):
    return [run.figures[name] for name in (*PARTS, "test TTA") if run.figures[name] is not None]


def _label(group):
    count = f" (n={len(group.runs)})" if len(group.runs) > 1 else ""
    return f"{group.name}{count}: gap {group.text('gap')} points, {group.text('seconds')} s"
