"""What the shipped model does on labelled photos: for the recipe, and for any folder of them.

The door: `python -m flowers_keras.evaluate --model=runs/x/model.keras --data=folder:PATH`.
"""

import csv
import dataclasses
import pathlib

import numpy as np
import tqdm

from flowers_keras import errors, files, scores
from flowers_keras import model as classifier
from flowers_keras.errors import UserError
from flowers_keras.photos import labelled, pipeline, splits

LARGEST_BATCH = 32  # photos; measuring gains nothing by more


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


def predict_batch(model, photos, batch_size):
    """Probabilities of photos, always computed in a batch of one and the same size.

    The backend picks its algorithms by the size of the batch: a photo alone gives other last digits
    than the same photo among others. So a smaller batch is filled up, and what fills it is dropped.

    Args:
      model: a classifier.
      photos: [count, S, S, 3], 0 to 255, at most `batch_size`.
      batch_size: of training; what is above 32 counts as 32.

    Returns:
      float64 [count, classes].
    """
    missing = min(batch_size, LARGEST_BATCH) - len(photos)
    full = np.concatenate([photos, np.repeat(photos[-1:], missing, axis=0)])
    return model.predict_on_batch(full)[: len(photos)].astype(np.float64)


def predict_with_flip(model, photos, batch_size):
    """Probabilities of photos, as they are and with flip test-time augmentation.

    Args:
      model, photos, batch_size: as for `predict_batch`.

    Returns:
      (plain, tta), each float64 [count, classes]; tta is the mean of the probabilities of a photo
      and of its mirror image, and so the same for both.
    """
    plain = predict_batch(model, photos, batch_size)
    mirrored = predict_batch(model, photos[:, :, ::-1], batch_size)
    return plain, (plain + mirrored) / 2


def predict_photos(model, photos, positions, image_size, batch_size, tta, title):
    """Predictions for the photos at `positions`; none is dropped."""
    plain, both = [], []
    batches = pipeline.plain_batches(photos, positions, image_size, min(batch_size, LARGEST_BATCH))
    with tqdm.tqdm(total=len(positions), desc=title, unit=" photos", delay=5, disable=None) as bar:
        for batch in batches.as_numpy_iterator():
            if tta:
                one, two = predict_with_flip(model, batch, batch_size)
                both.append(two)
            else:
                one = predict_batch(model, batch, batch_size)
            plain.append(one)
            bar.update(len(one))
    return Predictions(
        [photos.ids[i] for i in positions],
        photos.labels[positions],
        photos.class_names,
        np.concatenate(plain),
        np.concatenate(both) if tta else None,
    )


def compute_metrics(predictions, temperature):
    """All figures of a set of predictions, as DESIGN's `metrics.json` names them.

    Args:
      predictions: Predictions of at least one photo.
      temperature: T that was fitted on validation, or None.

    Returns:
      dict of JSON values; accuracies from 0 to 1. What ends in `_tta` is None without TTA, and
      "ece_calibrated" (of the plain probabilities at `temperature`) without a temperature.
    """
    labels, plain, tta = predictions.labels, predictions.plain, predictions.tta
    confusion = scores.confusion_matrix(labels, plain)
    calibrated = None if temperature is None else scores.apply_temperature(plain, temperature)

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
        "ece_tta": optional(scores.expected_calibration_error, tta),
        "ece_calibrated": optional(scores.expected_calibration_error, calibrated),
        "per_class": scores.per_class(confusion, predictions.class_names),
        "confusion": confusion.tolist(),
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


def evaluate_folder(model_path, data):
    """The figures of a saved model on a labelled folder.

    Args:
      model_path: pathlib.Path of a `model.keras`, or of the folder of its run.
      data: "folder:PATH".

    Returns:
      dict of the kind of `metrics.json`'s "test", and besides "left_out" ([id, reason] of broken
      photos) and "twins_in_training" ([id, id of the training photo, bits]). The latter is None
      without the run's `splits.json` beside the model, "ece_calibrated" without its `metrics.json`.

    Raises:
      UserError: the model or the folder cannot be used.
    """
    model, card = classifier.load(model_path)
    photos = labelled.labelled_folder(data, card["class_names"])
    fingerprints, left_out = splits.look_at(photos)
    if not fingerprints:
        name, why = left_out[0]
        raise UserError(f"no photo of {data} can be used; the first is {name}: {why}")
    settings = card["recipe"]
    predictions = predict_photos(
        model,
        photos,
        np.array(sorted(fingerprints)),
        card["image_size"],
        settings["data"]["batch_size"],
        settings["evaluation"]["tta"],
        "evaluate",
    )
    metrics, parts = _beside(model_path, "metrics.json"), _beside(model_path, "splits.json")
    temperature = files.read_json(metrics).get("temperature") if metrics.exists() else None
    twins = None
    if parts.exists():
        distance = settings["data"]["twin_distance"]
        twins = labelled.twins_in_training(photos, fingerprints, parts, distance)
    found = {"left_out": [list(pair) for pair in left_out], "twins_in_training": twins}
    return compute_metrics(predictions, temperature) | found


def _beside(model_path, name):
    return (model_path if model_path.is_dir() else model_path.parent) / name


def summary(metrics):
    """What `evaluate_folder` found, in a few lines."""
    low, high = metrics["accuracy_interval"]
    tta, twins = metrics["accuracy_tta"], metrics["twins_in_training"]
    lines = [
        f"{metrics['count']} photos: accuracy {metrics['accuracy']:.2%} (95 % interval {low:.1%} to "
        f"{high:.1%}){'' if tta is None else f', with TTA {tta:.2%}'}",
        f"loss {metrics['loss']:.4f}, expected calibration error {metrics['ece']:.4f}",
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
    return "\n".join(lines)


def main(arguments=None):
    """The door: prints the figures, writes them where `--output` says, returns the exit status."""
    parser = errors.Arguments(
        prog="python -m flowers_keras.evaluate",
        description="Measures a trained model on labelled photos, one folder a class.",
    )
    parser.add_argument("--model", required=True, type=pathlib.Path, help="runs/x/model.keras")
    parser.add_argument("--data", required=True, metavar="folder:PATH", help="folder names are class names")
    parser.add_argument("--output", type=pathlib.Path, metavar="FILE.json", help="gets all figures in full")
    options = parser.parse_args(arguments)
    record = _beside(options.model, "metrics.json")
    if options.output and options.output.resolve() == record.resolve():
        raise UserError(f"--output={options.output} is the run's own record; choose another name")
    metrics = evaluate_folder(options.model, options.data)
    if options.output:
        files.write_json(options.output, metrics)
    print(summary(metrics))
    return 0


if __name__ == "__main__":
    errors.run_door(main)
