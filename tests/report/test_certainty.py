"""How sure it is: what other commands found beside a run is in its report, also after it was written."""

import json
import shlex

import pytest

from configs import finetune
from flowers_keras import experiment_flags, files, learning_curve
from flowers_keras.report import certainty, learning_curve_figure
from tests.report.parsing import Page
from tests.report.test_page import metrics as metrics  # noqa: PLC0414
from tests.report.test_page import write as write  # noqa: PLC0414

PART = {"count": 3303, "accuracy": 0.9137, "accuracy_tta": 0.9219, "accuracy_interval": [0.9037, 0.9228]}
FOLDED = {"folds": 5, "pooled": PART, "interval_tta": [0.9123, 0.9307], "each": [0.911, 0.9321]}
DOUBLING = {"gain": 0.0123, "interval": [0.0042, 0.0204]}
CURVE = {
    "folds": 4,
    "points": [
        {"photos": 330 * 2**i, "accuracy": 0.8 + i / 50, "interval": [0.79 + i / 50, 0.81 + i / 50]}
        for i in range(4)
    ],
    "last_doubling": DOUBLING,
    "next_doubling": DOUBLING,
    "finding": "more",
}
FOUND = {"-folds": ("folds.json", FOLDED), "-curve": ("learning_curve.json", CURVE)}


def put_beside(run, suffix, **changes):
    """What a command on folds leaves of the config of `run`, `changes` apart."""
    settings = json.loads((run / "config.json").read_text())
    settings["frozen"] |= {"keep": "last", "patience": 0}
    settings["finetune"] |= {"keep": "last", "patience": 0}
    for section, value in changes.items():
        settings[section] = settings[section] | value if isinstance(value, dict) else value
    folder = run.with_name(run.name + suffix)
    folder.mkdir(exist_ok=True)
    name, found = FOUND[suffix]
    files.write_json(folder / "config.json", settings | {"folds": 5})
    files.write_json(folder / name, found)
    return folder


@pytest.fixture
def run(tmp_path, write, metrics):
    """The folder of a finished run, with its report."""
    settings = finetune.get_config().to_dict()
    settings["frozen"]["patience"] = 3
    page = write(config=settings)
    folder = tmp_path / "run <1>"
    files.write_json(folder / "config.json", settings)
    files.write_json(folder / "metrics.json", metrics)
    return folder, page


def read(folder):
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_where_nothing_was_found_yet_the_commands_are_there_with_what_they_bring(run, metrics):
    folder, page = run
    words = page.words()
    for flag in (f"--config.model.start_from={folder}", f"--workdir={folder}-grown"):
        assert shlex.quote(flag) in words
    low, high = metrics["test"]["accuracy_interval"]
    assert f"open by {100 * (high - low) / 2:.1f} points either way" in words
    expected = 100 * (high - low) / 2 * (12 / (77 + 78)) ** 0.5
    assert f"scores 155 photos in place of 12, and leaves about {expected:.1f};" in words
    for command, suffix in (("cross_validate", "-folds"), ("learning_curve", "-curve")):
        start = words.index(f"python -m flowers_keras.{command} --config=configs/finetune.py")
        typed = shlex.split(words[start:].partition(suffix)[0] + suffix + "'")
        assert typed[3:] == [
            "--config=configs/finetune.py", "--config.frozen.patience=3", f"--workdir={folder}{suffix}",
        ]  # fmt: skip
        experiment_flags.parse_flags(typed[2:])
        assert learning_curve.CONFIG.value.to_dict() == json.loads((folder / "config.json").read_text())
        assert learning_curve.WORKDIR.value == f"{folder}{suffix}"


def test_what_is_found_later_comes_into_the_report_and_nothing_else_changes(run):
    folder, before = run
    original = (folder / "report.html").read_text()
    for suffix in FOUND:
        assert certainty.refresh(put_beside(folder, suffix)) == folder / "report.html"
    after = read(folder)
    shown = {value for value, _ in after.figures}
    assert {PART["accuracy"], PART["accuracy_tta"], *FOLDED["interval_tta"], 0.911, 0.9321} <= shown
    assert "Twice the photos would bring +1.2 points (+0.4 to +2.0)" in after.words()
    assert len(after.all("svg")) > len(before.all("svg"))
    advised = [page.words().count("flowers_keras.cross_validate") for page in (before, after)]
    assert advised == [2, 1]  # the other one lists labels in doubt
    assert "flowers_keras.learning_curve" in before.words()
    assert "flowers_keras.learning_curve" not in after.words()
    for text in (original, (folder / "report.html").read_text()):
        outside = text.partition(certainty.BEGIN)[0], text.partition(certainty.END)[2]
        assert outside == (original.partition(certainty.BEGIN)[0], original.partition(certainty.END)[2])
    once = (folder / "report.html").read_bytes()
    certainty.refresh(folder)
    assert (folder / "report.html").read_bytes() == once


def test_what_new_groups_cost_is_shown(run):
    folder, before = run
    assert "new groups cost" not in before.words()
    beside = put_beside(folder, "-folds")
    divided = {"pooled": PART | {"accuracy": 0.941, "accuracy_tta": 0.9425}, "interval_tta": [0.93, 0.95]}
    files.write_json(beside / "folds.json", FOLDED | {"divided": divided})
    certainty.refresh(beside)
    after = read(folder)
    assert "The difference, -2.1 points with TTA, is what photos of new groups cost" in after.words()
    divided["cost"] = {"interval": [-0.034, -0.007]}
    files.write_json(beside / "folds.json", FOLDED | {"divided": divided})
    certainty.refresh(beside)
    words = "-2.1 points with TTA (-3.4 to -0.7 points, 95 %), is what photos of new groups cost"
    assert words in read(folder).words()
    assert {0.941, 0.9425} <= {value for value, _ in after.figures}


