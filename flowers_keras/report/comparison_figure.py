"""The figure of a comparison: the accuracies of each run, or group of runs, on one axis."""

import statistics

import matplotlib
from matplotlib.figure import Figure

from flowers_keras import files

INK, RULE, TEST_COLOR = "#20221f", "#dcd9d0", "#23603f"

LOOKS = (  # figure, marker, edge, face
    ("train", "o", "#b4530a", "#b4530a"),
    ("validation", "s", "#1f5fa8", "#1f5fa8"),
    ("test", "o", TEST_COLOR, TEST_COLOR),
    ("test TTA", "D", TEST_COLOR, "white"),
)

STEP = 0.18  # between the lines of a group, of the distance between groups

NAME_WIDTH = 32  # characters in a line of a run's name


def draw(groups, path):
    """Draws the groups of `compare.group_runs` one below the other, into a PNG or SVG file.

    Raises:
      UserError: the file cannot be written.
    """
    # Names are not TeX, and a figure that is drawn twice is the same file.
    with matplotlib.rc_context({"text.parse_math": False, "svg.hashsalt": "compare"}):
        figure = Figure((10, 1.3 + 0.95 * len(groups)), layout="constrained", facecolor="white")
        axes = figure.add_subplot()
        for row, group in enumerate(groups):
            _draw_group(axes, row, group)
        _style(axes, groups)
        known = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        figure.legend(known.values(), known.keys(), loc="outside upper left", ncols=4, frameon=False)
        with files.whole_file(path) as temporary:
            metadata = {"Date": None} if temporary.suffix == ".svg" else None
            figure.savefig(temporary, dpi=160, metadata=metadata)


def _draw_group(axes, row, group):
    """A line each of the four accuracies: their mean as a marker, the runs as faint dots, words beside."""
    places = {name: row + STEP * (i - 1.5) for i, (name, *_) in enumerate(LOOKS)}
    gap = ("test", "train")
    axes.plot([100 * group.mean(name) for name in gap], [places[name] for name in gap], color=RULE, zorder=1)
    interval = [100 * statistics.fmean(run.interval[side] for run in group.runs) for side in (0, 1)]
    look = {"linewidth": 7, "alpha": 0.25, "solid_capstyle": "butt"}
    axes.plot(interval, [places["test"]] * 2, color=TEST_COLOR, **look)
    for name, marker, edge, face in LOOKS:
        values = [100 * value for value in group.values(name)]
        if len(values) > 1:
            axes.plot(values, [places[name]] * len(values), ".", color=edge, alpha=0.6, markersize=5)
        if values:
            look = {"markeredgecolor": edge, "markerfacecolor": face, "markersize": 7, "zorder": 3}
            axes.plot(statistics.fmean(values), places[name], marker, label=name, **look)
    tta = f", TTA {group.text('test TTA')} %" if group.values("test TTA") else ""
    words = f"test {group.text('test')} %{tta}\ngap {group.text('gap')} points, {group.text('seconds')} s"
    axes.text(1.02, row, words, transform=axes.get_yaxis_transform(), va="center", color=INK, size=9)


def _style(axes, groups):
    lowest = min(
        min(run.interval[0], *(value for name, *_ in LOOKS for value in group.values(name)))
        for group in groups
        for run in group.runs
    )
    axes.set_xlim(max(0, 100 * lowest - 3), 101)
    axes.set_ylim(len(groups) - 0.4, -0.6)
    axes.set_yticks(range(len(groups)), [_label(group) for group in groups])
    axes.set_xlabel("accuracy, %; the bar is the 95 % interval of the test accuracy", color=INK)
    axes.grid(axis="x", color=RULE)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)


def _label(group):
    name = group.name if len(group.runs) == 1 else f"{group.name} (n={len(group.runs)})"
    return "\n".join(name[i : i + NAME_WIDTH] for i in range(0, len(name), NAME_WIDTH))
