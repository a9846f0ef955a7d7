"""How the page shows the classes: the confusion matrix, or the most notable of many classes."""

import numpy as np

MATRIX_CLASSES = 40  # more than these make no readable matrix

CONFUSED = 10  # pairs of classes listed in its place

LISTED_CLASSES = 24  # of more classes, the weakest come first

WEAKEST = 10  # classes listed then


def confusion_cells(confusion, class_names):
    """Rows of the matrix: (class name, cells), a cell shaded by its share of the row.

    Empty for more than `MATRIX_CLASSES` classes.
    """
    if len(class_names) > MATRIX_CLASSES:
        return []
    return [
        (name, [_cell(i, j, count, sum(row), class_names) for j, count in enumerate(row)])
        for i, (name, row) in enumerate(zip(class_names, confusion, strict=True))
    ]


def _cell(i, j, count, total, class_names):
    share = count / max(total, 1)
    # Mistakes are few: the root keeps a single one visible. More than 0.7 would hide the figure.
    shade = 0.7 * (share if i == j else share**0.5)
    return {
        "count": count,
        "style": ("right" if i == j else "wrong") if count else "zero",
        "shade": f"{shade:.2f}",
        "words": f"{class_names[i]} classified as {class_names[j]}: {count} of {total}",
    }


def confused_pairs(confusion, class_names):
    """(true class, predicted class, count) of the most frequent confusions, the most frequent first.

    Example:
      >>> confused_pairs([[9, 1], [3, 7]], ("rose", "tulip"))
      [('tulip', 'rose', 3), ('rose', 'tulip', 1)]
    """
    matrix = np.array(confusion)
    np.fill_diagonal(matrix, 0)
    order = np.argsort(-matrix, axis=None, kind="stable")[:CONFUSED]
    pairs = zip(*np.unravel_index(order, matrix.shape), strict=True)
    return [(class_names[i], class_names[j], int(matrix[i, j])) for i, j in pairs if matrix[i, j]]


def weakest_classes(per_class):
    """The (name, figures) of the lowest recall, the lowest first; empty where all can be listed.

    Args:
      per_class: class name -> {"precision", "recall", "count"}, as scores.per_class gives.
    """
    if len(per_class) <= LISTED_CLASSES:
        return []
    measured = [each for each in per_class.items() if each[1]["recall"] is not None]
    return sorted(measured, key=lambda each: each[1]["recall"])[:WEAKEST]
