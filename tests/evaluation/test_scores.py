"""scores: intervals, temperature, and whether probabilities are as high as they should be."""

import warnings

import hypothesis
import numpy as np
import pytest
import sklearn.metrics
from hypothesis import strategies

from flowers_keras.evaluation import diagnosis, prediction_table, reliability, scores, verdicts


def test_probability_of_zero_costs_as_much_as_one_in_ten_million():
    assert scores.cross_entropy(np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(-np.log(1e-7))


def test_intervals_are_those_of_the_literature():
    assert scores.wilson_interval(81, 263) == pytest.approx([0.2553, 0.3662], abs=5e-5)  # Newcombe (1998)
    assert scores.wilson_interval(0, 10) == pytest.approx([0, 0.2775], abs=5e-5)
    assert scores.wilson_interval(10, 10) == pytest.approx([0.7225, 1], abs=5e-5)
    assert scores.wilson_interval(50, 100) == pytest.approx([0.4038, 0.5962], abs=5e-5)
    # Newcombe (1998), table II, method 10.
    assert scores.drop_interval((56, 70), (48, 80)) == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert scores.drop_interval((9, 10), (3, 10)) == pytest.approx([0.1705, 0.8090], abs=5e-5)
    assert scores.drop_interval((10, 10), (0, 20)) == pytest.approx([0.6791, 1.0], abs=5e-5)


@hypothesis.given(strategies.integers(0, 1000), strategies.integers(2, 6))
@hypothesis.settings(max_examples=50)
def test_balanced_accuracy_and_macro_f1_are_those_of_scikit_learn(seed, classes):
    random = np.random.default_rng(seed)
    odds = random.dirichlet([0.3] * classes)
    labels, predicted = (random.choice(classes, 30, p=odds) for _ in range(2))
    confusion = scores.confusion_matrix(labels, np.eye(classes)[predicted])
    with warnings.catch_warnings(action="ignore"):  # a class that is predicted and has no photo
        expected = sklearn.metrics.balanced_accuracy_score(labels, predicted)
    assert scores.balanced_accuracy(confusion) == pytest.approx(expected)
    expected = sklearn.metrics.f1_score(labels, predicted, average="macro")
    assert scores.macro_f1(confusion) == pytest.approx(expected)


# Temperature.


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def draw_labels(probabilities, random):
    drawn = random.random(len(probabilities))[:, None]
    return (probabilities.cumsum(axis=1) < drawn).sum(axis=1).clip(max=probabilities.shape[1] - 1)


@pytest.mark.parametrize("temperature", [0.2, 0.7, 1.0, 2.5, 8.0])
def test_temperature_is_recovered(temperature):
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (40_000, 5))
    labels = draw_labels(softmax(logits), random)
    too_sure = softmax(logits * temperature)
    found = reliability.fit_temperature(labels, too_sure)
    assert found == pytest.approx(temperature, rel=0.02)
    assert (
        reliability.expected_calibration_error(labels, reliability.apply_temperature(too_sure, found)) < 0.015
    )


def test_temperature_is_the_minimum():
    random = np.random.default_rng(1)
    probabilities = random.dirichlet([0.5] * 3, 50)
    labels = np.where(np.arange(50) % 3 > 0, probabilities.argmax(axis=1), random.integers(0, 3, 50))

    def loss(temperature):
        changed = reliability.apply_temperature(probabilities, temperature)
        return -np.log(changed[np.arange(50), labels]).mean()

    found = reliability.fit_temperature(labels, probabilities)
    assert 0.1 < found < 10
    assert loss(found) < min(loss(found * factor) for factor in (0.999, 1.001, 0.5, 2))


def test_temperature_where_it_has_no_end():
    sure = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert reliability.fit_temperature(np.array([0, 1]), sure) == 1.0
    assert reliability.fit_temperature(np.array([1, 0]), sure) == pytest.approx(20)
    certain = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    found = reliability.fit_temperature(np.array([0, 1, 1]), certain)
    assert 1 < found <= 20.1 and np.isfinite(reliability.apply_temperature(certain, found)).all()


