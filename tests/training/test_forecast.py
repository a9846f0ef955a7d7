"""How fast a pass is, of which its time left and that of the run are forecast."""

import types

import pytest

from flowers_keras import config
from flowers_keras.evaluation import shifts
from flowers_keras.training import forecast


def test_the_batch_that_waits_for_the_compiler_does_not_count(monkeypatch):
    clock = iter((100.0, 116.0))  # when the first batch is done, and when it is asked after the third
    monkeypatch.setattr(forecast, "time", types.SimpleNamespace(monotonic=lambda: next(clock)))
    pace = forecast.Pace()
    assert pace.seconds_a_photo() is None
    pace.add(1)
    assert pace.seconds_a_photo() is None  # nothing is known yet: five seconds for one photo would be hours
    pace.add(32)
    pace.add(32)
    assert pace.seconds_a_photo() == pytest.approx(16 / 64)


def test_the_passes_of_the_stage_shift_are_those_of_its_conditions():
    changes = sum(len(strengths) for _, strengths in shifts.CONDITIONS.values())
    assert forecast.SHIFT_PASSES == 1 + changes
    assert f"in {changes} changed conditions" in config.FIELDS["evaluation.shift_photos"].help
