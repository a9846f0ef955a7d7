"""The drawings: marks lie where their figures say, and words are text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowers_keras.report import figures, svg
from tests.report.conftest import EVIL_CLASS
from tests.report.parsing import Page
from tests.report.test_page import history


def test_the_boundary_lies_between_the_phases_and_the_ring_on_the_epoch_kept():
    rows = history(2, 3)
    names = {"frozen": "head", "finetune": "after mixed8"}
    page = Page(figures.training_curve(rows, "accuracy", names, 3))
    (boundary,) = [line for line in page.all("line") if line["class"] == "boundary"]
    dots = [float(dot["cx"]) for dot in page.all("circle") if dot["class"] == "dot validation"]
    (ring,) = [float(dot["cx"]) for dot in page.all("circle") if dot["class"].startswith("hollow")]
    assert len(dots) == 5 and dots[1] < float(boundary["x1"]) < dots[2] and ring == dots[3]
    assert not [
        line
        for line in Page(figures.training_curve(history(0, 3), "loss", names, 2, log=True)).all("line")
        if line["class"] == "boundary"
    ]


def test_words_in_a_drawing_are_text():
    page = Page(svg.text(1, 2, EVIL_CLASS, 'a" onload="x') + svg.dot(1, 2, 3, "dot", EVIL_CLASS))
    assert page.words() == f"{EVIL_CLASS} {EVIL_CLASS}" and not page.all("script")
    assert page.all("text")[0]["class"] == 'a" onload="x'


def test_a_dot_of_the_reliability_diagram_lies_where_its_figures_say():
    page = Page(figures.reliability_diagram([(0.5, 0.5, 0.25, 3), (0.9, 1.0, 1.0, 6)], [], 0.1))
    low, high = page.all("circle")
    frame = [line for line in page.all("line") if line["class"] == "boundary"][0]
    left, bottom, right, top = (float(frame[name]) for name in ("x1", "y1", "x2", "y2"))
    assert float(low["cx"]) == pytest.approx((left + right) / 2, abs=0.1)
    assert float(low["cy"]) == pytest.approx(bottom + (top - bottom) / 4, abs=0.1)
    assert (float(high["cx"]), float(high["cy"])) == (right, top)
    heights = [float(bar["height"]) for bar in page.all("rect")]
    assert heights[1] == pytest.approx(2 * heights[0], abs=0.2)


@given(st.floats(0, 0.9))
def test_even_ticks_are_few_and_reach_from_low_to_one(low):
    ticks = svg.even_ticks(low)
    assert ticks[0] <= low + 1e-6 and ticks[-1] == 1 and 2 <= len(ticks) <= 8


@given(st.floats(1e-7, 1e6), st.floats(1, 1e6))
def test_log_ticks_are_few_and_enclose_the_values(low, factor):
    ticks = svg.log_ticks(low, low * factor)
    assert ticks[0] <= low and ticks[-1] >= low * factor and 2 <= len(ticks) <= 12


@given(st.integers(1, 10_000))
def test_whole_ticks_are_few_and_within(count):
    ticks = list(svg.whole_ticks(count))
    assert 1 <= ticks[0] and ticks[-1] <= count and len(ticks) <= 8
