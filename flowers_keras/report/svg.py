"""Elements of an SVG drawing: a frame with axes, ticks, dots, lines and text.

Positions are in units of the drawing, about a pixel on a phone. Colours come from the page's style
sheet by the class of an element, its `style`. All text goes through `tag`, which escapes it.
"""

import math

from markupsafe import Markup

WIDTH, HEIGHT = 360, 250
LEFT, RIGHT, TOP, BOTTOM = 44, 18, 30, 34  # margins


class Frame:
    """The axes of a drawing: where a value is, and what the frame looks like.

    Attributes:
      x, y: (low, high) of the values; `y` is on a logarithmic scale if `log`.
      size: (width, height) of the drawing.
      left, right, top, bottom: where the frame ends, from the left and from the top.
    """

    def __init__(self, x, y, size=(WIDTH, HEIGHT), left=LEFT, right=RIGHT, top=TOP, bottom=BOTTOM, log=False):
        self.x, self.y, self.size, self.log = x, y, size, log
        self.left, self.right, self.top, self.bottom = left, size[0] - right, top, size[1] - bottom

    def at_x(self, value):
        """Position from the left."""
        share = (value - self.x[0]) / (self.x[1] - self.x[0])
        return self.left + share * (self.right - self.left)

    def at_y(self, value):
        """Position from the top."""
        low, high, value = (math.log(v) if self.log else v for v in (*self.y, value))
        share = (value - low) / (high - low)
        return self.bottom - share * (self.bottom - self.top)

    def grid(self, ticks):
        """Horizontal lines with their labels; `ticks`: (value, label)."""
        parts = []
        for value, label in ticks:
            y = self.at_y(value)
            parts.append(line(self.left, y, self.right, y, "grid"))
            parts.append(text(self.left - 6, y + 4, label, "end"))
        return join(parts)

    def axis(self, ticks, title):
        """Labels below the frame, and what they mean; `ticks`: (value, label)."""
        y = self.bottom
        parts = [text(self.at_x(value), y + 15, label, "middle") for value, label in ticks]
        parts.append(text((self.left + self.right) / 2, y + 30, title, "label middle"))
        return join(parts)


def percent(value):
    """A share as text, to three digits.

    Example:
      >>> percent(0.9284).split()
      ['92.8', '%']
    """
    return f"{100 * value:.3g}\N{NO-BREAK SPACE}%"


def even_ticks(low):
    """About five round values from at or below `low` to 1.

    Example:
      >>> even_ticks(0.83)
      [0.8, 0.85, 0.9, 0.95, 1.0]
    """
    step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.25) if (1 - low) / step <= 5.5)
    return [round(step * i, 6) for i in range(math.floor(low / step + 1e-9), round(1 / step) + 1)]


def log_ticks(low, high):
    """Of 1, 2, 5, 10, ... those from at or below `low` to at or above `high`; powers of 10 if many.

    Example:
      >>> log_ticks(0.3, 4.0)
      [0.2, 0.5, 1.0, 2.0, 5.0]
    """
    steps = (1, 2, 5) if high / low < 1e3 else (1,)
    powers = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    ticks = [float(f"{step}e{power}") for power in powers for step in steps]
    first = max(i for i, tick in enumerate(ticks) if tick <= low)
    last = min(i for i, tick in enumerate(ticks) if tick >= high and i > first)
    return ticks[first : last + 1]


def whole_ticks(count):
    """Up to eight round whole numbers up to `count`.

    Example:
      >>> list(whole_ticks(24))
      [5, 10, 15, 20]
    """
    step = next(s * 10**p for p in range(9) for s in (1, 2, 5) if count <= 8 * s * 10**p)
    return range(step, count + 1, step)


def drawing(frame, title, description, parts, **attributes):
    """The `svg` element of a frame; screen readers read its title and description."""
    return tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {frame.size[0]} {frame.size[1]}",
        role="img",
        aria_label=f"{title}: {description}",
        **attributes,
    )


def dot(x, y, radius, style, tooltip=""):
    """A dot with a tooltip, if one is given."""
    return tag("circle", *([tag("title", tooltip)] if tooltip else []), cx=x, cy=y, r=radius, class_=style)


def line(x1, y1, x2, y2, style):
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=style)


def text(x, y, content, style):
    """A line of text that starts at (x, y), ends there with the style "end", is centred with "middle"."""
    return tag("text", content, x=x, y=y, class_=style)


def join(parts):
    """Elements one after the other; what is not Markup is escaped."""
    return Markup("").join(parts)


def tag(name, *children, **attributes):
    """An element; children and attribute values that are not Markup are escaped.

    Example:
      >>> print(tag("text", "a < b", x=1.25, class_="label"))
      <text x="1.2" class="label">a &lt; b</text>
    """
    listed = join(
        Markup(' {}="{}"').format(
            key if key == "viewBox" else key.rstrip("_").replace("_", "-"),
            f"{value:.1f}" if isinstance(value, float) else value,
        )
        for key, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(name, listed, join(children))
