"""The report's drawings, as inline SVG."""

import math

from flowers_keras.report import svg

TOOLTIP_POINTS = 200  # more in a line overlap


def accuracy_strip(parts):
    """Accuracy of each part with its 95 % interval, one below the other.

    Args:
      parts: (name, accuracy, accuracy with TTA or None, [low, high]), accuracies from 0 to 1.
    """
    ticks = svg.even_ticks(min(0.9, *(part[3][0] for part in parts)))
    frame = svg.Frame((ticks[0], 1.0), (0.0, 1.0), (svg.WIDTH, 30 * len(parts) + 46), left=74)
    rows = []
    for i, part in enumerate(parts):
        rows += accuracy_row(frame, 24 + 30 * i, *part)
    rows.append(frame.axis([(v, svg.percent(v)) for v in ticks], "accuracy"))
    described = "; ".join(f"{name} {svg.percent(plain)}" for name, plain, *_ in parts)
    return svg.drawing(frame, "Accuracy of the parts", described, rows)


def accuracy_row(frame, y, name, plain, tta, interval):
    """Elements at the height `y`: a part's name, accuracy, and where given its TTA accuracy and interval."""
    row = [
        svg.text(frame.left - 10, y + 4, name, "label end"),
        svg.line(frame.left, y, frame.right, y, "grid"),
    ]
    if interval is not None:
        row.append(svg.line(frame.at_x(interval[0]), y, frame.at_x(interval[1]), y, f"interval {name}"))
    if tta is not None:
        row.append(svg.dot(frame.at_x(tta), y, 6, f"hollow {name}", f"{name}, TTA: {svg.percent(tta)}"))
    return [*row, svg.dot(frame.at_x(plain), y, 5, f"dot {name}", f"{name}: {svg.percent(plain)}")]


def training_curve(history, column, phase_names, kept, log=False):
    """One column of the history over the epochs of all phases, training beside validation.

    Args:
      history: rows as in `history.csv`, numbers as numbers, the phases one after the other.
      column: "accuracy" or "loss"; validation's is the same after `val_`.
      phase_names: phase -> the words above its part.
      kept: position in the history of the epoch whose weights were kept.
      log: whether the scale is logarithmic.
    """
    lines = {
        kind: [(i + 1, row[name]) for i, row in enumerate(history) if _drawable(row[name], log)]
        for kind, name in (("train", column), ("validation", f"val_{column}"))
    }
    values = [value for line in lines.values() for _, value in line] or [1.0]
    ticks = svg.log_ticks(min(values), max(values)) if log else svg.even_ticks(min(0.9, *values))
    frame = svg.Frame((0.5, len(history) + 0.5), (ticks[0], ticks[-1]), log=log)
    label = (lambda value: f"{value:g}") if log else svg.percent
    parts = [_phases(frame, history, phase_names), frame.grid([(v, label(v)) for v in ticks])]
    for kind, line in lines.items():
        parts.append(_curve(frame, line, kind, label))
    if _drawable(history[kept][f"val_{column}"], log):
        x, y = frame.at_x(kept + 1), frame.at_y(history[kept][f"val_{column}"])
        parts.append(svg.dot(x, y, 7, "hollow validation", f"kept: epoch {kept + 1}"))
    parts.append(frame.axis([(v, str(v)) for v in svg.whole_ticks(len(history))], "epoch"))
    described = "; ".join(
        f"{kind} from {label(line[0][1])} to {label(line[-1][1])}" for kind, line in lines.items() if line
    )
    return svg.drawing(frame, f"Training curve, {column}", described, parts)


def _phases(frame, history, names):
    """A bar and words above each phase, and a line where one ends and the next begins."""
    parts = []
    phases = [row["phase"] for row in history]
    for phase in dict.fromkeys(phases):
        start = phases.index(phase)
        left = frame.at_x(start + 0.5) + 2
        right = frame.at_x(start + phases.count(phase) + 0.5) - 2
        parts.append(svg.line(left, 20, right, 20, f"phase {phase}"))
        if start:
            parts.append(svg.line(left - 2, 20, left - 2, frame.bottom, "boundary"))
        # Words of the last phase end at the right edge: they fit however short the phase is.
        side = (frame.right, "label end") if start else (left, "label")
        parts.append(svg.text(side[0], 12, names[phase], side[1]))
    return svg.join(parts)


