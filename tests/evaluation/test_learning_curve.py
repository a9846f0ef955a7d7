"""The learning curve's words: planted trends are found, and nothing is said that noise explains."""

import numpy as np
import pytest

from flowers_keras.evaluation import learning_curve

COUNTS = (500, 1000, 2000, 4000)


def answers(seed, errors, photos=3000, folds=5, training_noise=0.0):
    """Whether photos were classified correctly: most mistakes are the same at every size, as in reality."""
    random = np.random.default_rng(seed)
    fold = np.arange(photos) % folds
    hard = random.random(photos) * 0.5 + random.random((len(errors), photos)) * 0.5
    levels = np.sort(random.random(200_000) * 0.5 + random.random(200_000) * 0.5)
    errors = np.clip(np.array(errors)[:, None] + random.normal(0, training_noise, (len(errors), folds)), 0, 1)
    limits = levels[((1 - errors) * (len(levels) - 1)).astype(int)]
    return hard < limits[:, fold], fold


def test_a_trend_goes_on_as_the_power_law_that_was_planted():
    errors = [0.2 * 0.8**i for i in range(4)]  # the next is 0.08192, a gain of 0.02048
    found = learning_curve.measure(COUNTS, *answers(0, errors))
    assert found["finding"] == "more"
    assert [point["photos"] for point in found["points"]] == list(COUNTS)
    assert all(point["interval"][0] < point["accuracy"] < point["interval"][1] for point in found["points"])
    assert found["next_doubling"]["gain"] == pytest.approx(0.0205, abs=0.006)
    assert found["last_doubling"]["gain"] == pytest.approx(
        found["points"][3]["accuracy"] - found["points"][2]["accuracy"]
    )


@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_the_intervals_hold_the_truth_as_often_as_they_say(noise):
    """Of which photos are held out, and of which are trained on (`noise`, another in each fold)."""
    errors, held = [0.2 * 0.8**i for i in range(4)], np.zeros(2)
    for seed in range(300):
        found = learning_curve.measure(COUNTS, *answers(seed, errors, 1000, training_noise=noise))
        for i, (name, truth) in enumerate((("last_doubling", 0.0256), ("next_doubling", 0.02048))):
            low, high = found[name]["interval"]
            held[i] += low <= truth <= high
    assert (0.91 * 300 <= held).all() and (held <= 0.985 * 300).all(), held


def test_where_nothing_grows_more_is_hardly_ever_promised():
    findings = [learning_curve.measure(COUNTS, *answers(seed, [0.1] * 4))["finding"] for seed in range(200)]
    assert findings.count("more") <= 6
    # Errors that stay are told from those that the noise hides, where there are photos enough.
    assert learning_curve.measure(COUNTS, *answers(0, [0.1] * 4, 40_000))["finding"] == "little"


def test_a_curve_that_has_become_flat_is_not_called_growing():
    findings = [
        learning_curve.measure(COUNTS, *answers(seed, [0.3, 0.2, 0.1, 0.1]))["finding"] for seed in range(100)
    ]
    assert findings.count("more") <= 5


def test_few_photos_without_a_mistake_say_nothing():
    right, fold = np.ones((4, 20), bool), np.arange(20) % 2
    found = learning_curve.measure((5, 10, 20, 40), right, fold)
    assert found["finding"] in ("little", "unclear") and np.isfinite(found["next_doubling"]["gain"])


def test_the_words_are_those_of_the_finding():
    found = learning_curve.measure(COUNTS, *answers(0, [0.2 * 0.8**i for i in range(4)]))
    words = {
        name: learning_curve.describe(found | {"finding": name}) for name in ("more", "little", "unclear")
    }
    gain = f"{100 * found['next_doubling']['gain']:+.1f} points"
    assert all(gain in each and "From 2,000 to 4,000 training photos" in each for each in words.values())
    assert "would bring less than 0.5 points" in words["little"] and "cannot be told" in words["unclear"]
    assert f"Twice the photos would bring {gain}" in words["more"]
