"""The model card: its head is YAML with the run's figures, and names in it are only text."""

import re

import yaml

from flowers_keras.report import model_card
from flowers_keras.training import run_folder
from tests.report.conftest import CLASSES, EVIL_CLASS
from tests.report.test_page import CONFIG, metrics  # noqa: F401  the fixture

NAME = 'run | "one": <1> `x`'


def test_the_card_claims_of_the_split_and_the_temperature_what_holds(tmp_path, metrics):  # noqa: F811
    metrics["training_photos"] = dict.fromkeys(CLASSES, 30)
    run = run_folder.Run(tmp_path, CONFIG)

    def card():
        model_card.write_card(run, metrics)
        return " ".join(run.path("README.md").read_text(encoding="utf-8").split())

    unseen, calibrated = ", which it had never seen, it classified", "calibrated on them (temperature 1."
    apart = "set apart before training, those that look alike all in one part, and used once"
    assert all(claim in card() for claim in (unseen, apart, calibrated))
    metrics["leaks"]["across"], metrics["temperature"] = [["a.jpg", "b.jpg", 0]], 1.0
    assert not any(claim in card() for claim in (unseen, apart, calibrated))
    assert "set apart before training and used once" in card() and "may be too high." in card()
    assert "validation photos; all of them were classified correctly" in card()
    assert "calibrate the probabilities by. The interval is Wilson's." in card()


def test_the_card_has_the_figures_of_the_run_and_names_as_text(tmp_path, metrics):  # noqa: F811
    metrics["training_photos"] = dict(zip(CLASSES, (31, 32, 33), strict=True))
    (tmp_path / NAME).mkdir()
    source = "folder:/home/someone/photos | of: mine"
    run = run_folder.Run(tmp_path / NAME, CONFIG | {"data": CONFIG["data"] | {"source": source}})
    model_card.write_card(run, metrics)
    text = run.path("README.md").read_text(encoding="utf-8")
    assert text.startswith("---\n") and "someone" not in text
    _, head, body = text.split("---\n", 2)
    head = yaml.safe_load(head)
    assert head["library_name"] == "keras" and head["pipeline_tag"] == "image-classification"
    (result,) = head["model-index"][0]["results"]
    assert head["model-index"][0]["name"] == NAME
    assert result["dataset"]["name"] == "folder:photos | of: mine"
    assert [each["value"] for each in result["metrics"]] == [
        metrics["test"]["accuracy"],
        metrics["test"]["macro_f1"],
    ]
    assert "license" not in head and "Add `license:`" in body
    low, high = (f"{100 * each:.1f} %" for each in metrics["test"]["accuracy_interval"])
    assert f"95 % interval {low} to {high}" in body and f"{metrics['test']['loss']:.4f}" in body
    assert "- A \\<b\\>title\\</b\\>. Plain words." in body
    assert EVIL_CLASS not in body and "<" not in re.sub(r"\\.", "", body)
    rows = [re.split(r"(?<!\\)\|", line) for line in body.splitlines() if line.startswith("|")]
    assert [len(row) for row in rows] == [11] * 4 + [7] * 5
    assert [row[2].strip() for row in rows[-3:]] == ["31", "32", "33"]
