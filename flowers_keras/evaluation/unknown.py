"""How well a model distinguishes photos of other things from photos of its classes."""

import numpy as np

from flowers_keras import user_paths
from flowers_keras.errors import UserError
from flowers_keras.evaluation import scores
from flowers_keras.model import inference
from flowers_keras.photos import reader


def describe_known(novelties, reference):
    """How often a model calls photos of its own kind unlike anything known.

    Args:
      novelties: novelty.Novelty of each photo, at least one.
      reference: novelty.Reference that they were judged by.

    Returns:
      {"count": photos, "unlike": share of them that is called so, "interval": its 95 % interval, "stated":
      the share that the reference states}.
    """
    unlike = sum(each.unlike for each in novelties)
    return {
        "count": len(novelties),
        "unlike": unlike / len(novelties),
        "interval": scores.wilson_interval(unlike, len(novelties)),
        "stated": reference.false_alarms,
    }


def describe(reference):
    """What calling a photo unlike anything known means, in a few words.

    Example:
      >>> from flowers_keras.model.novelty import make_reference
      >>> describe(make_reference(np.eye(90), np.eye(90)[:3]))
      '1 in 4 photos of its kind is called unlike anything it was trained on (3 validation photos)'
    """
    count = len(reference.distances)
    return (
        f"1 in {1 / reference.false_alarms:.0f} photos of its kind is called unlike anything it was trained "
        f"on ({count} validation photos)"
    )


def measure_unknown(model, card, reference, usual, data):
    """How well photos of other things are told apart from known ones.

    Args:
      model, card, reference: as for `inference.Classifier`.
      usual: novelty.Novelty of photos of the model's classes.
      data: "folder:PATH", photos of other things.

    Returns:
      {"count", "auroc", "found", "false_alarms", "stated", "left_out"}: photos of `data` that can be
      read, the area under the curve of their distances against the `usual` ones, the share of either
      that is called unlike anything known, the share of known ones that the model states, and [path,
      reason] of photos that cannot be read.

    Raises:
      UserError: the folder holds no photo.
    """
    classifier = inference.Classifier(model, card, reference)
    paths = reader.find_photos(user_paths.user_path(data.partition(":")[2]))
    answers = [(each.photo, each.error, each.novelty) for each in classifier.answer(paths)]
    others = [found for _, error, found in answers if not error]
    if not others:
        raise UserError(f"--unknown={data} holds no photo that can be read; choose another folder")
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
