"""Predictions of a model for labelled photos, their figures, and the file that keeps them."""

import math

import numpy as np
import tqdm.auto  # which draws a bar in a notebook, too

from flowers_keras.evaluation import prediction_table, scores
from flowers_keras.model import inference
from flowers_keras.photos import pipeline


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
    with tqdm.auto.tqdm(total=len(positions), desc=title, unit=" photos", delay=5, disable=None) as bar:
        for batch in batches.as_numpy_iterator():
            if tta and config.evaluation.tta:
                one, two = inference.predict_with_flip(model, batch, batch_size)
                both.append(two)
            else:
                one = inference.predict_batch(model, batch, batch_size)
            plain.append(one)
            bar.update(len(one))
    return prediction_table.Predictions(
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
        "balanced_accuracy": scores.balanced_accuracy(confusion),
        "macro_f1": scores.macro_f1(confusion),
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
