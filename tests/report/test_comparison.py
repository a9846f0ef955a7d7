"""Runs side by side: the tables' figures, what differs, the figure, and the configs compared."""

import hashlib
import importlib
import json
import pathlib
import xml.etree.ElementTree

import numpy as np
import pytest

from flowers_keras import compare, config
from flowers_keras.errors import UserError
from flowers_keras.evaluation import prediction_table
from flowers_keras.report import comparison, pairs
from tests import browsing

CONFIG = {"seed": 0, "data": {"split_seed": 0}, "model": {"dropout": 0.6, "weights": "imagenet"}}


def save_split(folder, tested, trained=(), camera="one"):
    """Writes `splits.json`; photos of two cameras may have the same ids."""
    photos = {
        photo: {"part": part, "class": "x", "digest": hashlib.sha256(f"{camera}{photo}".encode()).hexdigest()}
        for part, some in (("test", tested), ("train", trained))
        for photo in some
    }
    (folder / "splits.json").write_text(json.dumps({"photos": photos}))


@pytest.fixture
def finish(tmp_path):
    """Makes the folder of a finished run."""

    def finish(name, test=0.8, train=0.9, tta=None, seconds=100.0, photos=("a", "b"), trained=(), **changes):
        folder = tmp_path / name
        folder.mkdir()
        settings = json.loads(json.dumps(CONFIG))
        for field, value in changes.items():
            section, _, field = field.rpartition("__")
            (settings.setdefault(section, {}) if section else settings)[field] = value
        metrics = {
            "test": {"accuracy": test, "accuracy_tta": tta, "accuracy_interval": [test - 0.05, test + 0.04]},
            "validation": {"accuracy": 0.85},
            "train": {"accuracy": train},
            "seconds": {"total": seconds},
        }
        (folder / "config.json").write_text(json.dumps(settings))
        (folder / "metrics.json").write_text(json.dumps(metrics))
        rows = [f"{each},x,0.9,0.1,," for each in photos]
        header = "id,class,probability:x,probability:y,tta:x,tta:y"
        (folder / "predictions.csv").write_text("\n".join([header, *rows, ""]))
        (folder / "report.html").write_text("<html>")
        save_split(folder, photos, trained)
        return str(folder)

    return finish


@pytest.fixture
def compared(tmp_path, capsys):
    """Runs the command and returns its lines, each split where columns are."""

    def compared(*arguments):
        compare.main([*arguments, f"--output={tmp_path / 'figure.svg'}"])
        lines = capsys.readouterr().out.splitlines()
        return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in lines]

    return compared


def test_the_table_holds_the_figures_of_the_runs(finish, compared):
    one, two = (
        finish("one", 0.6, 0.99, None, 1234.4, model__dropout=0.5),
        finish("two", 0.8664, 0.9, 0.875, 7),
    )
    header, first, second, *rest = compared(one, two + "/")
    assert ["seconds: features that were stored before cost none"] in rest
    assert header == ["run", "n", "train", "validation", "test", "test TTA", "gap", "seconds"]
    assert first == [one, "1", "99.0", "85.0", "60.0", "–", "39.0", "1,234"]
    assert second == [two, "1", "90.0", "85.0", "86.6", "87.5", "3.4", "7"]


def test_runs_that_differ_in_the_seeds_alone_are_mean_and_standard_deviation(finish, compared):
    test, train, tta = (0.80, 0.83, 0.88), (0.9, 0.91, 0.95), (0.81, 0.85, 0.86)
    names = [finish(f"run-{i}", test[i], train[i], tta[i], 60 * i, seed=i) for i in range(3)]
    other = finish("other", seed=1, data__split_seed=1)
    header, row, alone, *rest = compared(*names[:2], other, names[2])

    def text(values):
        return f"{100 * np.mean(values):.1f} ± {100 * np.std(values, ddof=1):.1f}"

    assert row[:2] == [names[0][:-1] + "*", "3"]
    assert row[2] == text(train) and row[4] == text(test) and row[5] == text(tta)
    assert row[6] == text(np.subtract(train, test)) and row[7] == "60 ± 60"
    assert alone[:2] == [other, "1"]
    assert ["seed", "0, 1, 2", "1"] in rest


