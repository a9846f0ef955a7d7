"""Measures a saved model on labelled photos, of its run or any others."""

import numpy as np

from flowers_keras import user_paths
from flowers_keras.config import default_config
from flowers_keras.errors import UserError
from flowers_keras.evaluation import predicting, scores, unknown
from flowers_keras.model import archive
from flowers_keras.photos import inspection, labelled, pipeline, split_file


def evaluate_photos(model_path, data, others=None):
    """Measures a saved model on labelled photos.

    Args:
      model_path: pathlib.Path of a `model.keras`, or of the folder of its run.
      data: "folder:PATH", one folder per class, "csv:PATH" or "tfds:NAME".
      others: "folder:PATH", photos of none of the classes, or None.

    Returns:
      dict of the kind of `metrics.json`'s "test", and besides "left_out" ([id, reason] of broken
      photos and of files that are none) and "twins_in_training" ([id, id of the training photo,
      bits]). The latter is None without the run's `splits.json` beside the model. "calibration" says
      what the probabilities are. With `others` also "unknown", as of `unknown.measure_unknown`.

    Raises:
      UserError: the model or the photos cannot be used.
    """
    model, card = archive.load(model_path)
    reference = _reference(model, model_path) if others else None
    photos = labelled.labelled_photos(data, card["class_names"])
    fingerprints, left_out = inspection.fingerprint_photos(photos)
    if not fingerprints:
        name, why = left_out[0]
        raise UserError(f"no photo of {data} can be used; the first is {name}: {why}")
    config = measuring_config(card)
    with pipeline.photo_errors():
        positions = np.array(sorted(fingerprints))
        predictions = predicting.predict_photos(
            model, photos, positions, config, "evaluate", reference=reference
        )
    metrics = scores.compute_metrics(predictions)
    metrics |= scores.compare_uncalibrated(predictions, card["temperature"])
    metrics["calibration"] = archive.describe_calibration(card)
    metrics["left_out"] = [list(pair) for pair in (*left_out, *photos.others)]
    metrics["twins_in_training"] = _twins(photos, fingerprints, model_path, config)
    if others:
        metrics["unknown"] = unknown.measure_unknown(model, card, reference, predictions.novelty, others)
    return metrics


def _twins(photos, fingerprints, model_path, config):
    path = user_paths.model_file(model_path).with_name("splits.json")
    if not path.exists():
        return None
    return split_file.twins_in_training(photos, fingerprints, path, config.data.twin_distance)


def _reference(model, path):
    reference = archive.load_reference(path, model)
    if reference is None:
        raise UserError("the model holds no training photos to compare with; train it again for --unknown")
    return reference


def measuring_config(card):
    """The config to measure a model with: from its card what it holds, else defaults.

    Example:
      >>> measuring_config({"image_size": 299}).data.batch_size
      32
    """
    config, recipe = default_config(), card.get("recipe", {})
    for section, field in (("data", "batch_size"), ("data", "twin_distance"), ("evaluation", "tta")):
        config[section][field] = recipe.get(section, {}).get(field, config[section][field])
    config.data.image_size = card["image_size"]
    return config


def summary(metrics):
    """What `evaluate_photos` found, in a few lines."""
    low, high = metrics["accuracy_interval"]
    tta, twins = metrics["accuracy_tta"], metrics["twins_in_training"]
    lines = [
        f"{metrics['count']} photos: accuracy {metrics['accuracy']:.2%} (95 % interval {low:.1%} to "
        f"{high:.1%}){'' if tta is None else f', with TTA {tta:.2%}'}",
        f"balanced accuracy (mean recall) {metrics['balanced_accuracy']:.2%}, "
        f"macro F1 {metrics['macro_f1']:.2%}",
        f"loss {metrics['loss']:.4f}, expected calibration error {metrics['ece']:.4f} "
        f"(up to {metrics['ece_by_chance']:.4f} by chance alone); {metrics['calibration']}",
    ]
    for name, each in metrics["per_class"].items():
        recall, precision = (
            "-" if each[which] is None else f"{each[which]:.1%}" for which in ("recall", "precision")
        )
        lines.append(f"  {name}: {each['count']} photos, recall {recall}, precision {precision}")
    if twins is None:
        lines.append("whether the model was trained on some of them is not known: no splits.json beside it")
    else:
        seen = len({name for name, *_ in twins})
        lines.append(
            f"{seen} of them have a twin in the model's training set"
            + (": on those the model has seen the answer" if seen else "")
        )
    if "unknown" in metrics:
        lines.append(unknown.summary(metrics["unknown"]))
    return "\n".join(lines)
