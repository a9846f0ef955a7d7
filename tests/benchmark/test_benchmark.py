"""The benchmark: its tables hold what they say, and its flags are refused in one line."""

import numpy as np
import pytest

from flowers_keras import errors, runtime
from flowers_keras import recipe as story
from flowers_keras.benchmark import __main__ as door
from flowers_keras.benchmark import exactness, growth, parts, predicting, runtimes
from flowers_keras.benchmark import setting as common
from flowers_keras.model import archive
from flowers_keras.training import run_folder


@pytest.fixture
def setting(config, monkeypatch):
    monkeypatch.setattr(common, "SECONDS", 0.1)
    return door.make_setting(config)


def test_a_table_compares_with_its_last_row():
    table = common.Table("speed", ("photos/s", "MB"), [("ours", 30.0, 1234.5), ("theirs", 10.0, None)])
    title, ours, theirs = (line.split() for line in str(table).splitlines())
    assert title == ["speed", "photos/s", "MB", "ratio"]
    assert ours == ["ours", "30.0", "1,234.5", "3.00", "x"] and theirs == ["theirs", "10.0", "-", "1.00", "x"]


def test_a_rate_counts_photos_a_second(monkeypatch):
    monkeypatch.setattr(common, "SECONDS", 0.2)
    calls = []
    found = common.rate(lambda: calls.append(common.time.sleep(0.02)), 32)
    assert len(calls) > 5 and 32 / 0.05 < found < 32 / 0.02


@pytest.mark.long
def test_steps_of_both_phases(setting):
    table = parts.step_rates(setting)
    assert [label for label, *_ in table.rows] == [
        "phase 1, stored features", "phase 2, stored views", "phase 2, a tensor in memory",
    ]  # fmt: skip
    for _, speed, seconds in table.rows:
        assert seconds == pytest.approx(len(setting.train) / speed)


def test_growth_repeats_photos_under_new_names(setting, monkeypatch):
    monkeypatch.setattr(growth, "PHOTOS", 10)
    photos, split = growth.repeat(setting.photos, setting.split, 3)
    assert len(set(photos.ids)) == 38 and split.positions["train"].tolist() == list(range(30))
    assert photos.read(0) == photos.read(10) == photos.read(20) != photos.read(1)


@pytest.mark.long
def test_growth_measures_what_is_stored(setting, monkeypatch):
    monkeypatch.setattr(growth, "PHOTOS", 10)
    monkeypatch.setattr(growth, "TIMES", ((1, 1), (4, 1), (1, 4)))
    once, four_copies, four_views = (row[2] for row in growth.growth(setting).rows)
    # 8 validation photos are stored once; so 18 photos become 48.
    assert four_copies / once == pytest.approx(48 / 18, rel=0.01)
    assert four_views / once == pytest.approx(48 / 18, rel=0.01)


@pytest.fixture
def trained(setting, config, tmp_path):
    """The folder of a run whose model names nothing rightly but by chance."""
    runtime.seed_everything(0, True)
    with run_folder.open_run(tmp_path / "run", {}) as run:
        model = story.build(setting.photos, setting.split, config)
        card = {"class_names": list(setting.photos.class_names), "image_size": 75, "recipe": config.to_dict()}
        archive.save(model, run.path("model.keras"), card)
        runtimes.splits.save(setting.split, setting.photos, run.path("splits.json"))
    return tmp_path / "run"


@pytest.mark.long
def test_runtimes_that_need_no_package_besides(setting, trained, monkeypatch):
    monkeypatch.setattr(runtimes, "CALIBRATION", 4)
    monkeypatch.setattr(runtimes.formats, "require", _refuse_optional)
    table = runtimes.runtimes(setting, trained / "model.keras")
    assert [label for label, *_ in table.rows] == ["SavedModel", "model.keras, one photo at a time"]
    (_, *served), (_, *loaded) = table.rows
    assert served[2] == loaded[2] and 0 <= served[2] <= 1
    assert np.all(np.array([served, loaded])[:, [0, 1, 3]] > 0)


@pytest.mark.long
def test_predict_is_timed_beside_the_model_alone(setting, trained, monkeypatch):
    monkeypatch.setattr(runtimes, "CALIBRATION", 4)
    table = predicting.predict_rates(setting, trained / "model.keras")
    (_, served, seconds), (_, alone, nothing) = table.rows
    assert 0 < served < 2 * alone and 1 < seconds < 60 and nothing is None


@pytest.mark.long
def test_trunk_and_tail_say_what_the_whole_model_says(setting, trained):
    table = exactness.exactness(setting, trained)
    (_, same, exact), (_, _, rounded), (_, _, both), (_, _, whole) = table.rows
    assert same == 100 and exact < 1e-5
    assert exact < both < 0.1 and exact < whole < 0.1 and rounded <= both + 0.05


def _refuse_optional(packages):
    if packages:
        raise errors.UserError("not installed")


@pytest.mark.parametrize(
    "names, model, message",
    [
        (["stepps"], None, "--only=stepps is no table; they are augmentation"),
        (["runtimes"], None, "--model="),
    ],
)
def test_wrong_flags(names, model, message):
    with pytest.raises(errors.UserError, match=message):
        door.choose_tables(names, model)


def test_without_a_model_all_tables_but_those_about_one():
    assert len(door.choose_tables([], None)) == len(door.TABLES) - len(door.TRAINED)
    assert len(door.choose_tables([], "runs/x")) == len(door.TABLES)