@pytest.mark.parametrize("field", sorted(comparison.NOT_COMPARED))
def test_what_changes_no_result_makes_no_group_of_its_own(finish, field):
    runs = [finish("a"), finish("b", **{field.replace(".", "__"): 3})]
    assert len(comparison.group_runs(comparison.read_runs(runs))) == 1
    assert field in config.FIELDS


def test_config_fields_that_differ_are_listed(finish, compared):
    runs = [finish("a"), finish("b", model__dropout=0.5, seed=3), finish("c", model__l2=0.0)]
    table = compared(*runs)
    assert table[table.index(["config", *runs]) + 1 : -2] == [
        ["model.dropout", "0.6", "0.5", "0.6"],
        ["model.l2", "–", "–", "0.0"],
        ["seed", "0", "3", "0"],
    ]
    assert ["the configs differ in nothing but the seeds"] not in table
    assert ["the configs differ in nothing but the seeds"] in compared(finish("d"), finish("e"))
    assert ["the configs differ in nothing but the seeds"] not in compared(finish("f"))


def test_runs_tested_on_other_photos_are_pointed_out(finish, compared):
    note = ["the runs were tested on different photos: small differences mean nothing"]
    one = finish("a")
    assert note not in compared(one, finish("b", photos=("b", "a")))
    assert note in compared(one, finish("c", photos=("a", "z")))


def test_a_folder_is_read_once_and_stored_features_are_not_a_run(finish, compared, tmp_path):
    one = finish("a")
    (tmp_path / "features").mkdir()
    lines = compared(one, one + "/", str(tmp_path / "features"))
    assert lines[0] == [f"left out {tmp_path / 'features'}: stored features, not a run"]
    assert lines[2][:2] == [one, "1"]


def damage(name, text):
    def change(folder):
        (folder / name).write_text(text)

    return change


def edit(path, value):
    def change(folder):
        metrics = json.loads((folder / "metrics.json").read_text())
        section, name = path.split(".")
        metrics[section][name] = value
        (folder / "metrics.json").write_text(json.dumps(metrics))

    return change


@pytest.mark.parametrize(
    "change",
    [
        *(lambda folder, name=name: (folder / name).unlink() for name in comparison.NEEDED),
        damage("metrics.json", '{"test": '),
        damage("metrics.json", "[]"),
        damage("metrics.json", "{}"),
        damage("config.json", "[1]"),
        damage("predictions.csv", "id\n\n"),
        edit("test.accuracy", None),
        edit("train.accuracy", float("nan")),
        edit("test.accuracy_interval", [1]),
        edit("seconds.total", "long"),
    ],
)
def test_what_is_not_a_finished_run_is_refused_by_name(finish, tmp_path, change):
    good, bad = finish("good"), finish("bad")
    change(tmp_path / "bad")
    figure = tmp_path / "figure.svg"
    with pytest.raises(UserError, match=bad):
        compare.main([good, bad, f"--output={figure}"])
    assert not figure.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "RUN"),
        (["/nowhere"], "/nowhere is not a folder"),
        (["--ouput=x.svg", "RUN"], "--ouput=x.svg"),
        (["RUN", "--output=x.png"], "--output=x.png is not an SVG file"),
        (["RUN", "--output=svg"], "--output=svg is not an SVG file"),
    ],
)
def test_wrong_arguments_are_refused(finish, arguments, words):
    run = finish("run")
    with pytest.raises(UserError, match="type ") as refused:
        compare.main([run if each == "RUN" else each for each in arguments])
    assert words in str(refused.value)


