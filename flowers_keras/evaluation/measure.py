"""Predictions of a model for labelled photos, their figures, and the file that keeps them."""

import csv
import dataclasses
import math

import numpy as np
import tqdm

from flowers_keras import files
from flowers_keras.evaluation import scores
from flowers_keras.model import inference
from flowers_keras.photos import pipeline

PLAIN, TTA = "probability:", "tta:"  # what the columns of `predictions.csv` start with


@dataclasses.dataclass(frozen=True)
class Predictions:
    """A model's class probabilities for labelled photos.

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


def predict_photos(model, photos, positions, config, title, tta=True):
    """Predictions for the photos at `positions`; none is dropped.

    Args:
      model: a classifier.
      photos: sources.Photos.
      positions: int [count].
      config: with `data.image_size`, `data.batch_size` and `evaluation.tta`.
      title: of the progress bar.
      tta: False leaves test-time augmentation out, whatever `config` says.
    """
    batch_size = min(config.data.batch_size, inference.LARGEST_BATCH)
    plain, both = [], []
    batches = pipeline.plain_batches(photos, positions, config.data.image_size, batch_size)
    with tqdm.tqdm(total=len(positions), desc=title, unit=" photos", delay=5, disable=None) as bar:
        for batch in batches.as_numpy_iterator():
            if tta and config.evaluation.tta:
                one, two = inference.predict_with_flip(model, batch, batch_size)
                both.append(two)
            else:
                one = inference.predict_batch(model, batch, batch_size)
            plain.append(one)
            bar.update(len(one))
    return Predictions(
        [photos.ids[i] for i in positions],
        photos.labels[positions],
        photos.class_names,
        np.concatenate(plain),
        np.concatenate(both) if both else None,
    )


def compute_metrics(predictions):
    """All figures of a set of predictions, as DESIGN's `metrics.json` names them.

    Args:
      predictions: Predictions of at least one photo.

    Returns:
      dict of JSON values; accuracies from 0 to 1. "ece_by_chance" is what "ece" of a perfectly
      calibrated model stays below in 95 % of cases. What ends in `_tta` is None without TTA.
    """
    labels, plain, tta = predictions.labels, predictions.plain, predictions.tta
    confusion = scores.confusion_matrix(labels, plain)
    confidence = plain.max(axis=1)

    def optional(score, probabilities):
        return None if probabilities is None else score(labels, probabilities)

    return {
        "count": len(labels),
        "accuracy": scores.accuracy(labels, plain),
        "accuracy_tta": optional(scores.accuracy, tta),
        "accuracy_interval": scores.wilson_interval(int(np.trace(confusion)), len(labels)),
        "loss": scores.cross_entropy(labels, plain),
        "loss_tta": optional(scores.cross_entropy, tta),
        "ece": scores.expected_calibration_error(labels, plain),
        "ece_by_chance": scores.calibration_error_by_chance(confidence),
        "mean_confidence": math.fsum(confidence) / len(labels),
        "ece_tta": optional(scores.expected_calibration_error, tta),
        "per_class": scores.per_class(confusion, predictions.class_names),
        "confusion": confusion.tolist(),
    }


def compare_uncalibrated(predictions, temperature):
    """{"ece_uncalibrated"}: the expected calibration error of a calibrated model before it was that.

    Args:
      predictions: Predictions.
      temperature: at which the model is calibrated; None, for not at all, gives None.
    """
    if temperature is None:
        return {"ece_uncalibrated": None}
    as_trained = scores.apply_temperature(predictions.plain, 1 / temperature)
    return {"ece_uncalibrated": scores.expected_calibration_error(predictions.labels, as_trained)}


def count_by_class(photos, positions):
    """Class name -> number of the photos at `positions`."""
    counts = np.bincount(photos.labels[positions], minlength=len(photos.class_names))
    return dict(zip(photos.class_names, counts.tolist(), strict=True))


def join(parts):
    """The Predictions of several sets of photos as one."""
    first = parts[0]
    return Predictions(
        [name for each in parts for name in each.ids],
        np.concatenate([each.labels for each in parts]),
        first.class_names,
        np.concatenate([each.plain for each in parts]),
        None if first.tta is None else np.concatenate([each.tta for each in parts]),
    )


def save_predictions(predictions, path):
    """Writes `predictions.csv`: id, class, then `probability:NAME` and `tta:NAME` for each class.

    The prefixes keep a class called "id" or "class" apart from the first two columns.
    """
    names = predictions.class_names
    header = ["id", "class", *(f"{PLAIN}{name}" for name in names), *(f"{TTA}{name}" for name in names)]
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
    names = tuple(each.removeprefix(PLAIN) for each in header[2 : 2 + count])
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
