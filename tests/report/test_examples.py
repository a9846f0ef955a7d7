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


def test_the_most_frequent_confusions_are_shown_and_some_of_each(photos, positions, monkeypatch):
    """Of six photos confused in one way, one in another and one in a third."""
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 2])
    plain = np.full((8, 3), 0.05)
    plain[np.arange(8), (labels + 1) % 3] = 0.9
    plain[np.arange(8), labels] = [0.08, 0.01, 0.07, 0.02, 0.06, 0.03, 0.04, 0.05]
    predictions = prediction_table.Predictions(list("abcdefgh"), labels, CLASSES, plain, None)

    def shown(count):
        monkeypatch.setattr(examples, "MISTAKES", count)
        found = examples.find_mistakes(predictions, photos, positions, np.arange(8))
        return "".join(each["id"] for each in found)

    assert shown(2) == "bd" and shown(5) == "bdfgh" and shown(6) == "bdfegh" and shown(12) == "bdfecagh"


def test_the_true_class_is_shown_however_unlikely():
    plain = np.array([[0.4, 0.3, 0.2, 0.09, 0.01]])
    predictions = prediction_table.Predictions(["x"], np.array([4]), tuple("abcde"), plain, None)
    photos = sources.Photos(("x",), np.array([4]), tuple("abcde"), jpeg)
    (mistake,) = examples.find_mistakes(predictions, photos, [0], np.array([0]))
    assert [name for name, *_ in mistake["odds"]] == ["a", "b", "c", "e"]
