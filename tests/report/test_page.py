"""The page of a run: its figures are those of the metrics, its names are text, it needs nothing else."""

import base64
import copy
import dataclasses
import io
import json
import math
import pathlib
import re

import numpy as np
import pytest
from PIL import Image

from flowers_keras import files
from flowers_keras.evaluation import doubts, prediction_table, scores
from flowers_keras.report import examples, next_steps, page
from flowers_keras.training import run_folder
from tests import browsing
from tests.report.conftest import CLASSES, EVIL_CLASS, EVIL_ID
from tests.report.parsing import Page

PARTS = ("train", "validation", "test")
CONFIG = {
    "seed": 7,
    "data": {"source": f"folder:{EVIL_ID}", "image_size": 75},
    "model": {"unfreeze_from": "mixed8"},
    "frozen": {"epochs": 2, "learning_rate": 1e-3, "keep": "best", "patience": 0},
    "finetune": {"epochs": 3, "learning_rate": 1e-5, "keep": "best", "patience": 0},
}


@pytest.fixture
def metrics():
    """Figures that are all different, so that one can be told from another."""
    draw = np.random.default_rng(0).random
    names = (
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "accuracy_tta",
        "loss",
        "loss_tta",
        "ece",
        "ece_tta",
        "ece_uncalibrated",
    )

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
        "fit": {
            "phase": "finetune",
            "epoch": 4321,
            "measure": "val_accuracy",
            "later": {"epochs": 8765, "validation": draw(), "loss": draw()},
            **{name: draw() for name in ("train_accuracy", "validation", "loss")},
        },
        "shift": {
            "photos": 1234,
            "precision": "bfloat16",
            "accuracy": draw(),
            "conditions": {"blur": [draw(), draw(), draw()]},
        },
        "leaks": {
            "across": [],
            "groups_across": [],
            "within": 41,
            "doubtful": [["photo-01.jpg", EVIL_ID, 6]],
            "left_out": [[EVIL_ID, "truncated"]],
            "shares": {
                part: {"count": count, "share": draw()}
                for part, count in zip(PARTS, (77, 78, 79), strict=True)
            },
            "shares_note": "drawn & met on average",
        },
        "machine": {
            "dtype_policy": "mixed_bfloat16",
            "machines": [{"device": "a <processor>", "cores": 5678}],
        },
        "verdict": [
            {"level": "bad", "title": "A <b>title</b>", "text": "Plain words.", "evidence": "above 20 %"}
        ],
        "novelty": {"count": 2345, "unlike": draw(), "interval": sorted([draw(), draw()]), "stated": draw()},
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
            "val_balanced_accuracy": 0.3 + (i % 3) / 20,
            "learning_rate": 1e-3,
            "seconds": 1.0,
        }
        for i, phase in enumerate(phases)
    ]


@pytest.fixture
def write(tmp_path, monkeypatch, photos, positions, predictions, metrics):
    """Writes a report with some of its ingredients replaced, and reads it as a browser would."""

    def write(explain=None, rows=None, config=CONFIG, **other):
        run = run_folder.Run(tmp_path / "run <1>", config)
        run.write_history(rows or history())
        given = {"metrics": metrics, "predictions": predictions, "photos": photos, "positions": positions}
        if explain is not None:
            monkeypatch.setattr(examples.explain, "heat_maps", lambda model, batch: explain(batch))
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


def test_the_first_words_are_accuracy_count_and_interval(write, metrics):
    low, high = (f"{100 * value:.1f}" for value in metrics["test"]["accuracy_interval"])
    lead = (
        write().words().partition("<1>")[2].partition("What this means")[0].replace("\N{NO-BREAK SPACE}", " ")
    )
    assert f"{100 * metrics['test']['accuracy']:.1f} % of 12 test photos" in lead
    assert f"between {low} % and {high} %" in lead


def test_the_next_step_stands_before_the_verdict(write, metrics, predictions):
    """Problems first; without any the model is used, and then made better."""

    def first_screen(**other):
        words = write(**other).words().partition("What to do next")[2].partition("What this means")[0]
        return " ".join(words.split())

    assert first_screen() == "Fix the problem below before you rely on the model (A <b>title</b>)."
    metrics["verdict"] = [{"level": "warning", "title": "x", "text": "y", "evidence": "z"}]
    shown = first_screen()
    use = "Use it, for instance on a folder of photos: python -m flowers_keras.predict --model="
    assert shown.startswith(use) and "model.keras' YOUR_PHOTOS" in shown
    assert (
        "lists those of the training and validation photos" in shown
        and "flowers_keras.cross_validate --config=" in shown
    )
    metrics["leaks"]["doubtful"] = []
    right = without_mistakes(metrics, predictions)
    shown = first_screen(**right, rows=history(0, 1))
    assert "train longer" in shown and "--config.finetune.epochs=6" in shown and "-longer'" in shown
    shown = first_screen(**right)
    assert shown.startswith(use) and "better" not in shown


