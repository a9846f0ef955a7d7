"""How a page shows the classes."""

import numpy as np

from flowers_keras.report import confusion


def test_confusion_is_shown_as_cells_shaded_by_their_share():
    (name, cells), *_ = confusion.confusion_cells([[3, 1], [0, 0]], ("a", "b"))
    assert name == "a" and [cell["count"] for cell in cells] == [3, 1]
    assert [cell["style"] for cell in cells] == ["right", "wrong"]
    assert [cell["shade"] for cell in cells] == ["0.52", "0.35"]
    assert cells[1]["words"] == "a classified as b: 1 of 4"


def test_many_classes_get_the_pairs_most_confused_in_place_of_a_matrix():
    names = [f"c{i}" for i in range(confusion.MATRIX_CLASSES + 1)]
    matrix = np.zeros((len(names), len(names)), int)
    matrix[2, 7], matrix[9, 1], matrix[4, 4] = 3, 5, 90
    assert confusion.confusion_cells(matrix.tolist(), names) == []
    assert confusion.confused_pairs(matrix.tolist(), names) == [("c9", "c1", 5), ("c2", "c7", 3)]


def test_of_many_classes_the_lowest_recalls_are_listed_first():
    recalls = [None, 0.9, 0.1, *[1.0] * confusion.LISTED_CLASSES]
    per_class = {
        f"c{i}": {"precision": 1.0, "recall": recall, "count": 4} for i, recall in enumerate(recalls)
    }
    listed = [name for name, _ in confusion.weakest_classes(per_class)]
    assert listed[:3] == ["c2", "c1", "c3"] and len(listed) == confusion.WEAKEST and "c0" not in listed
    assert confusion.weakest_classes(dict(list(per_class.items())[: confusion.LISTED_CLASSES])) == []
