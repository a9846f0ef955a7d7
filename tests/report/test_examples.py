"""The photos that a report shows."""

import numpy as np

from flowers_keras.evaluation import prediction_table
from flowers_keras.photos import sources
from flowers_keras.report import examples
from tests.report.conftest import CLASSES, EVIL_ID, jpeg


def test_mistakes_are_grouped_by_confusion_with_their_odds(photos, positions, predictions):
    mistakes = examples.find_mistakes(predictions, photos, positions, np.array([1, 2, 4]))
    assert [each["id"] for each in mistakes] == ["photo-09.jpg", EVIL_ID, "photo-05.jpg"]
    assert [(each["true"], each["predicted"], each["alike"]) for each in mistakes] == [
        (CLASSES[0], CLASSES[1], 2), (CLASSES[0], CLASSES[1], 2), (CLASSES[2], CLASSES[0], 1),
    ]  # fmt: skip
    worst = mistakes[2]
    label = photos.labels[5]
    assert worst["true"] == CLASSES[label] and worst["photo"] is None  # BROKEN
    assert [(name, is_true) for name, _, is_true in worst["odds"]] == [
        (CLASSES[(label + 1) % 3], False),
        (CLASSES[(label + 2) % 3], False),
        (CLASSES[label], True),
    ]
    assert worst["odds"][2][1] == predictions.plain[2, label]


def test_the_least_likely_true_classes_are_shown(photos, positions, predictions, monkeypatch):
    monkeypatch.setattr(examples, "MISTAKES", 1)
    (worst,) = examples.find_mistakes(predictions, photos, positions, np.array([1, 2, 4]))
    assert worst["id"] == "photo-05.jpg"


def test_the_true_class_is_shown_however_unlikely():
    plain = np.array([[0.4, 0.3, 0.2, 0.09, 0.01]])
    predictions = prediction_table.Predictions(["x"], np.array([4]), tuple("abcde"), plain, None)
    photos = sources.Photos(("x",), np.array([4]), tuple("abcde"), jpeg)
    (mistake,) = examples.find_mistakes(predictions, photos, [0], np.array([0]))
    assert [name for name, *_ in mistake["odds"]] == ["a", "b", "c", "e"]