def test_photos_that_have_copies_in_other_parts_are_not_called_unseen(write, metrics):
    assert "which it had never seen" in write().words()
    metrics["leaks"]["across"] = [["photo-01.jpg", "photo-02.jpg", 0]]
    assert "never seen" not in write().words()


def test_a_temperature_that_nothing_could_be_fitted_by_is_not_called_fitted(write, metrics):
    assert "that was fitted on validation photos" in write().words()
    metrics["temperature"] = 1.0
    words = write().words()
    assert "fitted on" not in words and "calibrated on" not in words
    assert "all validation photos were classified correctly" in words


def test_a_flag_is_never_broken_after_its_dashes(write, metrics):
    metrics["verdict"][0]["text"] = "Type --config.data.class_weights=balanced; or wait."
    shown = write()
    assert {"--config.seed=", "--config.data.class_weights="} <= set(shown.text)  # elements of their own
    assert "Type --config.data.class_weights=balanced ; or wait." in shown.words()
    style = pathlib.Path(page.__file__).with_name("page.css").read_text()
    assert "code > span > span { white-space: nowrap; }" in style


def test_names_are_text_and_never_markup(write):
    page = write(explain=lambda batch: np.ones(batch.shape[:3], np.float32))
    assert EVIL_CLASS in page.words() and EVIL_ID in page.words() and "A <b>title</b>" in page.words()
    assert "run <1>" in page.words() and "drawn & met on average" in page.words()
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


def test_the_precision_of_the_changed_photos_is_stated(write, metrics):
    assert "These passes computed in bfloat16" in write().words()
    metrics["shift"]["precision"] = "float32"
    assert "These passes computed" not in write().words()
    assert "frozen layers computed" not in write().words()
    metrics["validation"]["precision"] = "bfloat16"
    assert "frozen layers computed in bfloat16, as in training" in write().words()


def without_tta(metrics, predictions):
    for part in PARTS:
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


def with_groups_across(metrics, predictions):
    metrics["leaks"]["groups_across"] = [[EVIL_CLASS, "train", "test"]] * 51
    return {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_tta, "not measured"),
        (without_shift, "evaluation.shift_photos is 0"),
        (with_shift_absent, "evaluation.shift_photos is 0"),
        (without_mistakes, "None of the 12 test photos was misclassified."),
        (without_findings, "No photo was left out."),
        (with_twins_across, "And 2 more, in splits.json"),
        (with_groups_across, "And 1 more, in metrics.json"),
    ],
)
def test_parts_that_are_missing_are_said_to_be(write, metrics, predictions, change, words):
    assert words not in write().words()
    assert words in write(**change(metrics, predictions)).words()


@pytest.mark.parametrize("pairs", [0, 1])
@pytest.mark.parametrize("clear", [0, 1])
def test_where_labels_are_in_doubt_the_next_command_is_there(write, metrics, predictions, pairs, clear):
    metrics["leaks"]["doubtful"] = metrics["leaks"]["doubtful"][:pairs]
    plain = 0.001 + 0.997 * np.eye(3)[predictions.labels]
    if clear:
        plain[2] = 0.0005
        plain[2, (predictions.labels[2] + 1) % 3] = 0.999
    shown = write(predictions=dataclasses.replace(predictions, plain=plain)).words()
    assert ("1 of 12 test photos clearly look like another class" in shown) == bool(clear)
    command = "python -m flowers_keras.cross_validate --config=configs/finetune.py --config.seed=7"
    assert shown.count(command) == 1 + bool(pairs or clear)  # one says how sure the accuracy is
    assert shown.count("run <1>-folds") == 1 + bool(pairs or clear)


def test_mistakes_of_a_model_that_is_unsure_are_no_doubt_of_the_labels(write, metrics, predictions):
    """Three of 12 at 80 % are what such a model gets wrong where all labels are right."""
    metrics["leaks"]["doubtful"] = []
    plain = 0.1 + 0.7 * np.eye(3)[(predictions.labels + (np.arange(12) < 3)) % 3]
    assert doubts.find_doubts(predictions.labels, plain)[0].doubt > doubts.CLEAR
    shown = write(predictions=dataclasses.replace(predictions, plain=plain)).words()
    assert "clearly look like another class" not in shown and "Labels in doubt" not in shown


def test_a_class_without_test_photos_has_dashes(write, metrics):
    before = write()
    metrics["test"]["per_class"]["roses"] |= {"precision": None, "recall": None, "count": 0}
    metrics["test"]["confusion"][2] = [0, 0, 0]
    after = write()
    dashes = [len([a for a in page.all("span") if a.get("class") == "none"]) for page in (before, after)]
    assert dashes == [0, 2]


