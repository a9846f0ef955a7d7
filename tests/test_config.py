"""A wrong word costs one clear line, before any work starts."""

import pathlib
import re

import hypothesis
import pytest
from hypothesis import strategies

from configs import baseline, finetune, quickstart, regularized
from flowers_keras import config as schema
from flowers_keras import run
from flowers_keras.errors import UserError

PACKAGE = pathlib.Path(schema.__file__).parent
WRONG = {bool: "yes", int: 1.5, float: "x", str: 7}


@pytest.mark.parametrize("experiment", [finetune, quickstart, regularized, baseline])
def test_every_config_passes(experiment):
    schema.check(experiment.get_config())


def test_the_default_config_has_every_field_and_no_other():
    assert run.flatten(finetune.get_config().to_dict()).keys() == schema.FIELDS.keys()


@pytest.mark.parametrize("field", schema.FIELDS)
def test_every_field_is_read(field):
    """By the code, not only by the schema: a field that nothing reads promises what nobody does."""
    sources = [p.read_text() for p in PACKAGE.rglob("*.py") if p.name not in ("config.py", "report.py")]
    section, _, name = field.rpartition(".")
    owner = rf"(config\.{section}|{section}|settings|data)" if section else "config"
    assert any(re.search(rf"\b{owner}\.{name}\b", source) for source in sources), field


@pytest.mark.parametrize("field", schema.FIELDS)
def test_a_value_of_the_wrong_type_is_refused_by_name(field):
    wrong = WRONG[schema.FIELDS[field].type]
    with pytest.raises(UserError, match=re.escape(f"config field {field}={wrong!r} is not allowed")):
        schema.check_field(field, wrong)


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
    config = finetune.get_config()
    with config.unlocked(), config.ignore_type():
        config.update_from_flattened_dict({field: value})
    with pytest.raises(UserError, match=re.escape(f"{field}={value!r}")):
        schema.check(config)


def test_an_unknown_boundary_lists_the_valid_ones():
    config = finetune.get_config()
    config.model.unfreeze_from = "Mixed_7a"
    with pytest.raises(UserError, match="rescaling, mixed0, mixed1, .*mixed10"):
        schema.check(config)


def test_an_unknown_field_and_a_missing_one():
    config = finetune.get_config()
    with config.unlocked():
        config.model.droput = 0.5
    with pytest.raises(UserError, match="'model.droput' is unknown; did you mean model.dropout"):
        schema.check(config)
    config = finetune.get_config()
    with config.unlocked():
        del config.model.dropout
    with pytest.raises(UserError, match="model.dropout is missing"):
        schema.check(config)


def test_fields_at_odds_with_each_other():
    config = finetune.get_config()
    config.data.validation_fraction = config.data.test_fraction = 0.45
    with pytest.raises(UserError, match="leave less than a fifth"):
        schema.check(config)
    config = finetune.get_config()
    config.frozen.epochs = config.finetune.epochs = 0
    with pytest.raises(UserError, match="train nothing"):
        schema.check(config)


VALUES = strategies.one_of(
    strategies.integers(), strategies.floats(), strategies.booleans(), strategies.text(max_size=8)
)


@hypothesis.given(strategies.sampled_from(sorted(schema.FIELDS)), VALUES)
@hypothesis.settings(max_examples=400, deadline=None)
def test_any_value_passes_or_is_refused_by_name(field, value):
    try:
        schema.check_field(field, value)
    except UserError as error:
        assert field in str(error) and "\n" not in str(error).strip()
    else:
        allowed = schema.FIELDS[field]
        assert allowed.test(value) and not (isinstance(value, bool) and allowed.type is not bool)
