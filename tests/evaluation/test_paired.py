"""Paired comparison: known counts, coverage of the interval, and that pairing sees what it should."""

import numpy as np
import pytest

from flowers_keras.evaluation.paired import paired_difference


def answers(both, first_only, second_only, neither):
    """Whether two models were right on each photo, from the four counts."""
    first = np.repeat([True, True, False, False], [both, first_only, second_only, neither])
    second = np.repeat([True, False, True, False], [both, first_only, second_only, neither])
    return first, second


def test_counts_of_the_textbook():
    found = paired_difference(*answers(900, 12, 30, 58))
    assert found["difference"] == pytest.approx(0.018)
    assert found["p_value"] == pytest.approx(0.0080, abs=2e-4)  # binomial test of 30 of 42
    low, high = found["interval"]
    error = 1.96 * np.sqrt(42 - 18**2 / 1000) / 1000
    assert low == pytest.approx(0.018 - error, abs=1e-3) and high == pytest.approx(0.018 + error, abs=1e-3)


def test_models_that_are_right_on_the_same_photos_may_differ_on_others():
    found = paired_difference(*answers(90, 0, 0, 10))
    assert found["difference"] == 0.0 and found["p_value"] == 1.0
    low, high = found["interval"]
    # Of 3 photos in 100 on which they differ 100 may hold none (the rule of three).
    assert low == -high and 0.02 < high < 0.04
    assert paired_difference(*answers(0, 0, 3, 0))["interval"][1] == 1.0


@pytest.mark.parametrize("better", [1, 3, 5])
def test_few_photos_on_which_models_differ_are_no_certain_gain(better):
    found = paired_difference(*answers(250, 0, better, 31 - better))
    assert found["p_value"] > 0.05 and found["interval"][0] <= 0
    found = paired_difference(*answers(250, 0, 8, 23))
    assert found["p_value"] < 0.05 and found["interval"][0] > 0


def test_half_a_point_shows_where_the_errors_are_shared():
    assert paired_difference(*answers(2480, 3, 17, 137))["interval"][0] > 0
    assert paired_difference(*answers(2360, 123, 137, 17))["interval"][0] < 0  # the same accuracies


def test_interval_covers_the_truth_as_often_as_it_says():
    random, covered = np.random.default_rng(1), 0
    for _ in range(200):
        both = random.multinomial(500, [0.88, 0.03, 0.05, 0.04])
        low, high = paired_difference(*answers(*both))["interval"]
        covered += low <= 0.02 <= high
    assert 180 <= covered <= 199


@pytest.mark.parametrize("first, second", [([], []), ([True], [True, False])])
def test_other_photos_are_refused(first, second):
    with pytest.raises(ValueError, match="same photos|broadcast"):
        paired_difference(np.array(first, bool), np.array(second, bool))
