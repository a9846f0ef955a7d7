"""The learning curve: the same held-out photos at every size, nested training photos, none of the test."""

import json

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.evaluation import prediction_table
from flowers_keras.jobs import cross_validation, learning_curve
from flowers_keras.training import feeds, phases, trunk_pass
from tests.jobs.conftest import Killed, die_in_phase


@pytest.fixture
def fed(monkeypatch):
    """[(positions trained on, positions held out)] of each head."""
    seen, original = [], feeds.stored_feed

    def watched(network, stored, output, labels, train, held_out, config):
        assert output == "pooled"
        seen.append((train, held_out))
        return original(network, stored, output, labels, train, held_out, config)

    monkeypatch.setattr(feeds, "stored_feed", watched)
    return seen


def test_sizes_are_nested_and_scored_on_the_same_photos_and_a_kill_costs_its_size(
    small, tmp_path, monkeypatch, fed, capsys
):
    train = phases.train_phase

    def train_the_first(name, feed, settings, run):  # what the others learn is not looked at
        first = run.folder == tmp_path / "curve" / "fold-1" / "1-of-8"
        return train(name, feed, settings, run) if first else ([], None)

    monkeypatch.setattr(phases, "train_phase", train_the_first)
    trained = die_in_phase(monkeypatch, 6)
    with pytest.raises(Killed):
        learning_curve.measure_curve(small, tmp_path / "curve", 2)
    monkeypatch.setattr(trunk_pass.Pass, "values", lambda *_: pytest.fail("features were computed again"))
    found = learning_curve.measure_curve(small, tmp_path / "curve", 2)
    assert trained == ["frozen"] * 9  # 2 folds of 4 sizes, one of which was begun twice

    del fed[5]
    for fold in (fed[:4], fed[4:]):
        assert len({tuple(held_out) for _, held_out in fold}) == 1
        shares = [np.unique(positions, return_counts=True) for positions, _ in fold]
        assert [set(times) for _, times in shares] == [{8}, {4}, {2}, {1}]
        for (one, _), (other, _) in zip(shares, shares[1:], strict=False):
            assert set(one) < set(other)
        assert not set(shares[-1][0]) & set(fold[0][1])
    photos = json.loads((tmp_path / "curve" / "splits.json").read_text())["photos"]
    outside = sum(entry["part"] != "test" for entry in photos.values())
    assert sum(len(fold[0][1]) for fold in (fed[:4], fed[4:])) == outside < len(photos)

    assert found == json.loads((tmp_path / "curve" / "learning_curve.json").read_text())
    assert found["folds"] == 2 and found["seconds"]["sizes"] > 0
    whole = [
        prediction_table.load_predictions(tmp_path / f"curve/fold-{number}/1-of-1/predictions.csv")
        for number in (1, 2)
    ]
    right = np.concatenate([each.plain.argmax(axis=1) == each.labels for each in whole])
    assert found["points"][-1]["accuracy"] == right.mean() and len(right) == outside
    assert "training photos the accuracy changed by" in capsys.readouterr().out.splitlines()[-1]


def test_the_pass_is_shared_with_cross_validation(small, tmp_path, monkeypatch):
    monkeypatch.setattr(phases, "train_phase", lambda *_: ([], None))  # what is trained is not looked at
    cross_validation.cross_validate(small, tmp_path / "folds", 2)
    monkeypatch.setattr(trunk_pass.Pass, "values", lambda *_: pytest.fail("features were computed again"))
    learning_curve.measure_curve(small, tmp_path / "curve", 2)


def test_every_size_begins_with_the_head_as_it_was_built(small, tmp_path, monkeypatch):
    began = []
    monkeypatch.setattr(
        phases,
        "train_phase",
        lambda name, feed, settings, run: (
            began.append(feed.network.get_weights()[0].copy())
            or feed.network.set_weights([each + 1 for each in feed.network.get_weights()])
        ),
    )
    learning_curve.measure_curve(small, tmp_path / "curve", 2)
    assert len(began) == 8 and all(np.array_equal(each, began[0]) for each in began)


@pytest.mark.parametrize(
    "field, words",
    [("features.views", "--config.features.views=1 or more"), ("frozen.epochs", "--config.frozen.epochs=1")],
)
def test_what_has_no_curve_is_one_line(small, tmp_path, field, words):
    small.update_from_flattened_dict({field: 0})
    with pytest.raises(UserError, match=words):
        learning_curve.measure_curve(small, tmp_path / "curve", 2)
    assert not (tmp_path / "curve").exists()
