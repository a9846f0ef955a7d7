"""Training that starts from a finished model: its head and tail, matched by class name.

The trunk stays that of `model.weights`, so that stored features remain valid: the trunk only runs over photos
that were added.
"""

import dataclasses

import numpy as np

from flowers_keras import files, user_paths
from flowers_keras.errors import UserError
from flowers_keras.model import archive
from flowers_keras.photos import groups, identity, naming, parts, split_file, twins

DRAWN_BY = ("split_seed", "test_fraction", "validation_fraction")


def keep_in_training(split, photos, config):
    """Moves into train all photos that the finished model was trained on, with their twins and groups.

    A photo shares its part with its twins and its group, so that added photos can move it: a larger copy, or
    one that looks like two old photos.

    Args:
      split: splits.Split, newly made.
      photos: sources.Photos.
      config: with `model.start_from` and the section `data`.
    """
    start = config.model.start_from
    if not start or photos.parts:
        return split
    path = user_paths.splits_of(start)
    settings = path.with_name("config.json")
    drawn = files.read_json(settings)["data"] if settings.exists() else {}
    if any(drawn.get(name) != config.data[name] for name in DRAWN_BY):
        return split  # then `prepare` refuses photos that are no longer in train
    _, known = split_file.training_records(path)
    prints, group = split.fingerprints, groups.number_groups(photos, split.twins)
    again = twins.find_twins_across(prints.records, known, config.data.twin_distance)
    trained = group[prints.positions[[i for i, *_ in again]]]
    positions = {part: at[~np.isin(group[at], trained)] for part, at in split.positions.items()}
    held_out = np.concatenate([positions["validation"], positions["test"]])
    positions["train"] = np.setdiff1d(np.concatenate(list(split.positions.values())), held_out)
    parts.refuse_missing_class(photos, positions)
    if count := len(positions["train"]) - len(split.positions["train"]):
        print(f"kept in train: {count:,} photos that {start} was trained on, or twins of them")
    return dataclasses.replace(split, positions=positions)


def prepare(model, photos, split, config):
    """Refuses a start that would falsify the metrics; gives random weights the finished model's backbone.

    Args:
      model: a classifier as it was built.
      photos: sources.Photos.
      split: splits.Split.
      config: with `model.start_from`, `model.weights` and `data.twin_distance`.

    Raises:
      UserError: photos of validation or test were training photos of the finished model, or its training
        photos are unknown.
    """
    start = config.model.start_from
    path = user_paths.splits_of(start)
    held_out = np.sort(np.concatenate([split.positions["validation"], split.positions["test"]]))
    prints = identity.FingerprintTable(held_out, split.fingerprints.at(held_out))
    seen = {
        name for name, *_ in split_file.twins_in_training(photos, prints, path, config.data.twin_distance)
    }
    if seen:
        raise UserError(
            f"{len(seen)} photos of validation and test, such as {min(seen)}, were training photos of "
            f"model.start_from={start}, so that metrics on them would be too high; keep data.split_seed and "
            "the fractions of that run, or leave model.start_from empty"
        )
    if not config.model.weights:
        old, _ = archive.load(start)
        for layer, other in _pairs(model, old)[: _count_until(model, "mixed10")]:
            layer.set_weights(other.get_weights())


def copy_weights(model, settings, class_names):
    """Gives a classifier the head and the tail of a finished one; new classes keep their initial weights.

    Args:
      model: a classifier.
      settings: config section `model`, with `start_from` and `unfreeze_from`.
      class_names: in the order of the model's output.

    Raises:
      UserError: the finished model has another trunk or another head.
    """
    start = settings.start_from
    old, card = archive.load(start)
    pairs, trunk = _pairs(model, old), _count_until(model, settings.unfreeze_from)
    if not all(_same(*pair) for pair in pairs[:trunk]):
        raise UserError(
            f"model.start_from={start} differs from this run up to {settings.unfreeze_from}, so that its "
            "tail does not fit; type the model.weights and model.unfreeze_from of that run, or leave it empty"
        )
    for layer, other in pairs[trunk:]:
        if layer.name == "probabilities":
            break
        given = other.get_weights()
        if [each.shape for each in given] != [each.shape for each in layer.get_weights()]:
            raise UserError(
                f"model.start_from={start} has another {layer.name} layer than this run; type the "
                "model.hidden_units and model.pooled_layers of that run, or leave it empty"
            )
        layer.set_weights(given)
    new = _copy_classes(model, old, card, class_names)
    print(f"starting from {start}" + (f"; new classes: {', '.join(new)}" if new else ""))


def _copy_classes(model, old, card, class_names):
    """Copies the last layer's weights of the classes that both have; returns the names of the others."""
    known, last = list(map(naming.class_name, card["class_names"])), model.get_layer("probabilities")
    # As it was trained: in the file the logits are divided by the temperature.
    before = [each * (card["temperature"] or 1.0) for each in old.get_layer("probabilities").get_weights()]
    now = last.get_weights()
    for column, name in enumerate(class_names):
        if name in known:
            for values, theirs in zip(now, before, strict=True):
                values[..., column] = theirs[..., known.index(name)]
    last.set_weights(now)
    return [name for name in class_names if name not in known]


def _pairs(model, old):
    """(layer, finished model's layer), by order: Keras numbers unnamed layers differently in each model."""
    return list(zip(model.layers, old.layers, strict=False))


def _count_until(model, name):
    """Number of layers up to and including the named one."""
    return model.layers.index(model.get_layer(name)) + 1


def _same(layer, other):
    mine, theirs = layer.get_weights(), other.get_weights()
    return len(mine) == len(theirs) and all(map(np.array_equal, mine, theirs))
