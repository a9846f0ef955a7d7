"""The page of a run: its figures are those of the metrics, its names are text, it needs nothing else."""

import base64
import copy
import dataclasses
import html.parser
import io
import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from flowers_keras import files
from flowers_keras.evaluation import measure
from flowers_keras.photos import reader, sources
from flowers_keras.report import figures, page, svg
from flowers_keras.training import run_folder

EVIL_CLASS = "<script>alert(1)</script>"
EVIL_ID = """a "quoted" 'name'><img src=x onerror=alert(1)>.jpg"""
CLASSES = (EVIL_CLASS, "tulips & co", "roses")
COUNT = 24
BROKEN = 5  # the position of a photo that cannot be read any more
CONFIG = {
    "seed": 7,
    "data": {"source": f"folder:{EVIL_ID}", "image_size": 75},
    "model": {"unfreeze_from": "mixed8"},
    "frozen": {"epochs": 2, "learning_rate": 1e-3},
    "finetune": {"epochs": 3, "learning_rate": 1e-5},
}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(html.parser.HTMLParser):
    """What a browser would see in a page: elements, their attributes, and text."""

    def __init__(self, source):
        super().__init__()
        self.open, self.elements, self.text, self.figures = [], [], [], []
        self.feed(source)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text.append(data)
        if self.open[-1:] == ["data"]:
            self.figures.append((float(self.elements[-1][1]["value"]), data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def words(self):
        return " ".join(" ".join(self.text).split())


def jpeg(position):
    image = Image.new("RGB", (300, 200), (10 * position, 80, 40))
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def read(position):
    if position == BROKEN:
        raise reader.BrokenPhoto("gone")
    return jpeg(position)


@pytest.fixture
def photos():
    ids = [f"photo-{i:02d}.jpg" for i in range(COUNT)]
    ids[3] = EVIL_ID
    return sources.Photos(tuple(ids), np.arange(COUNT, dtype=np.int32) % 3, CLASSES, read)


@pytest.fixture
def positions():
    return np.arange(1, COUNT, 2)


@pytest.fixture
def predictions(photos, positions):
    """Every photo right with 0.8, but for rows 1, 2 and 4, which are wrong, 2 the most."""
    labels = photos.labels[positions]
    plain = np.full((len(labels), 3), 0.1)
    plain[np.arange(len(labels)), labels] = 0.8
    for row, odds in ((1, 0.3), (2, 0.01), (4, 0.2)):
        plain[row] = (1 - odds) / 4
        plain[row, labels[row]] = odds
        plain[row, (labels[row] + 1) % 3] = 3 * (1 - odds) / 4
    ids = [photos.ids[i] for i in positions]
    return measure.Predictions(ids, labels, CLASSES, plain, plain)


@pytest.fixture
def metrics():
    """Figures that are all different, so that one can be told from another."""
    draw = np.random.default_rng(0).random
    names = ("accuracy", "accuracy_tta", "loss", "loss_tta", "ece", "ece_tta", "ece_calibrated")

    def part(count):
        return {
            "count": count,
            **{name: draw() for name in names},
            "accuracy_interval": sorted([draw(), draw()]),
            "per_class": {name: {"precision": draw(), "recall": draw(), "count": 4} for name in CLASSES},
            "confusion": [[11, 12, 13], [14, 15, 16], [17, 18, 19]],
        }

    return {
        "test": part(12),
        "validation": part(1013),
        "train": part(1014),
        "temperature": 1 + draw(),
        "shift": {"photos": 1234, "accuracy": draw(), "conditions": {"blur": [draw(), draw(), draw()]}},
        "leaks": {
            "across": [],
            "within": 41,
            "doubtful": [["photo-01.jpg", EVIL_ID, 6]],
            "left_out": [[EVIL_ID, "truncated"]],
        },
        "verdict": [
            {"level": "bad", "title": "A <b>title</b>", "text": "Plain words.", "evidence": "above 20 %"}
        ],
        "versions": {"keras": "3.15.1"},
        "seconds": {"features": 100 * draw(), "total": 1000 * draw()},
    }


def history(frozen=2, finetune=3):
    phases = ["frozen"] * frozen + ["finetune"] * finetune
    return [
        {
            "phase": phase,
            "epoch": i + 1,
            "loss": 2 - i / 10,
            "accuracy": 0.5 + i / 20,
            "val_loss": 2.5 - i / 10,
            "val_accuracy": 0.4 + (i % 4) / 20,
            "learning_rate": 1e-3,
            "seconds": 1.0,
        }
        for i, phase in enumerate(phases)
    ]


@pytest.fixture
def write(tmp_path, monkeypatch, photos, positions, predictions, metrics):
    """Writes a report with some of its ingredients replaced, and reads it as a browser would."""

    def write(explain=None, rows=None, **other):
        run = run_folder.Run(tmp_path / "run <1>", CONFIG)
        run.write_history(rows or history())
        given = {"metrics": metrics, "predictions": predictions, "photos": photos, "positions": positions}
        if explain is not None:
            monkeypatch.setattr(page.explain, "heat_maps", lambda model, batch: explain(batch))
        page.write_report(run, **given | other, model=explain)
        return Page(run.path("report.html").read_text(encoding="utf-8"))

    return write


def leaves(value):
    """The numbers in nested dicts and lists."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in leaves(each)]
    return [value] if isinstance(value, (int, float)) else []


def test_every_figure_of_the_metrics_is_in_the_page_to_the_last_digit(write, metrics):
    shown = {value for value, _ in write().figures}
    expected = copy.deepcopy(metrics)
    for part in ("train", "validation"):
        del expected[part]["per_class"], expected[part]["confusion"]
    assert len(leaves(expected)) > 50
    assert set(leaves(expected)) <= shown
    metrics["test"]["per_class"]["roses"]["recall"] = 0.123456789
    assert 0.123456789 in {value for value, _ in write().figures} - shown


def test_what_is_read_is_the_figure_rounded(write):
    page = write()
    assert len(page.figures) > 80
    for value, words in page.figures:
        number = float(words.replace(",", "").removesuffix("\N{NO-BREAK SPACE}%"))
        assert min(abs(number - value), abs(number - 100 * value)) <= 0.0501, (value, words)


def test_the_lead_names_accuracy_count_and_interval(write, metrics):
    low, high = (f"{100 * value:.1f}" for value in metrics["test"]["accuracy_interval"])
    lead = write().words().partition("right about")[2][:160].replace("\N{NO-BREAK SPACE}", " ")
    accuracy = f"{100 * metrics['test']['accuracy']:.1f}"
    assert lead.startswith(f" {accuracy} % of 12 photos")
    assert f"between {low} % and {high} %" in lead


def test_names_are_text_and_never_markup(write):
    page = write(explain=lambda batch: np.ones(batch.shape[:3], np.float32))
    assert EVIL_CLASS in page.words() and EVIL_ID in page.words() and "A <b>title</b>" in page.words()
    assert "run <1>" in page.words()
    assert not page.all("script") and not page.all("b")
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in page.all("img"))
    assert all(not name.startswith("on") for _, attributes in page.elements for name in attributes)


def test_page_needs_no_network_and_forbids_it(write):
    page = write(explain=lambda batch: np.ones(batch.shape[:3], np.float32))
    for tag, attributes in page.elements:
        assert tag not in {"link", "iframe", "object", "embed", "base", "form", "a"}
        for name in ("src", "href", "srcset", "action", "data", "xlink:href"):
            assert attributes.get(name, "data:").startswith("data:")
    assert not re.search(r"url\(|@import", page.words())
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_page_is_well_made(write):
    page = write()
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {a["aria-labelledby"] for _, a in page.elements if "aria-labelledby" in a} == set(ids)
    assert len(page.all("h1")) == 1 and page.all("html") == [{"lang": "en"}]
    assert all(image["alt"] for image in page.all("img"))
    assert all(a.get("aria-label") or a.get("aria-hidden") for a in page.all("svg"))


def test_a_page_that_is_not_balanced_is_noticed():
    for broken in ("<p><b>x</p></b>", "<div>", "</div>"):
        with pytest.raises(AssertionError):
            Page(broken)


def without_tta(metrics, predictions):
    for part in ("train", "validation", "test"):
        metrics[part] |= {"accuracy_tta": None, "loss_tta": None, "ece_tta": None}
    return {"predictions": dataclasses.replace(predictions, tta=None)}


def without_shift(metrics, predictions):
    metrics["shift"] = None
    return {}


def with_shift_absent(metrics, predictions):
    del metrics["shift"]
    return {}


def without_mistakes(metrics, predictions):
    plain = np.full_like(predictions.plain, 0.1)
    plain[np.arange(len(plain)), predictions.labels] = 0.8
    return {"predictions": dataclasses.replace(predictions, plain=plain), "explain": lambda batch: 1 / 0}


def without_findings(metrics, predictions):
    metrics["leaks"] |= {"doubtful": [], "left_out": []}
    metrics["verdict"] = []
    return {}


def with_twins_across(metrics, predictions):
    metrics["leaks"]["across"] = [["photo-01.jpg", EVIL_ID, 3]] * 52
    return {}


def with_shares(metrics, predictions):
    metrics["leaks"] |= {"shares": {"test": {"count": 1234, "share": 0.123}}, "shares_note": "On average."}
    return {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (with_shares, "On average."),
        (without_tta, "not measured"),
        (without_shift, "evaluation.shift_photos is 0"),
        (with_shift_absent, "evaluation.shift_photos is 0"),
        (without_mistakes, "None of the 12 test photos was named wrongly."),
        (without_findings, "No photo was left out."),
        (with_twins_across, "And 2 more, in splits.json"),
    ],
)
def test_parts_that_are_missing_are_said_to_be(write, metrics, predictions, change, words):
    assert words not in write().words()
    assert words in write(**change(metrics, predictions)).words()


def test_a_class_without_test_photos_has_dashes(write, metrics):
    before = write()
    metrics["test"]["per_class"]["roses"] |= {"precision": None, "recall": None, "count": 0}
    metrics["test"]["confusion"][2] = [0, 0, 0]
    after = write()
    dashes = [len([a for a in page.all("span") if a.get("class") == "none"]) for page in (before, after)]
    assert dashes == [0, 2]


def test_one_epoch_alone_makes_curves(write):
    assert re.search("epoch 1 of phase finetune", write(rows=history(0, 1)).words())


def test_a_loss_that_is_no_number_is_left_out_of_the_curves(write):
    rows = history()
    rows[0]["val_loss"], rows[1]["val_loss"] = math.nan, math.inf
    curves = [line["points"].split() for line in write(rows=rows).all("polyline")]
    assert [len(points) for points in curves] == [5, 5, 5, 3, 4]  # accuracy, loss, and the shift
    assert not any("nan" in point or "inf" in point for points in curves for point in points)


def test_the_worst_mistakes_come_first_with_their_odds(photos, positions, predictions):
    mistakes = page.find_mistakes(predictions, photos, positions, np.array([1, 2, 4]))
    assert [each["id"] for each in mistakes] == ["photo-05.jpg", "photo-09.jpg", EVIL_ID]
    worst = mistakes[0]
    label = photos.labels[5]
    assert worst["true"] == CLASSES[label] and worst["photo"] is None  # BROKEN
    assert [(name, is_true) for name, _, is_true in worst["odds"]] == [
        (CLASSES[(label + 1) % 3], False),
        (CLASSES[(label + 2) % 3], False),
        (CLASSES[label], True),
    ]
    assert worst["odds"][2][1] == predictions.plain[2, label]


def test_the_true_class_is_shown_however_unlikely():
    plain = np.array([[0.4, 0.3, 0.2, 0.09, 0.01]])
    predictions = measure.Predictions(["x"], np.array([4]), tuple("abcde"), plain, None)
    photos = sources.Photos(("x",), np.array([4]), tuple("abcde"), jpeg)
    (mistake,) = page.find_mistakes(predictions, photos, [0], np.array([0]))
    assert [name for name, *_ in mistake["odds"]] == ["a", "b", "c", "e"]


def test_heat_maps_are_of_the_mistakes_and_stand_beside_them(write):
    seen = []

    def explain(batch):
        seen.append(batch)
        return np.ones(batch.shape[:3], np.float32)

    assert len(write().all("img")) == 4  # two mistakes that can be read, one pair in doubt
    page = write(explain=explain)
    (batch,) = seen
    assert batch.dtype == np.uint8 and batch.shape == (2, 75, 75, 3)
    # Rows 4 and 1 of the predictions: photos 9 and 3 of the source.
    assert abs(batch[:, 30, 30, 0].astype(int) - [90, 30]).max() <= 4
    heat = [image for image in page.all("img") if image["alt"].startswith("Heat")]
    assert len(heat) == 2 and len(page.all("img")) == 6
    assert {(image["width"], image["height"]) for image in page.all("img")} == {("160", "107")}
    picture = Image.open(io.BytesIO(base64.b64decode(heat[0]["src"].partition(",")[2])))
    assert picture.format == "JPEG" and picture.size == (160, 107) and picture.getpixel((9, 9))[0] > 150


def test_confusion_is_shown_as_cells_shaded_by_their_share(metrics):
    (name, cells), *_ = page.confusion_cells([[3, 1], [0, 0]], ("a", "b"))
    assert name == "a" and [cell["count"] for cell in cells] == [3, 1]
    assert [cell["look"] for cell in cells] == ["right", "wrong"]
    assert [cell["shade"] for cell in cells] == ["0.52", "0.35"]
    assert cells[1]["words"] == "a taken for b: 1 of 4"


def test_many_classes_get_the_pairs_most_confused_in_place_of_a_matrix():
    names = [f"c{i}" for i in range(page.MATRIX_CLASSES + 1)]
    confusion = np.zeros((len(names), len(names)), int)
    confusion[2, 7], confusion[9, 1], confusion[4, 4] = 3, 5, 90
    assert page.confusion_cells(confusion.tolist(), names) == []
    assert page.confused_pairs(confusion.tolist(), names) == [("c9", "c1", 5), ("c2", "c7", 3)]


def test_a_name_that_is_no_text_does_not_stop_the_report(write, photos):
    ids = (*photos.ids[:5], "bad\udcff.jpg", *photos.ids[6:])
    assert (
        "bad?.jpg"
        in write(
            photos=dataclasses.replace(photos, ids=ids),
            predictions=measure.Predictions(["bad\udcff.jpg"], np.array([0]), CLASSES, np.eye(3)[[1]], None),
            positions=[5],
        ).words()
    )


def test_the_boundary_lies_between_the_phases_and_the_ring_on_the_epoch_kept():
    rows = history(2, 3)
    assert figures.best_epoch(rows) == 3
    names = {"frozen": "head", "finetune": "after mixed8"}
    page = Page(figures.learning_curve(rows, "accuracy", names))
    (boundary,) = [line for line in page.all("line") if line["class"] == "boundary"]
    dots = [float(dot["cx"]) for dot in page.all("circle") if dot["class"] == "dot validation"]
    (ring,) = [float(dot["cx"]) for dot in page.all("circle") if dot["class"].startswith("hollow")]
    assert len(dots) == 5 and dots[1] < float(boundary["x1"]) < dots[2] and ring == dots[3]
    assert not [
        line
        for line in Page(figures.learning_curve(history(0, 3), "loss", names, log=True)).all("line")
        if line["class"] == "boundary"
    ]


def test_words_in_a_drawing_are_text():
    page = Page(svg.text(1, 2, EVIL_CLASS, 'a" onload="x') + svg.dot(1, 2, 3, "dot", EVIL_CLASS))
    assert page.text == [EVIL_CLASS, EVIL_CLASS] and not page.all("script")
    assert page.all("text")[0]["class"] == 'a" onload="x'


def test_a_dot_of_the_reliability_diagram_lies_where_its_figures_say():
    page = Page(figures.reliability_diagram([(0.5, 0.5, 0.25, 3), (0.9, 1.0, 1.0, 6)], []))
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


def test_the_finished_run_is_announced_with_its_figures(tmp_path, metrics, capsys):
    run = run_folder.Run(tmp_path, CONFIG)
    files.write_json(run.path("metrics.json"), metrics)
    assert page.announce(run) == json.loads(json.dumps(metrics))
    told = capsys.readouterr().out
    assert f"test accuracy {metrics['test']['accuracy']:.1%}" in told
    assert f"with TTA {metrics['test']['accuracy_tta']:.1%}" in told
    assert "bad: A <b>title</b>" in told and str(run.path("report.html")) in told
    metrics["test"]["accuracy_tta"] = None
    files.write_json(run.path("metrics.json"), metrics)
    page.announce(run)
    assert "TTA" not in capsys.readouterr().out
