"""Tables of measurements, and how rates are measured."""

import dataclasses
import time

SECONDS = 10.0  # for which each rate is measured
ROUNDS = 5  # in which compared rates take turns, as the speed of a machine varies


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of measurements; its `str` is for a terminal.

    Attributes:
      title: what was measured.
      columns: names of the figures, with their units.
      rows: (label, one figure or None for each column).
      ratio: whether the first figure is compared with that of the last row.

    Example:
      >>> print(Table("speed", ("photos/s",), [("ours", 30.0), ("theirs", 10.0)]))
      speed           photos/s           ratio
      ours                30.0          3.00 x
      theirs              10.0          1.00 x
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple]
    ratio: bool = True

    def __str__(self):
        width = max(len(self.title), *(len(label) for label, *_ in self.rows)) + 2
        heads = [*self.columns, *["ratio"] * self.ratio]
        lines = [f"{self.title:{width}}" + "".join(f"{head:>16}" for head in heads)]
        for label, *figures in self.rows:
            cells = [_figure(figure) for figure in figures]
            if self.ratio:
                cells.append(f"{figures[0] / self.rows[-1][1]:.2f} x")
            lines.append(f"{label:{width}}" + "".join(f"{cell:>16}" for cell in cells))
        return "\n".join(lines)


def _figure(value):
    if value is None:
        return "-"
    return f"{value:,.1f}" if value >= 10 else f"{value:.3g}"


def rate(step, count):
    """Photos a second of `step()`, which handles `count` of them; two calls warm up."""
    return rates([step], count)[0]


def rates(steps, count):
    """Photos a second of functions that each handle `count` of them, measured in turns."""
    for step in steps:
        step(), step()
    calls, seconds = [0] * len(steps), [0.0] * len(steps)
    for _ in range(ROUNDS):
        for number, step in enumerate(steps):
            start = time.perf_counter()
            while (spent := time.perf_counter() - start) < SECONDS / ROUNDS:
                step()
                calls[number] += 1
            seconds[number] += spent
    return [count * each / spent for each, spent in zip(calls, seconds, strict=True)]
