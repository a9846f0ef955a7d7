"""Cross-validation: every photo but the test's is held out once, and a kill costs its fold."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.evaluation import doubts, prediction_table
from flowers_keras.jobs import cross_validation
from flowers_keras.photos import folds, sources
from flowers_keras.training import run_folder, trunk_pass
from tests.jobs.conftest import Killed, die_in_phase


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_every_photo_but_the_tests_is_held_out_once_and_a_kill_costs_its_fold(
    small, tmp_path, monkeypatch, capsys
):
    trained = die_in_phase(monkeypatch, 4)  # in the second fold
    with pytest.raises(Killed):
        cross_validation.cross_validate(small, tmp_path, 2)
    cut_folds = folds.cut_folds
    with monkeypatch.context() as patch:
        patch.setattr(folds, "cut_folds", lambda *photos: cut_folds(*photos)[::-1])
        with pytest.raises(UserError, match="folds that another version of scikit-learn cut"):
            cross_validation.cross_validate(small, tmp_path, 2)
    monkeypatch.setattr(trunk_pass.Pass, "values", lambda *_: pytest.fail("features were computed again"))
    found = cross_validation.cross_validate(small, tmp_path, 2)
    # Phase 1 of the second fold goes on from its checkpoint, which is finished.
    assert trained == ["frozen", "finetune", "frozen", "finetune", "frozen", "finetune"]
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("fold ")]
    first, again, second = (line.partition("%")[2] for line in told)
    assert first.endswith(" left") and again == ", stored by an earlier run" and second == ""

    photos = json.loads((tmp_path / "splits.json").read_text())["photos"]
    expected = sorted(name for name, entry in photos.items() if entry["part"] != "test")
    assert sorted(row[0] for row in read(tmp_path / "predictions.csv")[1:]) == expected
    pooled = prediction_table.load_predictions(tmp_path / "predictions.csv")
    assert found["pooled"]["count"] == len(expected) < len(photos)
    assert found["pooled"]["accuracy_tta"] == np.mean(pooled.tta.argmax(axis=1) == pooled.labels)
    low, high = found["interval_tta"]
    assert low <= found["pooled"]["accuracy_tta"] <= high
    assert len(found["each"]) == 2 and found["seconds"]["folds"] > 0
    assert read(tmp_path / "doubts.csv")[0] == ["id", "label", "suggestion", "doubt", "correction"]


def test_what_new_groups_cost_is_found_beside_the_figure_for_them(small, tmp_path, monkeypatch, capsys):
    load, trained = sources.load_photos, []

    def load_grouped(data):
        photos = load(data)
        return dataclasses.replace(photos, groups=tuple(f"day {i % 12}" for i in range(len(photos.ids))))

    monkeypatch.setattr(sources, "load_photos", load_grouped)
    monkeypatch.setattr(
        cross_validation, "score_fold", lambda setup, fold, *_: trained.append(fold) or guess(setup, fold)
    )
    found = cross_validation.cross_validate(small, tmp_path, 2)
    sides = [[{f"day {i % 12}" for i in side} for side in fold] for fold in trained]
    assert [bool(training & held_out) for training, held_out in sides] == [False, False, True, True]
    assert found["divided"]["pooled"]["count"] == found["pooled"]["count"]
    assert len(found["divided"]["each"]) == len(found["each"]) == 2
    cost = found["divided"]["cost"]
    drop = found["pooled"]["accuracy_tta"] - found["divided"]["pooled"]["accuracy_tta"]
    assert cost["difference"] == pytest.approx(drop) and cost["interval"][0] < drop < cost["interval"][1]
    words = (
        f"on both sides of a fold: {found['divided']['pooled']['accuracy_tta']:.1%} with TTA; the difference "
        f"({100 * cost['interval'][0]:+.1f} to"
    )
    assert words in capsys.readouterr().out


def test_groups_of_one_photo_each_are_not_divided(small, tmp_path, monkeypatch):
    load = sources.load_photos

    def load_grouped(data):
        photos = load(data)
        return dataclasses.replace(
            photos, groups=tuple(f"{i}" if i % 2 else "" for i in range(len(photos.ids)))
        )

    monkeypatch.setattr(sources, "load_photos", load_grouped)
    monkeypatch.setattr(cross_validation, "score_fold", lambda setup, fold, *_: guess(setup, fold))
    assert "divided" not in cross_validation.cross_validate(small, tmp_path, 2)


def guess(setup, fold):
    """Predictions of a fold's held-out photos, drawn by lot."""
    at, photos = fold[1], setup.photos
    drawn = np.random.default_rng(0).dirichlet(np.ones(len(photos.class_names)), (2, len(at)))
    ids = [photos.ids[i] for i in at]
    return prediction_table.Predictions(ids, photos.labels[at], photos.class_names, *drawn)


def test_the_last_lines_name_the_doubts_and_the_next_command(small, tmp_path, capsys):
    run = run_folder.Run(tmp_path / "folds", small.to_dict())
    pooled = {"count": 50, "accuracy": 0.9, "accuracy_tta": 0.9, "loss_tta": 0.3}
    files.write_json(run.path("folds.json"), {"folds": 5, "pooled": pooled, "interval_tta": [0.8, 0.95]})
    found = [doubts.Doubt(0, 1, 0.9), doubts.Doubt(2, 0, 0.8)]
    for some in (found, []):
        doubts.save_doubts(some, ["a", "b", "c"], [0, 1, 1], ("daisy", "rose"), run.path("doubts.csv"))
        small.data.corrections = "first.csv"
        cross_validation.announce(run, small)
        lines = capsys.readouterr().out.splitlines()
        assert f"  {len(some)} of 50 labels are in doubt: {tmp_path}/folds/doubts.csv" in lines
        advised = f"--config.data.corrections=first.csv,{tmp_path}/folds/doubts.csv"
        assert (advised in lines[-1]) == bool(some)
        assert lines[-1].endswith(f"--workdir={tmp_path}/folds-corrected") == bool(some)


def test_what_cannot_be_cross_validated_is_one_line(small, tmp_path):
    small.features.views = 0
    with pytest.raises(UserError, match="--config.features.views=1 or more"):
        cross_validation.cross_validate(small, tmp_path / "folds", 3)
    assert not (tmp_path / "folds").exists()
