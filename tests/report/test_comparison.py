"""Runs side by side: the table's figures, what differs, and the rungs of the ladder."""

import importlib
import json
import xml.etree.ElementTree

import numpy as np
import pytest
from PIL import Image

from flowers_keras import compare, config, errors
from flowers_keras.config import flatten
from flowers_keras.report import comparison

CONFIG = {"seed": 0, "data": {"split_seed": 0}, "model": {"dropout": 0.6, "weights": "imagenet"}}


@pytest.fixture
def finish(tmp_path):
    """Makes the folder of a finished run."""

    def finish(name, test=0.8, train=0.9, tta=None, seconds=100.0, photos=("a", "b"), **changes):
        folder = tmp_path / name
        folder.mkdir()
        settings = json.loads(json.dumps(CONFIG))
        for field, value in changes.items():
            section, _, field = field.rpartition("__")
            (settings[section] if section else settings)[field] = value
        metrics = {
            "test": {"accuracy": test, "accuracy_tta": tta, "accuracy_interval": [test - 0.05, test + 0.04]},
            "validation": {"accuracy": 0.85},
            "train": {"accuracy": train},
            "seconds": {"total": seconds},
        }
        (folder / "config.json").write_text(json.dumps(settings))
        (folder / "metrics.json").write_text(json.dumps(metrics))
        (folder / "predictions.csv").write_text("id,class\n" + "".join(f"{each},x\n" for each in photos))
        (folder / "report.html").write_text("<html>")
        return str(folder)

    return finish


@pytest.fixture
def compared(tmp_path, capsys):
    """Runs the door and returns its lines, each split where columns are."""

    def compared(*arguments):
        compare.main([*arguments, f"--output={tmp_path / 'figure.png'}"])
        lines = capsys.readouterr().out.splitlines()
        return [[cell.strip() for cell in line.split("   ") if cell.strip()] for line in lines]

    return compared


def test_the_table_holds_the_figures_of_the_runs(finish, compared):
    one, two = (
        finish("one", 0.6, 0.99, None, 1234.4, model__dropout=0.5),
        finish("two", 0.8664, 0.9, 0.875, 7),
    )
    header, first, second, *_ = compared(one, two + "/")
    assert header == ["run", "n", "train", "validation", "test", "test TTA", "gap", "seconds"]
    assert first == [one, "1", "99.0", "85.0", "60.0", "–", "39.0", "1,234"]
    assert second == [two, "1", "90.0", "85.0", "86.6", "87.5", "3.4", "7"]


def test_runs_that_differ_in_seed_alone_are_mean_and_spread(finish, compared):
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


def test_what_differs_is_told_field_by_field(finish, compared):
    runs = [finish("a"), finish("b", model__dropout=0.5, seed=3), finish("c", model__l2=0.0)]
    table = compared(*runs)
    table = table[table.index(["config", *runs]) :]
    assert table[1:4] == [
        ["model.dropout", "0.6", "0.5", "0.6"],
        ["model.l2", "–", "–", "0.0"],
        ["seed", "0", "3", "0"],
    ]
    assert table[4:] == [[], table[-1]]


def test_configs_that_differ_in_nothing_are_said_to(finish, compared):
    assert ["the configs differ in nothing but the seed"] in compared(finish("a"), finish("b", seed=1))
    assert ["the configs differ in nothing but the seed"] not in compared(finish("c"))


def test_other_test_photos_are_pointed_out(finish, compared):
    said = ["not all were tested on the same photos: small differences mean nothing"]
    one = finish("a")
    assert said not in compared(one, finish("b", photos=("b", "a")))
    assert said in compared(one, finish("c", photos=("a", "z")))


def test_a_folder_is_read_once_and_stored_features_are_no_run(finish, compared, tmp_path):
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
def test_what_is_no_finished_run_is_one_line_and_status_2(finish, tmp_path, capsys, change):
    good, bad = finish("good"), finish("bad")
    change(tmp_path / "bad")
    figure = tmp_path / "figure.png"
    with pytest.raises(SystemExit) as ended:
        errors.run_command(lambda: compare.main([good, bad, f"--output={figure}"]))
    told = capsys.readouterr()
    assert ended.value.code == 2 and told.out == "" and not figure.exists()
    assert told.err.startswith("error: ") and told.err.count("\n") == 1 and bad in told.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "RUN"),
        (["/nowhere"], "/nowhere is no folder"),
        (["--ouput=x.png", "RUN"], "--ouput=x.png"),
        (["RUN", "--output=x.pdf"], "--output=x.pdf is neither"),
        (["RUN", "--output=png"], "--output=png is neither"),
    ],
)
def test_wrong_arguments_are_told(finish, arguments, words):
    run = finish("run")
    with pytest.raises(errors.UserError, match="type ") as told:
        compare.main([run if each == "RUN" else each for each in arguments])
    assert words in str(told.value)


def test_a_figure_that_cannot_be_written_is_told(finish, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(errors.UserError, match="cannot write"):
        compare.main([finish("run"), f"--output={tmp_path / 'file' / 'figure.png'}"])


def test_the_figure_shows_every_run_and_grows_with_them(finish, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # so that names are short enough to stand on one line
    # Names are neither TeX nor markup.
    runs = [
        finish(r"$\frac$", tta=0.9),
        finish("b_{<&", model__dropout=0.1),
        finish("c" * 90, model__dropout=0.2),
    ]
    runs = [run.rpartition("/")[2] for run in runs]
    heights = []
    for count in (1, 3):
        compare.main([*runs[:count], f"--output={tmp_path / 'figure.png'}"])
        with Image.open(tmp_path / "figure.png") as image:
            heights.append(image.height)
            assert len(image.convert("RGB").getcolors(1 << 20)) > 50
    assert heights[1] > heights[0]
    compare.main([*runs, f"--output={tmp_path / 'figure.svg'}"])
    drawn = (tmp_path / "figure.svg").read_bytes()
    assert xml.etree.ElementTree.fromstring(drawn).tag.endswith("svg")
    compare.main([*runs, f"--output={tmp_path / 'again.svg'}"])
    assert (tmp_path / "again.svg").read_bytes() == drawn


def rung(name):
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
def test_the_rungs_differ_from_the_recipe_in_what_the_story_tells(name, differing):
    settings, recipe = rung(name), flatten(rung("finetune").to_dict())
    config.check_config(settings)
    assert settings.is_locked
    mine = flatten(settings.to_dict())
    assert {field: mine[field] for field in mine if mine[field] != recipe.get(field)} == differing
    assert mine["frozen.learning_rate"] == 1e-3 and recipe["finetune.learning_rate"] == 1e-5
    assert recipe["model.dropout"] == 0.6 and recipe["model.unfreeze_from"] == "mixed8"
