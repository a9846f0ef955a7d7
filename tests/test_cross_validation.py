"""Cross-validation: every photo but the test's held out once, the pass shared, resumed by the fold."""

import csv

import numpy as np
import pytest

from flowers_keras import cross_validation, recipe
from flowers_keras.errors import UserError
from flowers_keras.evaluation import measure
from flowers_keras.training import features, phases


@pytest.fixture
def small(config):
    config.frozen.epochs, config.finetune.epochs = 2, 1
    config.features.views = 1
    config.evaluation.tta = False
    return config


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_folds_share_the_pass_and_resume_by_the_fold(small, tmp_path, monkeypatch, capsys):
    recipe.train_and_evaluate(small, tmp_path / "run")
    test_ids = {row[0] for row in read(tmp_path / "run" / "predictions.csv")[1:]}
    capsys.readouterr()

    class Killed(BaseException):
        pass

    score, scored = cross_validation.score_fold, []

    def die_in_the_second(*arguments):
        scored.append(arguments[-1])
        if len(scored) == 2:
            raise Killed
        return score(*arguments)

    monkeypatch.setattr(cross_validation, "score_fold", die_in_the_second)
    with pytest.raises(Killed):
        cross_validation.cross_validate(small, tmp_path / "folds", 3)
    shown = capsys.readouterr().out
    count = 60 - len(test_ids)  # a view of each, as it is and mirrored; the run stored one of the three
    assert f"features: {count} of {3 * count} views" in shown and f"computing {2 * count}," in shown
    trained = []
    train = phases.train_phase
    monkeypatch.setattr(cross_validation, "score_fold", score)
    monkeypatch.setattr(phases, "train_phase", lambda name, *a: trained.append(name) or train(name, *a))
    monkeypatch.setattr(features.Pass, "values", lambda *_: pytest.fail("features were computed again"))
    found = cross_validation.cross_validate(small, tmp_path / "folds", 3)
    assert trained == ["frozen", "finetune"] * 2  # of the folds that were not finished

    rows = read(tmp_path / "folds" / "predictions.csv")
    ids = [row[0] for row in rows[1:]]
    assert len(ids) == len(set(ids)) == count and not test_ids & set(ids)
    pooled = measure.load_predictions(tmp_path / "folds" / "predictions.csv")
    assert found["pooled"]["accuracy_tta"] == np.mean(pooled.tta.argmax(axis=1) == pooled.labels)
    low, high = found["interval_tta"]
    assert low < found["pooled"]["accuracy_tta"] < high
    assert len(found["each"]) == 3 and found["seconds"]["folds"] > 0
    assert read(tmp_path / "folds" / "doubts.csv")[0] == ["id", "label", "suggestion", "doubt", "correction"]


def test_what_cannot_be_cross_validated_is_one_line(small, tmp_path):
    small.features.views = 0
    with pytest.raises(UserError, match="--config.features.views=1 or more"):
        cross_validation.cross_validate(small, tmp_path / "folds", 3)
    assert not (tmp_path / "folds").exists()
