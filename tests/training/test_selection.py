"""One rule says which epoch is kept, for training, the report and the comparison with the saved file."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from flowers_keras.training import selection
from flowers_keras.training.balanced_accuracy import BalancedAccuracy

COLUMNS = ("phase", "epoch", "accuracy", "val_accuracy", "val_balanced_accuracy", "val_loss")
ROWS = [
    ("frozen", 1.0, 0.7, 0.8, 0.9, 0.5),
    ("frozen", 2.0, 0.8, 0.9, 0.7, 0.4),
    ("frozen", 3.0, 0.9, 0.7, 0.6, 0.6),
    ("finetune", 1.0, 0.99, 0.85, 0.8, 0.3),
    ("finetune", 2.0, 0.98, 0.6, 0.5, 0.9),
]
HISTORY = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]


@pytest.mark.parametrize(
    "frozen, finetune, expected",
    [
        ("best", "best", ("frozen", 2, 0.8, "val_accuracy", 0.9, 0.4, 3, 0.85, 0.3)),
        ("best", "last", ("finetune", 2, 0.98, "val_accuracy", 0.6, 0.9, None)),
        ("last", "best", ("finetune", 1, 0.99, "val_accuracy", 0.85, 0.3, 1, 0.6, 0.9)),
        (
            "best_balanced",
            "best_balanced",
            ("frozen", 1, 0.7, "val_balanced_accuracy", 0.9, 0.5, 4, 0.8, 0.3),
        ),
        # Phase 2 starts from the epoch that accuracy chose, whose balanced accuracy is to be beaten.
        ("best", "best_balanced", ("finetune", 1, 0.99, "val_balanced_accuracy", 0.8, 0.3, 1, 0.5, 0.9)),
    ],
)
def test_the_epoch_that_was_kept_and_what_the_later_ones_brought(frozen, finetune, expected):
    found = selection.describe_kept(HISTORY, {"frozen": {"keep": frozen}, "finetune": {"keep": finetune}})
    later = found.pop("later")
    assert (*found.values(), *(later.values() if later else [None])) == expected


def test_balanced_accuracy_is_that_of_scikit_learn_over_batches():
    random = np.random.default_rng(0)
    labels, predicted = random.choice(4, 60, p=[0.7, 0.2, 0.1, 0.0]), random.integers(0, 4, 60)
    metric = BalancedAccuracy(4)
    for rows in np.split(np.arange(60), 4):
        metric.update_state(np.eye(4)[labels[rows]], np.eye(4)[predicted[rows]])
    assert len(set(labels)) == 3
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = balanced_accuracy_score(labels, predicted)
    assert float(metric.result()) == pytest.approx(expected)
    metric.reset_state()
    assert float(metric.result()) == 0
