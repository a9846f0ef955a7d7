"""Predictions of a model for labelled photos, and their figures."""

import itertools
import math

import numpy as np

from flowers_keras import progress
from flowers_keras.evaluation import prediction_table, scores
from flowers_keras.model import inference, novelty
from flowers_keras.photos import pipeline
from flowers_keras.training import sharding, trunk_pass


def predict_photos(model, photos, positions, config, title, tta=True, reference=None):
    """Predictions for the photos at `positions`; none is dropped. Processes of one run share the work.

    Args:
      model: a classifier.
      photos: sources.Photos.
      positions: int [count].
      config: with `data.image_size`, `data.batch_size` and `evaluation.tta`.
      title: of the progress bar.
      tta: False leaves test-time augmentation out, whatever `config` says.
      reference: novelty.Reference of the model, by which the same pass judges the photos; or None.
    """
    batch_size = min(config.data.batch_size, inference.LARGEST_BATCH)
    positions, tta = np.asarray(positions), tta and config.evaluation.tta

    def predict(mine):
        batches = pipeline.plain_batches(photos, positions[mine], config.data.image_size, batch_size)
        with progress.bar(len(mine), title, delay=5) as bar:
            for batch in batches.as_numpy_iterator():
                both, judged = None, []
                if reference is None:
                    one = inference.predict_batch(model, batch, batch_size)
                else:
                    one, pooled = inference.predict_with_pooled(model, batch, batch_size)
                    judged = reference.judge(novelty.make_traits(pooled, batch))
                if tta:
                    both = (one + inference.predict_batch(model, batch[:, :, ::-1], batch_size)) / 2
                bar.update(len(one))
                yield one, both, judged

    plain, both, judged = zip(*sharding.compute_sharded(predict, len(positions), batch_size), strict=True)
    averaged = np.concatenate(both) if tta else None
    judged = list(itertools.chain.from_iterable(judged)) or None
    return _predictions(photos, positions, np.concatenate(plain), averaged, judged)


def predict_stored(tail, stored, photos, positions, batch_size, tta=True):
    """Predictions from stored activations of the photos, which the trunk need not compute again.

    Args:
      tail: the part of a classifier that the activations go into.
      stored: features.Features that hold the photos at `positions` as they are, with `tta` mirrored, too.
      photos, positions: as for `predict_photos`.
      batch_size: photos computed at a time.
      tta: whether to average with the mirrored ones.
    """

    def predict(view):
        return predict_rows(tail, "activation", stored.rows(view, positions), batch_size)

    plain = predict(trunk_pass.PLAIN)
    return _predictions(photos, positions, plain, (plain + predict(trunk_pass.MIRRORED)) / 2 if tta else None)


def predict_rows(network, output, rows, batch_size):
    """What a network gives for stored photos, such as probabilities. Processes of one run share the work.

    Args:
      network: what the stored values go into.
      output: of the trunk, one of `segments.OUTPUTS`.
      rows: store.Rows.
      batch_size: photos computed at a time.

    Returns:
      float64 [rows, width of the output], in order.
    """

    def predict(mine):
        for start in range(0, len(mine), batch_size):
            values = rows.read(output, mine[start : start + batch_size])
            yield inference.predict_filled_up(network, values, batch_size)

    return np.concatenate(sharding.compute_sharded(predict, len(rows), batch_size), dtype=np.float64)


def _predictions(photos, positions, plain, tta, judged=None):
    ids = [photos.ids[i] for i in positions]
    return prediction_table.Predictions(ids, photos.labels[positions], photos.class_names, plain, tta, judged)


def compute_metrics(predictions):
    """All figures of a set of predictions, as `metrics.json` names them.

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
