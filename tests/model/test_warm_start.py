"""A classifier gets the weights of a finished one, whatever Keras called its layers."""

import types

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.model import archive, warm_start
from tests.conftest import SIZE, build_network

NAMES = ["a", "b", "c"]


@pytest.fixture
def finished(small_backbone, tmp_path):
    """(a classifier, the path that it is saved at)."""
    model, path = build_network(), tmp_path / "model.keras"
    archive.save(model, path, {"class_names": NAMES, "image_size": SIZE})
    return model, path


def start_from(path, model):
    settings = types.SimpleNamespace(start_from=path, unfreeze_from="mixed8")
    warm_start.copy_weights(model, settings, ["b", "new", "a"])


def test_layers_that_keras_numbers_anew_in_each_model_are_found(finished):
    old, path = finished
    model = build_network()
    unnamed = [{layer.name for layer in each.layers if "conv" in layer.name} for each in (old, model)]
    assert all(unnamed) and unnamed[0].isdisjoint(unnamed[1])
    for layer, other in zip(model.layers, old.layers, strict=True):
        if layer.name != "mixed8":
            layer.set_weights(other.get_weights())
        else:
            break
    start_from(path, model)
    for layer, other in zip(model.layers[:-1], old.layers[:-1], strict=True):
        for mine, theirs in zip(layer.get_weights(), other.get_weights(), strict=True):
            assert np.array_equal(mine, theirs)
    mine, theirs = (each.layers[-1].get_weights()[0] for each in (model, old))
    assert np.array_equal(mine[:, [0, 2]], theirs[:, [1, 0]])
    assert not np.array_equal(mine[:, 1], theirs[:, 2])


@pytest.mark.parametrize("other", ["mixed10", "mixed8+mixed9+mixed10"])
def test_other_pooled_layers_are_refused_in_one_line(small_backbone, tmp_path, other):
    one = {"mixed10": "mixed8+mixed9+mixed10"}.get(other, "mixed10")
    old, path = build_network(pooled_layers=one), tmp_path / "model.keras"
    archive.save(old, path, {"class_names": NAMES, "image_size": SIZE})
    model = build_network(pooled_layers=other)
    for layer, like in zip(model.layers, old.layers, strict=False):
        if layer.name.startswith("pooled"):
            break
        layer.set_weights(like.get_weights())
    with pytest.raises(UserError, match="type the model.hidden_units and model.pooled_layers of that run"):
        start_from(path, model)