def test_of_many_classes_the_page_shows_the_weakest_and_the_confusions(write, metrics, photos):
    names = tuple(f"class {i}" for i in range(50))
    predictions = prediction_table.Predictions(["a", "b"], np.array([7, 9]), names, np.eye(50)[[7, 7]], None)
    confusion = scores.confusion_matrix(predictions.labels, predictions.plain)
    metrics["test"] |= {"confusion": confusion.tolist(), "per_class": scores.per_class(confusion, names)}
    shown = write(
        photos=dataclasses.replace(photos, class_names=names), predictions=predictions, positions=[0, 1]
    )
    assert "Lowest recall" in shown.words() and "All 50 classes" in shown.words()
    assert "class 9 classified as class 7: 1" in shown.words().replace(" :", ":")
    assert not [table for table in shown.all("table") if "confusion" in table.get("class", "")]


def test_rings_show_the_confidence_before_calibration(metrics, predictions):
    drawn = page.draw(metrics | {"temperature": 2.0}, predictions, history(), CONFIG)["reliability"]
    circles = Page(drawn).all("circle")
    dots, rings = (
        [float(c["cx"]) for c in circles if c["class"].startswith(look)] for look in ("dot", "hollow")
    )
    # A temperature above 1 makes less confident: 0.8 was 0.97 before it.
    assert max(rings) - max(dots) == pytest.approx((0.9697 - 0.8) * (max(dots) - 44) / 0.8, abs=0.2)


def test_one_epoch_alone_makes_curves(write):
    shown = write(rows=history(0, 1)).words()
    assert "The best epoch was the last one, so more may bring more: --config.finetune.epochs=6" in shown


@pytest.mark.parametrize("later, patience, advised", [(3, 0, False), (4, 0, True), (4, 2, False)])
def test_epochs_that_bring_nothing_are_a_reason_for_patience(later, patience, advised):
    rows = [{"phase": "finetune", "val_accuracy": 0.9, "val_loss": 0.4 + i / 10} for i in range(1 + later)]
    settings = {"finetune": {"keep": "best", "patience": patience, "epochs": 12}}
    found = next_steps.advise_epochs(rows, settings)
    assert (found["type"] if found else None) == ("--config.finetune.patience=3" if advised else None)


def test_a_loss_that_is_no_number_is_left_out_of_the_curves(write):
    rows = history()
    rows[0]["val_loss"], rows[1]["val_loss"] = math.nan, math.inf
    curves = [line["points"].split() for line in write(rows=rows).all("polyline")]
    assert [len(points) for points in curves] == [5, 5, 5, 3, 4]  # accuracy, loss, and the shift
    assert not any("nan" in point or "inf" in point for points in curves for point in points)


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


def test_a_name_that_is_no_text_does_not_stop_the_report(write, photos):
    ids = (*photos.ids[:5], "bad\udcff.jpg", *photos.ids[6:])
    assert (
        "bad?.jpg"
        in write(
            photos=dataclasses.replace(photos, ids=ids),
            predictions=prediction_table.Predictions(
                ["bad\udcff.jpg"], np.array([0]), CLASSES, np.eye(3)[[1]], None
            ),
            positions=[5],
        ).words()
    )


def test_the_finished_run_is_announced_with_its_figures(tmp_path, metrics, capsys):
    run = run_folder.Run(tmp_path, CONFIG)
    files.write_json(run.path("metrics.json"), metrics)
    assert page.announce(run) == json.loads(json.dumps(metrics))
    printed = capsys.readouterr().out
    low, high = metrics["test"]["accuracy_interval"]  # of the accuracy without TTA
    assert f"test accuracy {metrics['test']['accuracy']:.1%} ({low:.1%} to {high:.1%}, 12 photos)" in printed
    assert f"with TTA {metrics['test']['accuracy_tta']:.1%}" in printed
    assert "bad: A <b>title</b>" in printed and str(run.path("report.html")) in printed
    metrics["test"]["accuracy_tta"] = None
    files.write_json(run.path("metrics.json"), metrics)
    page.announce(run)
    assert "TTA" not in capsys.readouterr().out


@pytest.mark.parametrize("screen", browsing.SCREENS)
def test_browser_finds_the_report_accessible_and_nothing_too_wide(write, tmp_path, browser, screen):
    write(explain=lambda batch: np.ones(batch.shape[:3], np.float32))
    browsing.emulate(browser, *screen)
    browser.get((tmp_path / "run <1>" / "report.html").as_uri())
    assert browsing.fits(browser) and browsing.violations(browser) == []
    browser.execute_script("document.querySelector('.lead').style.opacity = 0.3")
    assert [rule for rule, _ in browsing.violations(browser)] == ["color-contrast"]