def _curve(frame, line, kind, label):
    points = [(frame.at_x(epoch), frame.at_y(value)) for epoch, value in line]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [svg.tag("polyline", points=path, class_=f"line {kind}")]
    if len(line) <= TOOLTIP_POINTS:
        for (x, y), (epoch, value) in zip(points, line, strict=True):
            parts.append(svg.dot(x, y, 2.5, f"dot {kind}", f"{kind}, epoch {epoch}: {label(value)}"))
    return svg.join(parts)


def reliability_diagram(bins, as_trained, bin_width):
    """How often the model is right at each confidence; on the diagonal it is calibrated.

    Args:
      bins: (lower edge, mean confidence, accuracy, count), as reliability.reliability gives.
      as_trained: the same before calibration.
      bin_width: of the confidence, from 0 to 1.
    """
    frame = svg.Frame((0.0, 1.0), (0.0, 1.0), (svg.WIDTH, 300), top=12, bottom=86)
    counts = svg.Frame(frame.x, (0, max(count for *_, count in bins)), frame.size, top=222, bottom=44)
    quarters = [(v, svg.percent(v)) for v in (0, 0.25, 0.5, 0.75, 1)]
    parts = [frame.grid(quarters), counts.axis(quarters, "confidence; the bars count the photos")]
    parts.append(svg.line(frame.at_x(0), frame.at_y(0), frame.at_x(1), frame.at_y(1), "boundary"))
    for lower, confidence, right, count in bins:
        words = f"{count} photos: confidence {svg.percent(confidence)}, accuracy {svg.percent(right)}"
        x = frame.at_x(confidence)
        parts.append(svg.line(x, frame.at_y(confidence), x, frame.at_y(right), "gap"))
        parts.append(svg.dot(x, frame.at_y(right), 5, "dot validation", words))
        box = {
            "x": frame.at_x(lower) + 1,
            "y": counts.at_y(count),
            "width": frame.at_x(bin_width) - frame.at_x(0) - 2,
            "height": counts.bottom - counts.at_y(count),
        }
        parts.append(svg.tag("rect", svg.tag("title", words), class_="bar", **box))
    for _, confidence, right, _ in as_trained:
        parts.append(svg.dot(frame.at_x(confidence), frame.at_y(right), 6, "hollow train"))
    described = "; ".join(
        f"at {svg.percent(c)} accuracy {svg.percent(a)} ({n} photos)" for _, c, a, n in bins
    )
    return svg.drawing(frame, "Reliability diagram", described, parts)


def shift_panel(condition, plain, accuracies):
    """Accuracy as a condition gets stronger.

    Args:
      condition: its name.
      plain: accuracy on the same photos as they are.
      accuracies: at each strength, mild to strong.
    """
    frame = svg.Frame((0, len(accuracies)), (0.0, 1.0), (170, 116), top=10, bottom=12)
    values = [plain, *accuracies]
    parts = [frame.grid([(v, svg.percent(v)) for v in (0, 0.5, 1)])]
    parts.append(svg.line(frame.at_x(0), frame.at_y(plain), frame.right, frame.at_y(plain), "boundary"))
    path = " ".join(f"{frame.at_x(i):.1f},{frame.at_y(v):.1f}" for i, v in enumerate(values))
    parts.append(svg.tag("polyline", points=path, class_="line test"))
    for i, value in enumerate(values):
        words = f"{condition}, strength {i}: {svg.percent(value)}"
        parts.append(svg.dot(frame.at_x(i), frame.at_y(value), 4, "dot test" if i else "hollow test", words))
    described = f"from {svg.percent(plain)} to " + ", ".join(map(svg.percent, accuracies))
    return svg.drawing(frame, f"Accuracy under {condition}", described, parts)


def _drawable(value, log):
    return math.isfinite(value) and (value > 0 or not log)
