"""Photos of other things: what a model compares with, and how well it tells them apart."""

import numpy as np

from flowers_keras import files, progress
from flowers_keras.errors import UserError
from flowers_keras.evaluation import scores
from flowers_keras.model import archive, inference, novelty
from flowers_keras.photos import pipeline, reader


def fit_reference(model, photos, parts, config, path):
    """Writes a novelty.Reference into the saved model, once.

    It is of training photos as they are: augmented ones can be almost white or black, and such photos
    would then be like them.

    Args:
      model: what the file at `path` holds.
      photos: sources.Photos.
      parts: "train" and "validation" -> int positions; up to `novelty.LARGEST` are drawn of each.
      config: with `seed`, `data.image_size` and `data.batch_size`.
      path: the `.keras` file.
    """
    if archive.load_reference(path, model):
        return
    training, validation = (
        _drawn_traits(model, photos, parts, part, config) for part in ("train", "validation")
    )
    reference = novelty.make_reference(training, validation)
    archive.add_reference(path, reference)
    progress.detail(f"novelty: {describe(reference)}")


def measure_known(model, photos, parts, config, run):
    """Writes the reference, and measures how many test photos are called unlike anything known.

    Args:
      model, photos, parts, config: as for `fit_reference`; up to `novelty.LARGEST` are drawn of "test", too.
      run: Run, whose saved model `model` is.

    Returns:
      {"count": test photos, "unlike": share of them that is called so, "interval": its 95 % interval,
      "stated": the share that the reference states}.
    """
    path = run.path("model.keras")
    fit_reference(model, photos, parts, config, path)
    reference = archive.load_reference(path, model)
    judged = reference.judge(_drawn_traits(model, photos, parts, "test", config))
    unlike = sum(each.unlike for each in judged)
    return {
        "count": len(judged),
        "unlike": unlike / len(judged),
        "interval": scores.wilson_interval(unlike, len(judged)),
        "stated": reference.false_alarms,
    }


def _drawn_traits(model, photos, parts, part, config):
    """`find_traits` of up to `novelty.LARGEST` photos of a part, drawn by the run's seed."""
    drawn = np.random.default_rng(config.seed).permutation(parts[part])[: novelty.LARGEST[part]]
    return find_traits(model, photos, drawn, config.data.image_size, config.data.batch_size)


def describe(reference):
    """What calling a photo unlike anything known means, in a few words.

    Example:
      >>> describe(novelty.make_reference(np.eye(90), np.eye(90)[:3]))
      '1 in 4 photos of its kind is called unlike anything it was trained on (3 validation photos)'
    """
    count = len(reference.distances)
    return (
        f"1 in {1 / reference.false_alarms:.0f} photos of its kind is called unlike anything it was trained "
        f"on ({count} validation photos)"
    )


def find_traits(model, photos, positions, image_size, batch_size):
    """`novelty.make_traits` of photos as they are: float32 [positions, traits]."""
    size = min(batch_size, inference.LARGEST_BATCH)
    batches = pipeline.plain_batches(photos, positions, image_size, size).as_numpy_iterator()
    return np.concatenate(
        [
            novelty.make_traits(inference.predict_with_pooled(model, squares, size)[1], squares)
            for squares in batches
        ]
    )


def measure_unknown(model, card, reference, known, data):
    """How well photos of other things are told apart from known ones.

    Args:
      model, card, reference: as for `inference.Classifier`.
      known: photos of the model's classes.
      data: "folder:PATH", photos of other things.

    Returns:
      {"count", "auroc", "found", "false_alarms", "stated", "left_out"}: photos of `data` that can be
      read, the area under the curve of their distances against those of `known`, the share of either
      that is called unlike anything known, the share of known ones that the model states, and [path,
      reason] of photos that cannot be read.

    Raises:
      UserError: the model holds no reference, or the folder no photo.
    """
    if reference is None:
        raise UserError("the model holds no training photos to compare with; train it again for --unknown")
    classifier = inference.Classifier(model, card, reference)
    paths = reader.find_photos(files.user_path(data.partition(":")[2]))
    answers = [(each.photo, each.error, each.novelty) for each in classifier.answer(paths)]
    others = [found for _, error, found in answers if not error]
    if not others:
        raise UserError(f"--unknown={data} holds no photo that can be read; choose another folder")
    usual = [each.novelty for each in classifier.answer(known) if not each.error]
    distances = [np.array([each.distance for each in some]) for some in (usual, others)]
    return {
        "count": len(others),
        "auroc": scores.area_under_curve(*distances),
        "found": float(np.mean([each.unlike for each in others])),
        "false_alarms": float(np.mean([each.unlike for each in usual])),
        "stated": reference.false_alarms,
        "left_out": [[str(photo), error] for photo, error, _ in answers if error],
    }


def summary(found):
    """What `measure_unknown` found, in one line.

    Example:
      >>> print(summary({"count": 9, "auroc": 0.98, "found": 0.5, "false_alarms": 0.02, "stated": 0.01}))
      9 unknown photos: AUROC 0.980, 50.0% called unlike anything known (of the known 2.0%, stated 1.0%)
    """
    return (
        f"{found['count']} unknown photos: AUROC {found['auroc']:.3f}, {found['found']:.1%} called unlike "
        f"anything known (of the known {found['false_alarms']:.1%}, stated {found['stated']:.1%})"
    )