def test_applied_temperature():
    probabilities = np.random.default_rng(2).dirichlet([1] * 4, 20)
    assert reliability.apply_temperature(probabilities, 1.0) == pytest.approx(probabilities, abs=1e-15)
    soft, hard = (reliability.apply_temperature(probabilities, each) for each in (3.0, 0.3))
    assert np.array_equal(soft.argmax(1), probabilities.argmax(1))
    assert (soft.max(1) < probabilities.max(1)).all() and (hard.max(1) > probabilities.max(1)).all()
    assert soft.sum(axis=1) == pytest.approx(np.ones(20))


# Calibration.


def confidences(count, sharpness, seed):
    """Confidences of five classes from 0.2 to 1, the higher the more often."""
    return 0.2 + 0.8 * np.random.default_rng(seed).beta(sharpness, 1, count)


def judge(confidence, correct):
    """The finding on the calibration of photos with these confidences; None if there is none."""
    rest = (1 - confidence[:, None]) / 4
    plain = np.hstack([confidence[:, None], np.repeat(rest, 4, axis=1)])
    labels = np.where(correct, 0, 1)
    predictions = prediction_table.Predictions([], labels, tuple("abcde"), plain, None)
    found = diagnosis.judge_calibration({"test": scores.compute_metrics(predictions)})
    titles = {title: finding for finding, (_, title, _) in verdicts.FINDINGS.items()}
    return titles[found[0]["title"]] if found else None


@hypothesis.settings(max_examples=6, derandomize=True, deadline=None)
@hypothesis.given(strategies.integers(100, 600), strategies.floats(2, 12), strategies.integers(0, 99))
def test_perfect_calibration_is_called_otherwise_in_one_case_of_twenty(count, sharpness, seed):
    random = np.random.default_rng(seed)
    confidence = confidences(count, sharpness, seed)
    bound = reliability.calibration_error_by_chance(confidence)
    errors = [
        sum(
            abs(c - a) * n
            for _, c, a, n in reliability.reliability(confidence, random.random(count) < confidence)
        )
        for _ in range(400)
    ]
    assert 0.02 < np.mean(np.array(errors) / count > bound) < 0.09


@hypothesis.settings(max_examples=12, derandomize=True, deadline=None)
@hypothesis.given(strategies.integers(300, 600), strategies.floats(2, 12), strategies.integers(0, 99))
def test_direction_is_that_of_confidence_less_accuracy(count, sharpness, seed):
    confidence, drawn = confidences(count, sharpness, seed), np.random.default_rng(seed).random(count)
    assert judge(confidence, drawn < confidence - 0.15) == "overconfident"
    assert judge(0.9 * confidence, drawn < confidence + 0.15) == "underconfident"
    correct = drawn < confidence
    opposite = "underconfident" if confidence.mean() > correct.mean() else "overconfident"
    assert judge(confidence, correct) != opposite


@pytest.mark.parametrize(
    "points, expected", [(-0.07, "underconfident"), (0, "calibrated"), (0.07, "overconfident")]
)
def test_seven_points_at_293_photos_are_caught(points, expected):
    """Each confidence level of a good model has its share of mistakes, and 7 points more or fewer."""
    confidence = 0.93 * np.sort(confidences(293, 12, 0))
    correct = np.diff(np.floor(np.cumsum(np.append(0, confidence - points)))) > 0
    assert correct.mean() == pytest.approx(confidence.mean() - points, abs=0.01)
    assert judge(confidence, correct) == expected


def test_errors_in_both_directions_have_no_direction():
    confidence = np.repeat([0.55, 0.95], 200)
    correct = np.arange(400) % 4 > 0  # 75 % of both
    assert judge(confidence, correct) == "miscalibrated"


def test_few_photos_say_nothing_of_calibration():
    confidence = confidences(15, 5, 0)
    assert judge(confidence, np.random.default_rng(0).random(15) < confidence) is None


def test_bound_of_calibration_does_not_depend_on_the_order_of_photos():
    confidence = confidences(200, 5, 0)
    assert reliability.calibration_error_by_chance(
        confidence[::-1]
    ) == reliability.calibration_error_by_chance(confidence)
