"""How much cutting at the boundary, and bfloat16, change a trained model's probabilities."""

import numpy as np

from flowers_keras import user_paths
from flowers_keras.benchmark.table import Table
from flowers_keras.model import archive, classifier, folding
from flowers_keras.photos import pipeline, split_file

PHOTOS = 1000

COMPARISONS = (  # label, and two ways to compute: (policy, in how many parts)
    ("float32: trunk and tail, and the whole", ("float32", "cut"), ("float32", "whole")),
    ("bfloat16: trunk and tail, and the whole", ("mixed_bfloat16", "cut"), ("mixed_bfloat16", "whole")),
    ("trunk and tail in bfloat16, the whole in float32", ("mixed_bfloat16", "cut"), ("float32", "whole")),
    ("the whole in bfloat16 and in float32", ("mixed_bfloat16", "whole"), ("float32", "whole")),
)


def measure_agreement(experiment, model_path):
    """Compares the probabilities of trunk and tail with those of the whole model, in both precisions.

    Uses `PHOTOS` validation and training photos, and no test photos.

    Args:
      experiment: Experiment.
      model_path: `runs/x/model.keras` of a run on the same photos, with its `splits.json` beside it.

    Raises:
      UserError: the model's run cannot be read, or has other photos.
    """
    folder = user_paths.model_file(model_path).parent
    positions = split_file.load(experiment.photos, folder / "splits.json").positions
    some = np.random.default_rng(0).permutation(positions["train"])
    positions = np.concatenate([positions["validation"], some])[:PHOTOS]
    model, card = archive.load(folder)
    batches = pipeline.plain_batches(experiment.photos, positions, card["image_size"], len(experiment.batch))
    photos = list(batches.as_numpy_iterator())
    boundary = card["recipe"]["model"]["unfreeze_from"]
    probabilities = {
        (policy, way): predict(classifier.with_policy(model, policy), boundary, photos, way)
        for policy in ("float32", "mixed_bfloat16")
        for way in ("whole", "cut")
    }
    rows = [(label, *compare(probabilities[one], probabilities[other])) for label, one, other in COMPARISONS]
    title = f"{len(positions)} photos, none of the test"
    return Table(title, ("same class, %", "largest diff."), rows, ratio=False)


def compare(one, other):
    """(% of photos with the same most probable class, largest difference of a probability).

    Example:
      >>> compare(np.array([[0.25, 0.75], [0.5, 0.5]]), np.array([[0.5, 0.5], [0.75, 0.25]]))
      (50.0, 0.25)
    """
    same = np.mean(one.argmax(axis=1) == other.argmax(axis=1))
    return 100 * float(same), float(np.abs(one - other).max())


def predict(model, boundary, photos, way):
    """Probabilities [count, classes], by the whole model or by its two parts one after the other."""
    if way == "whole":
        return np.concatenate([model.predict_on_batch(batch) for batch in photos])
    trunk, (_, tail) = folding.make_trunk(model, boundary), classifier.cut(model, boundary)
    return np.concatenate([tail.predict_on_batch(trunk.predict_on_batch(batch)[0]) for batch in photos])