def test_a_figure_that_cannot_be_written_is_refused(finish, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write"):
        compare.main([finish("run"), f"--output={tmp_path / 'file' / 'figure.svg'}"])


def drawn(path):
    """The figure's elements: (tag, attributes, text) of each."""
    elements = xml.etree.ElementTree.parse(path).getroot().iter()
    return [(each.tag.rpartition("}")[2], each.attrib, each.text) for each in elements]


def test_the_figure_shows_every_group_as_text_and_stands_alone(finish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # so that names are short enough to stand on one line
    names = ["a<b", "b & 'c'", "c" * 200]
    for name, dropout in zip(names, (0.5, 0.1, 0.2), strict=True):
        finish(name, tta=0.9, model__dropout=dropout)
    finish("a<c", test=0.9, tta=0.9, model__dropout=0.5, seed=1)
    compare.main([*names, "a<c", "--output=figure.svg"])
    elements = drawn("figure.svg")
    words = "".join(text for tag, _, text in elements if tag == "text")
    assert "a<* (n=2): gap 5.0 ± 7.1 points" in words and "b & 'c'" in words and "c" * 200 in words
    assert "85.0 ± 7.1 %, TTA 90.0 ± 0.0 %" in words
    dots = [each for tag, each, _ in elements if tag == "circle" and each["class"] == "dot test"]
    assert [float(dot["r"]) for dot in dots] == [5, 2, 2, 5, 5]  # a mean and its two runs, two runs alone
    assert float(dots[1]["cx"]) < float(dots[0]["cx"]) < float(dots[2]["cx"])
    height = float(elements[0][1]["viewBox"].split()[3])
    assert all(0 < float(each["y"]) < height for tag, each, _ in elements if tag == "text")
    (style,) = [text for tag, _, text in elements if tag == "style"]
    classes = {name for _, each, _ in elements for name in each.get("class", "").split()}
    assert "var(" not in style and not [name for name in classes if f".{name} " not in style]
    first = pathlib.Path("figure.svg").read_bytes()
    compare.main([*names, "a<c", "--output=figure.svg"])
    assert pathlib.Path("figure.svg").read_bytes() == first


def test_browser_finds_the_figure_accessible(finish, tmp_path, browser):
    compare.main([finish("one"), finish("two", model__dropout=0.5), f"--output={tmp_path / 'figure.svg'}"])
    figure = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    for named in (True, False):
        drawing = figure if named else figure.replace("aria-label=", "data-label=")
        page.write_text(
            f"<html lang=en><title>x</title><main><h1>Runs</h1>{drawing}</main>", encoding="utf-8"
        )
        browser.get(page.as_uri())
        assert [rule for rule, _ in browsing.violations(browser)] == ([] if named else ["svg-img-alt"])


def read_config(name):
    return importlib.import_module(f"configs.{name}").get_config()


@pytest.mark.parametrize(
    ("name", "differing"),
    [
        (
            "baseline",
            {
                "augment.policy": "none",
                "augment.flip_and_crop": False,
                "model.dropout": 0.5,
                "model.l2": 0.0,
                "model.unfreeze_from": "rescaling",
                "model.train_batch_norm": True,
                "frozen.epochs": 3,
                "finetune.epochs": 4,
                "finetune.learning_rate": 1e-3,
                "features.views": 0,
                "evaluation.tta": False,
            },
        ),
        (
            "regularized",
            {
                "augment.policy": "none",
                "augment.flip_and_crop": False,
                "features.views": 1,
                "evaluation.tta": False,
            },
        ),
    ],
)
def test_earlier_stages_differ_from_the_recipe_in_the_documented_fields(name, differing):
    settings, recipe = read_config(name), config.flatten(read_config("finetune").to_dict())
    config.check_config(settings)
    assert settings.is_locked
    mine = config.flatten(settings.to_dict())
    assert {field: mine[field] for field in mine if mine[field] != recipe.get(field)} == differing
    assert mine["frozen.learning_rate"] == 1e-3 and recipe["finetune.learning_rate"] == 1e-5
    assert recipe["model.dropout"] == 0.6 and recipe["model.unfreeze_from"] == "mixed8"


def cross_validated(folder, right, seconds=60.0):
    """The folder of a cross-validation in which photo i was classified correctly where `right[i]`."""
    folder.mkdir()
    plain = np.where(np.array(right)[:, None], [0.9, 0.1], [0.1, 0.9])
    order = np.random.default_rng(int(1000 * np.mean(right))).permutation(len(right))
    ids, labels = [f"photo-{i}" for i in order], np.zeros(len(right), int)
    table = prediction_table.Predictions(ids, labels, ("x", "y"), plain[order], plain[order])
    prediction_table.save_predictions(table, folder / "predictions.csv")
    accuracy = float(np.mean(right))
    interval = [accuracy - 0.01, accuracy + 0.01]
    pooled = {"accuracy": accuracy, "accuracy_tta": accuracy, "accuracy_interval": interval}
    (folder / "folds.json").write_text(json.dumps({"pooled": pooled, "seconds": {"folds": seconds}}))
    (folder / "config.json").write_text(json.dumps(CONFIG | {"folds": 5, "model": {"l2": np.mean(right)}}))
    save_split(folder, ids)
    return str(folder)


def test_cross_validations_are_compared_photo_by_photo(tmp_path, compared):
    first = np.arange(1000) >= 80
    second = first.copy()
    second[[*range(30), 500]] ^= True  # 30 errors fewer, one more
    one, two = cross_validated(tmp_path / "one", first), cross_validated(tmp_path / "two", second)
    other = cross_validated(tmp_path / "other", first[:900])
    lines = compared(one, two, other)
    assert lines[1] == [one, "1", "–", "–", "92.0", "92.0", "–", "60"]
    (row,) = (line for line in lines if len(line) == 5 and line[1] == "1000")
    assert row[0] == two and row[2] == "+2.90" and row[4] == "< 0.001"
    low, high = map(float, row[3].split(" to "))
    assert 1.5 < low < 2.9 < high < 4.5
    # The third is of 900 of the photos, on which it is as good.
    (row,) = (line for line in lines if len(line) == 5 and line[0] == other)
    assert row[1:3] == ["900", "+0.00"] and row[4] == "1.000"


def test_a_photo_whose_label_differs_and_runs_that_share_none_are_not_compared(finish):
    one, two, three = finish("a", photos="abc"), finish("b", photos="bcd"), finish("c", photos="xy")
    table = pathlib.Path(two, "predictions.csv")
    table.write_text(table.read_text().replace("c,x", "c,y"))
    rows = pairs.paired_table(comparison.read_runs([one, two, three]))
    assert [row[:2] for row in rows[1:]] == [[two, "1"]]


def test_photos_of_the_same_names_that_are_others_are_not_compared(finish, compared):
    one, two = finish("one", tta=0.8), finish("two", tta=0.8, model__dropout=0.5)
    paired = "against the first, on the same photos"
    assert paired in [line[0] for line in compared(one, two) if line]
    save_split(pathlib.Path(two), ("a", "b"), camera="other")
    lines = compared(one, two)
    assert ["the runs were tested on different photos: small differences mean nothing"] in lines
    assert paired not in [line[0] for line in lines if line]


def test_runs_before_and_after_a_label_was_corrected_are_no_group(finish):
    runs = [finish("before"), finish("after", seed=1), finish("corrected", seed=2)]
    path = pathlib.Path(runs[2], "splits.json")
    path.write_text(path.read_text().replace('"class": "x"', '"class": "y"', 1))
    assert [len(each.runs) for each in comparison.group_runs(comparison.read_runs(runs))] == [2, 1]


def test_runs_before_and_after_photos_were_added_are_no_group(finish, compared):
    before, after = finish("before", trained="cd"), finish("after", trained="cde", seed=1)
    again = finish("again", trained="dc", seed=2)
    lines = compared(before, after, again)
    assert [line[1] for line in lines[1:3]] == ["2", "1"]
    assert ["the configs differ in nothing but the seeds"] not in lines
    (row,) = (line for line in lines if line and line[0] == "photos")
    assert row[1].startswith('"2 train, 0 validation, 2 test') and row[2].startswith('"3 train')
