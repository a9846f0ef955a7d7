"""What tests of jobs share: a small config, and a death in the middle."""

import pytest

from flowers_keras.training import phases


@pytest.fixture
def small(config, small_backbone):
    config.frozen.epochs = config.finetune.epochs = 1
    config.features.views = 1
    return config


class Killed(BaseException):
    """What `die_in_phase` raises; nothing that the code expects."""


def die_in_phase(monkeypatch, number):
    """Makes the phase of this number die as it begins; returns a list of the names of all that begin."""
    begun, train = [], phases.train_phase

    def train_or_die(name, *arguments):
        begun.append(name)
        if len(begun) == number:
            raise Killed
        return train(name, *arguments)

    monkeypatch.setattr(phases, "train_phase", train_or_die)
    return begun
