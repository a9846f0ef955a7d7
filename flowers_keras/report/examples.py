"""The photos that a report shows: the largest mistakes, and pairs whose labels are in doubt."""

import collections

import numpy as np

from flowers_keras.model import explain, overlays
from flowers_keras.photos import pipeline
from flowers_keras.report import thumbnails

MISTAKES = 12  # photos shown

ALIKE = 3  # of one confusion: what else was confused should be seen, too

DOUBTFUL = 12  # pairs shown whose labels are in doubt

ODDS = 3  # most probable classes shown of a mistake


def find_mistakes(predictions, photos, positions, wrong):
    """The worst mistakes: photos of the most frequent confusions, grouped by confusion.

    Args:
      wrong: int [count], rows of `predictions` that were misclassified.

    Returns:
      A list of at most `MISTAKES` dicts, the most frequent confusion first, and in it the least likely
      true class; at most `ALIKE` of one, unless all confusions are shown. A dict holds id, true and
      predicted (class names), alike (how many were confused so), position, photo (Thumbnail or None),
      heat (None), and odds: (class name, probability, whether it is the true one), most probable first.
    """
    true = predictions.plain[wrong, predictions.labels[wrong]]
    pair = {row: (predictions.labels[row], predictions.plain[row].argmax()) for row in wrong}
    counts, taken = collections.Counter(pair.values()), collections.Counter()
    order = {}
    for row in wrong[np.argsort(true, kind="stable")]:
        order[row] = (taken[pair[row]] >= ALIKE, -counts[pair[row]])  # what is beyond ALIKE comes last
        taken[pair[row]] += 1
    rows = sorted(order, key=order.get)[:MISTAKES]
    rank = {row: i for i, row in enumerate(order)}
    return [
        {
            "id": predictions.ids[row],
            "true": predictions.class_names[pair[row][0]],
            "predicted": predictions.class_names[pair[row][1]],
            "alike": counts[pair[row]],
            "position": int(positions[row]),
            "photo": thumbnails.photo_thumbnail(photos, int(positions[row])),
            "heat": None,
            "odds": _odds(predictions, row),
        }
        for row in sorted(rows, key=lambda row: (-counts[pair[row]], pair[row], rank[row]))
    ]


def _odds(predictions, row):
    label, probabilities = predictions.labels[row], predictions.plain[row]
    order = np.argsort(-probabilities, kind="stable")
    shown = [k for rank, k in enumerate(order) if rank < ODDS or k == label]
    return [(predictions.class_names[k], float(probabilities[k]), bool(k == label)) for k in shown]


def add_heat_maps(mistakes, photos, image_size, model):
    """Adds a heat map of the decision to those of `mistakes` whose photo can be read."""
    shown = [each for each in mistakes if each["photo"]]
    if not shown:
        return
    positions = [each["position"] for each in shown]
    batch = next(pipeline.plain_batches(photos, positions, image_size, len(shown)).as_numpy_iterator())
    explained = overlays.overlay(batch, explain.heat_maps(model, batch))
    for each, overlay in zip(shown, explained, strict=True):
        each["heat"] = thumbnails.overlay_thumbnail(overlay, each["photo"])


def doubtful_pairs(photos, pairs):
    """The first of the `pairs` (id, id, bits) that look alike, with their photos and different labels."""
    position = {name: i for i, name in enumerate(photos.ids)} if pairs else {}

    def show(name):
        label = photos.class_names[photos.labels[position[name]]]
        return {
            "id": name,
            "label": label,
            "photo": thumbnails.photo_thumbnail(photos, position[name]),
        }

    return [{"photos": [show(one), show(other)], "bits": bits} for one, other, bits in pairs[:DOUBTFUL]]
