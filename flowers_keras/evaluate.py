"""Accuracy, flip TTA, confusion, calibration: what the shipped model does on labelled photos."""

import csv
import dataclasses
import math

import numpy as np
import tqdm

from flowers_keras import files
from flowers_keras.photos import pipeline

CALIBRATION_BINS = 15
CONFIDENCE = 1.959963984540054  # standard deviations, 95 %


@dataclasses.dataclass(frozen=True)
class Predictions:
    """What a model says about labelled photos.

    Attributes:
      ids: the photos' names.
      labels: int [count].
      class_names: in the order of the probabilities.
      plain: float64 [count, classes], of the photos as they are.
      tta: the same with flip test-time augmentation, or None.
    """

    ids: list[str]
    labels: np.ndarray
    class_names: tuple[str, ...]
    plain: np.ndarray
    tta: np.ndarray | None


def predict_with_flip(model, photos):
    """Probabilities of photos, as they are and with flip test-time augmentation.

    Args:
      model: a classifier.
      photos: [batch, S, S, 3], 0 to 255.

    Returns:
      (plain, tta), each float64 [batch, classes]; tta is the mean of the probabilities of a photo
      and of its mirror image, and so the same for both.
    """
    photos = np.asarray(photos)
    plain = model.predict_on_batch(photos).astype(np.float64)
    mirrored = model.predict_on_batch(photos[:, :, ::-1]).astype(np.float64)
    return plain, (plain + mirrored) / 2


def predict_photos(model, photos, positions, image_size, batch_size, tta, title):
    """Predictions for the photos at `positions`; none is dropped."""
    plain, both = [], []
    batches = pipeline.plain_batches(photos, positions, image_size, batch_size)
    with tqdm.tqdm(total=len(positions), desc=title, unit=" photos", delay=5) as bar:
        for batch in batches.as_numpy_iterator():
            if tta:
                one, two = predict_with_flip(model, batch)
                both.append(two)
            else:
                one = model.predict_on_batch(batch).astype(np.float64)
            plain.append(one)
            bar.update(len(one))
    return Predictions(
        [photos.ids[i] for i in positions],
        photos.labels[positions],
        photos.class_names,
        np.concatenate(plain),
        np.concatenate(both) if tta else None,
    )


def compute_metrics(predictions):
    """All figures of a set of predictions, as DESIGN's `metrics.json` names them.

    Returns:
      dict of JSON values; accuracies from 0 to 1. What ends in `_tta` is None without TTA.
    """
    labels, plain, tta = predictions.labels, predictions.plain, predictions.tta
    confusion = confusion_matrix(labels, plain)
    correct = int(np.trace(confusion))
    return {
        "count": len(labels),
        "accuracy": accuracy(labels, plain),
        "accuracy_tta": None if tta is None else accuracy(labels, tta),
        "accuracy_interval": wilson_interval(correct, len(labels)),
        "loss": cross_entropy(labels, plain),
        "loss_tta": None if tta is None else cross_entropy(labels, tta),
        "ece": expected_calibration_error(labels, plain),
        "ece_tta": None if tta is None else expected_calibration_error(labels, tta),
        "per_class": per_class(confusion, predictions.class_names),
        "confusion": confusion.tolist(),
    }


def accuracy(labels, probabilities):
    """Share of photos whose most probable class is the true one."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def cross_entropy(labels, probabilities):
    """Mean of -log(probability of the true class), natural logarithm, probabilities from 1e-7."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(chosen, 1e-7, 1.0)).mean())


def wilson_interval(correct, count):
    """[low, high]: the 95 % interval of a share, after Wilson (1927); exact enough for few photos."""
    share, z2 = correct / count, CONFIDENCE**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = CONFIDENCE / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return [max(0.0, middle - half), min(1.0, middle + half)]


def expected_calibration_error(labels, probabilities):
    """Mean distance between confidence and accuracy over 15 equal bins (Guo et al. 2017)."""
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    return float(sum(abs(c - a) * n for _, c, a, n in reliability(confidence, right)) / len(labels))


def reliability(confidence, right):
    """The bins of a reliability diagram that hold photos.

    Args:
      confidence: float [count], probability of the predicted class.
      right: bool [count].

    Returns:
      A list of (lower edge, mean confidence, accuracy, count).
    """
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return [
        (
            each / CALIBRATION_BINS,
            float(confidence[bins == each].mean()),
            float(right[bins == each].mean()),
            int((bins == each).sum()),
        )
        for each in np.unique(bins)
    ]


def confusion_matrix(labels, probabilities):
    """int [classes, classes]: photos of the true class (row) that were given the class (column)."""
    matrix = np.zeros((probabilities.shape[1],) * 2, np.int64)
    np.add.at(matrix, (labels, probabilities.argmax(axis=1)), 1)
    return matrix


def per_class(confusion, class_names):
    """Class name -> precision, recall (None where nothing was predicted or there) and count."""
    right, predicted, there = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    return {
        name: {
            "precision": float(right[i] / predicted[i]) if predicted[i] else None,
            "recall": float(right[i] / there[i]) if there[i] else None,
            "count": int(there[i]),
        }
        for i, name in enumerate(class_names)
    }


def save_predictions(predictions, path):
    """Writes `predictions.csv`: id, true class, a probability per class, plain and (`tta:`) TTA."""
    names = predictions.class_names
    header = ["id", "class", *names, *(f"tta:{name}" for name in names)]
    tta = predictions.tta
    rows = []
    for i, name in enumerate(predictions.ids):
        both = [""] * len(names) if tta is None else tta[i].tolist()
        rows.append([name, names[predictions.labels[i]], *predictions.plain[i].tolist(), *both])
    files.write_csv(path, header, rows)


def load_predictions(path):
    """The Predictions that `save_predictions` wrote, to the last digit."""
    with open(path, newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    count = (len(header) - 2) // 2
    names = tuple(header[2 : 2 + count])
    tta = None
    if rows and rows[0][-1]:
        tta = np.array([row[2 + count :] for row in rows], np.float64)
    return Predictions(
        [row[0] for row in rows],
        np.array([names.index(row[1]) for row in rows]),
        names,
        np.array([row[2 : 2 + count] for row in rows], np.float64),
        tta,
    )
