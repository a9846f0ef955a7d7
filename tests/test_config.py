"""A wrong value costs one clear line, before any work starts."""

import re

import hypothesis
import pytest
from hypothesis import strategies

from configs import baseline, best, finetune, quickstart, regularized
from flowers_keras import config, recipe
from flowers_keras.errors import UserError

WRONG = {bool: "yes", int: 1.5, float: "x", str: 7}


@pytest.mark.parametrize("experiment", [finetune, quickstart, regularized, baseline, best])
def test_every_config_passes(experiment):
    config.check_config(experiment.get_config())


def test_the_recipe_is_the_default_config():
    assert finetune.get_config().to_dict() == config.default_config().to_dict()


@pytest.mark.parametrize("field", config.FIELDS)
def test_a_value_of_the_wrong_type_is_refused_by_name(field):
    wrong = WRONG[config.FIELDS[field].allowed.type]
    with pytest.raises(UserError, match=re.escape(f"config field {field}={wrong!r} is not allowed")):
        config.check_field(field, wrong)


@pytest.mark.parametrize(
    "field, value",
    [
        ("seed", -1),
        ("data.image_size", 74),
        ("data.batch_size", 0),
        ("data.test_fraction", 0.9),
        ("augment.policy", "auto"),
        ("model.dropout", 1.0),
        ("model.l2", -1e-4),
        ("frozen.learning_rate", 0.0),
        ("finetune.learning_rate", float("nan")),
        ("features.views", -1),
        ("seed", True),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field, value):
    settings = finetune.get_config()
    with settings.unlocked(), settings.ignore_type():
        settings.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=re.escape(f"{field}={value!r}")):
        config.check_config(settings)


def test_an_unknown_boundary_lists_the_valid_ones():
    settings = finetune.get_config()
    settings.model.unfreeze_from = "Mixed_7a"
    with pytest.raises(UserError, match="rescaling, mixed0, mixed1, .*mixed10"):
        config.check_config(settings)


def test_an_unknown_field_and_a_missing_one():
    settings = finetune.get_config()
    with settings.unlocked():
        settings.model.droput = 0.5
    with pytest.raises(UserError, match="'model.droput' is unknown; did you mean model.dropout"):
        config.check_config(settings)
    settings = finetune.get_config()
    with settings.unlocked():
        del settings.model.dropout
    with pytest.raises(UserError, match="model.dropout is missing"):
        config.check_config(settings)


def test_fields_at_odds_with_each_other():
    settings = finetune.get_config()
    settings.data.validation_fraction = settings.data.test_fraction = 0.45
    with pytest.raises(UserError, match="leave less than a fifth"):
        config.check_config(settings)
    settings = finetune.get_config()
    settings.frozen.epochs = settings.finetune.epochs = 0
    with pytest.raises(UserError, match="train nothing"):
        config.check_config(settings)


VALUES = strategies.one_of(
    strategies.integers(), strategies.floats(), strategies.booleans(), strategies.text(max_size=8)
)
OVERRIDES = strategies.dictionaries(strategies.sampled_from(sorted(config.FIELDS)), VALUES, max_size=4)


@hypothesis.given(OVERRIDES)
@hypothesis.settings(max_examples=400, deadline=None)
def test_random_values_of_random_fields_pass_or_are_refused_by_name(overrides):
    settings = finetune.get_config()
    with settings.unlocked(), settings.ignore_type():
        settings.update_from_flattened_dict(overrides)
    try:
        config.check_config(settings)
    except UserError as error:
        assert any(field in str(error) for field in overrides) and "\n" not in str(error)
    else:
        values = config.flatten(settings.to_dict())  # ml_collections makes 1.0 of True where it can
        for field in overrides:
            value, allowed = values[field], config.FIELDS[field].allowed
            assert allowed.test(value) and not (isinstance(value, bool) and allowed.type is not bool)


def _sometimes(*values):
    """A field's values that are quick enough to run; most of them are allowed."""
    return strategies.sampled_from(values)


RUNNABLE = strategies.fixed_dictionaries(
    {},
    optional={
        "seed": _sometimes(0, 7, -1),
        "data.source": _sometimes("synthetic", "folder:nowhere", "photos"),
        "data.image_size": _sometimes(75, 76, 30),
        "data.batch_size": _sometimes(1, 5, 64, 0),
        "data.validation_fraction": _sometimes(0.2, 0.4, 0.6),
        "data.test_fraction": _sometimes(0.2, 0.45),
        "data.shuffle_labels": _sometimes(True, False),
        "data.synthetic_photos": _sometimes(15, 40, 3),
        "data.twin_distance": _sometimes(0, 8, 21),
        "augment.policy": _sometimes("none", "trivial_wide", "auto"),
        "augment.flip_and_crop": _sometimes(True, False),
        "model.weights": _sometimes("", "nowhere.h5"),
        "model.hidden_units": _sometimes(1, 8),
        "model.dropout": _sometimes(0.0, 0.9, 1.0),
        "model.l2": _sometimes(0.0, 1.0),
        "model.unfreeze_from": _sometimes("rescaling", "mixed5", "mixed10", "pooled"),
        "model.train_batch_norm": _sometimes(True, False),
        "frozen.epochs": _sometimes(0, 1),
        "finetune.epochs": _sometimes(0, 1),
        "finetune.learning_rate": _sometimes(1e-5, 10.0, 0.0),
        "features.views": _sometimes(0, 1, 3),
        "evaluation.tta": _sometimes(True, False),
        "evaluation.shift_photos": _sometimes(0, 3),
        "runtime.dtype_policy": _sometimes("auto", "float32", "mixed_bfloat16"),
    },
)
NAMED = {  # by what they led to, not by the field
    "data.source": "folder:nowhere is not a folder",
    "data.synthetic_photos": "different photos, fewer than",
    "data.twin_distance": "different photos, fewer than",
}


@pytest.mark.long
@hypothesis.given(RUNNABLE)
@hypothesis.settings(
    max_examples=15,  # each a run of its own
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
    phases=[hypothesis.Phase.generate],
)
def test_random_configs_run_or_are_refused_by_name(tmp_path_factory, config, small_backbone, overrides):
    config = config.copy_and_resolve_references()  # the fixture is one for all examples
    with config.unlocked():
        config.update({"data": {"synthetic_photos": 30}, "frozen": {"epochs": 1}, "finetune": {"epochs": 1}})
        config.update_from_flattened_dict(overrides)
    folder = tmp_path_factory.mktemp("run") / "run"
    try:
        metrics = recipe.train_and_evaluate(config, folder)
    except UserError as error:
        message = str(error)
        assert any(field in message or NAMED.get(field, field) in message for field in overrides), message
        assert "\n" not in message
    else:
        assert metrics["test"]["count"] > 0 and (folder / "report.html").exists()