@pytest.mark.parametrize(
    "changes, shown",
    [
        ({"evaluation": {"tta": True, "shift_photos": 5}}, True),
        ({"corrections_sha256": "other labels"}, False),
        ({"seed": 1}, False),
        ({"data": {"image_size": 300}}, False),
    ],
)
def test_only_what_was_found_with_the_same_settings_is_shown(run, changes, shown):
    folder, _ = run
    for suffix in FOUND:
        certainty.refresh(put_beside(folder, suffix, **changes))
    assert ("Twice the photos would bring" in read(folder).words()) == shown
    assert (0.9321 in {value for value, _ in read(folder).figures}) == shown


def test_what_is_not_shown_is_not_announced(run):
    folder, _ = run
    assert certainty.refresh(put_beside(folder, "-folds")) == folder / "report.html"
    assert certainty.refresh(put_beside(folder, "-folds", seed=1)) is None
    assert certainty.refresh(put_beside(folder, "-curve")) == folder / "report.html"


def test_folds_of_other_photos_are_not_those_of_the_run(run):
    folder, _ = run
    beside = put_beside(folder, "-folds")
    for each, content in ((folder, "0a"), (beside, "0a")):
        files.write_json(each / "splits.json", {"photos": {"rose.jpg": {"part": "test", "digest": content}}})
    assert certainty.refresh(beside) and 0.9321 in {value for value, _ in read(folder).figures}
    files.write_json(beside / "splits.json", {"photos": {"rose.jpg": {"part": "test", "digest": "0b"}}})
    assert certainty.refresh(beside) is None
    assert 0.9321 not in {value for value, _ in read(folder).figures}


def test_the_advice_to_cross_validate_fits_a_test_that_is_the_larger_part(write, metrics):
    assert "worth its time" in write().words()
    metrics["test"]["count"] = 6149
    assert "worth its time" not in write().words() and "it serves all the same" in write().words()


def test_the_command_for_unknown_photos_can_be_typed(run):
    folder, page = run
    words = page.words()
    start = words.index("python -m flowers_keras.evaluate '--model=")
    typed = shlex.split(words[start:].partition("unknown.json'")[0] + "unknown.json'")
    assert typed[3:] == [
        f"--model={folder}", "--data=folder:PATH", "--unknown=folder:PATH", f"--output={folder}/unknown.json",
    ]  # fmt: skip


def test_a_report_without_the_section_or_none_at_all_is_left_alone(run, tmp_path):
    folder, _ = run
    assert certainty.refresh(tmp_path / "nowhere-folds") is None
    (folder / "report.html").write_text("<p>an older report</p>")
    assert certainty.refresh(put_beside(folder, "-folds")) is None
    assert (folder / "report.html").read_text() == "<p>an older report</p>"


def test_the_share_called_unlike_is_shown_and_what_unknown_photos_gave(run, metrics):
    folder, page = run
    assert {metrics["novelty"][name] for name in ("stated", "unlike")} <= {value for value, _ in page.figures}
    assert f"--output={folder / 'unknown.json'}" in page.words()
    found = {"count": 4321, "auroc": 0.97531, "found": 0.61, "false_alarms": 0.0137, "stated": 0.01}
    files.write_json(folder / "unknown.json", {"unknown": found})
    certainty.refresh(folder)
    assert {4321, 0.97531, 0.61, 0.0137} <= {value for value, _ in read(folder).figures}


def test_a_run_that_measured_no_novelty_has_no_section_of_it(write, metrics):
    del metrics["novelty"]
    assert "Photos of other things" not in write().words()


def test_marks_of_the_curve_lie_where_their_figures_say():
    drawn = Page(learning_curve_figure.draw(CURVE))
    dots = [dot for dot in drawn.all("circle") if dot["class"] == "dot validation"]
    (ring,) = [dot for dot in drawn.all("circle") if dot["class"].startswith("hollow")]
    places = [float(dot["cx"]) for dot in (*dots, ring)]
    steps = [later - earlier for earlier, later in zip(places, places[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * 4, abs=0.2)  # each is twice the one before
    heights = [float(dot["cy"]) for dot in dots]
    rise = (heights[0] - heights[3]) / 0.06
    assert float(ring["cy"]) == pytest.approx(heights[3] - 0.0123 * rise, abs=0.2)
    bars = [line for line in drawn.all("line") if line["class"].startswith("interval")]
    assert [float(bar["y1"]) - float(bar["y2"]) for bar in bars] == pytest.approx(
        [rise * 0.0162, *[rise * 0.02] * 4], abs=0.3
    )


@pytest.mark.parametrize("gain", [-0.5, 0.5])
def test_a_trend_that_leaves_the_figure_is_cut(gain):
    following = {"gain": gain, "interval": [gain - 0.4, gain + 0.4]}
    drawn = Page(learning_curve_figure.draw(CURVE | {"next_doubling": following}))
    for circle in drawn.all("circle"):
        assert 0 <= float(circle["cy"]) <= 250
