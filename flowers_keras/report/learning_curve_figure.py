"""The figure of a learning curve: accuracy by the number of training photos, and its extrapolation."""

import math

from flowers_keras.report import svg


def draw(found):
    """Accuracy with its interval at each number of photos; the ring is what twice as many would give.

    Args:
      found: as in `learning_curve.json`.
    """
    points, last = found["points"], found["points"][-1]
    following = found["next_doubling"]
    expected, low, high = (
        min(1.0, max(0.0, last["accuracy"] + value)) for value in (following["gain"], *following["interval"])
    )
    counts = [point["photos"] for point in points]
    lowest = min(low, *(point["interval"][0] for point in points))
    ticks = svg.even_ticks(max(0.0, min(0.9, lowest)))
    span = math.log2(counts[0]) - 0.3, math.log2(2 * counts[-1]) + 0.3
    frame = svg.Frame(span, (ticks[0], 1.0), top=12)
    parts = [frame.grid([(value, svg.percent(value)) for value in ticks])]
    # The trend is clipped to the frame, as its interval may leave it.
    bottom = max(low, ticks[0])
    parts.append(_bar(frame, 2 * counts[-1], bottom, high, "interval train"))
    parts.append(_line(frame, [(counts[-1], last["accuracy"]), (2 * counts[-1], expected)], "train"))
    parts.append(_line(frame, [(point["photos"], point["accuracy"]) for point in points], "validation"))
    for point in points:
        parts.append(_bar(frame, point["photos"], *point["interval"], "interval validation"))
        words = f"{point['photos']:,} training photos: {svg.percent(point['accuracy'])}"
        parts.append(_dot(frame, point["photos"], point["accuracy"], "dot validation", words))
    words = f"{2 * counts[-1]:,} photos, if the trend holds: {svg.percent(expected)}"
    parts.append(_dot(frame, 2 * counts[-1], expected, "hollow train", words))
    shown = [(math.log2(count), f"{count:,}") for count in (*counts, 2 * counts[-1])]
    parts.append(frame.axis(shown, "training photos"))
    described = "; ".join(f"{point['photos']:,} photos {svg.percent(point['accuracy'])}" for point in points)
    return svg.drawing(frame, "Accuracy by the number of training photos", described, parts)


def _dot(frame, count, accuracy, style, words):
    return svg.dot(frame.at_x(math.log2(count)), frame.at_y(accuracy), 5, style, words)


def _bar(frame, count, low, high, style):
    x = frame.at_x(math.log2(count))
    return svg.line(x, frame.at_y(low), x, frame.at_y(high), style)


def _line(frame, points, style):
    places = " ".join(f"{frame.at_x(math.log2(x)):.1f},{frame.at_y(y):.1f}" for x, y in points)
    return svg.tag("polyline", points=places, class_=f"line {style}")
