"""Doubts: planted wrong labels are found first, and right ones are left alone."""

import csv

import numpy as np
import pytest

from flowers_keras.evaluation import doubts, reliability


def plant(count, classes, share, seed, skill=2.5):
    """True labels, given labels of which `share` are wrong, and probabilities of a model of some skill."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, count)
    labels = truth.copy()
    wrong = random.permutation(count)[: int(share * count)]
    labels[wrong] = (truth[wrong] + random.integers(1, classes, len(wrong))) % classes
    logits = random.normal(0, 1, (count, classes))
    logits[np.arange(count), truth] += skill * 2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, wrong, probabilities


@pytest.mark.parametrize("seed", range(5))
def test_planted_errors_come_first(seed):
    labels, wrong, probabilities = plant(1000, 5, 0.05, seed)
    found = [each.row for each in doubts.find_doubts(labels, probabilities)]
    assert np.isin(found[:40], wrong).mean() >= 0.95
    assert np.isin(wrong, found).mean() >= 0.75
    assert len(found) <= 2 * len(wrong)


def test_right_labels_are_rarely_in_doubt():
    labels, _, probabilities = plant(1000, 5, 0.0, 0, skill=4)
    assert len(doubts.find_doubts(labels, probabilities)) <= 5


@pytest.mark.parametrize("seed", range(5))
def test_clear_doubts_are_more_than_a_calibrated_model_is_mistaken(seed):
    counts = []
    for share in (0.0, 0.05):
        labels, wrong, underconfident = plant(600, 5, share, seed, skill=1.25)
        # Logits of deviation 1 and a mean of 2.5 are calibrated when they are multiplied by 2.5.
        probabilities = reliability.apply_temperature(underconfident, 1 / 2.5)
        assert sum(each.doubt >= doubts.CLEAR for each in doubts.find_doubts(labels, probabilities)) > 5
        counts.append(doubts.count_clear(labels, probabilities))
    assert counts[0] == 0 and counts[1] > len(wrong) / 2


def test_a_class_without_photos_claims_none():
    labels, _, probabilities = plant(100, 3, 0.1, 0)
    wide = np.concatenate([probabilities, np.full((100, 1), 0.9)], axis=1)
    assert all(each.suggestion != 3 for each in doubts.find_doubts(labels, wide))


def test_the_file_is_for_a_person_to_fill_in(tmp_path):
    labels = np.array([0, 0, 0, 1, 1, 1])
    sure = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.2, 0.8]])
    found = doubts.find_doubts(labels, sure)
    doubts.save_doubts(found, list("uvwxyz"), labels, ("daisy, wild", "rose"), tmp_path / "doubts.csv")
    with open(tmp_path / "doubts.csv", newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["id"] == "w" and row["label"] == "daisy, wild" and row["suggestion"] == "rose"
    assert float(row["doubt"]) == pytest.approx(0.8) and row["correction"] == ""
