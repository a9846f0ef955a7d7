"""measured_photos: what several processes of a run decide together."""

import dataclasses

from flowers_keras import distributed
from flowers_keras.training import features, measured_photos


def test_where_one_process_finds_nothing_stored_none_reads_it(monkeypatch, in_two):
    monkeypatch.setattr(measured_photos, "views", lambda *_: {})
    monkeypatch.setattr(features, "reopen", lambda run, *_: run[distributed.rank_and_size()[0]])
    for stored in (["a", "b"], ["a", None], [None, "b"], [None, None]):
        found = in_two(lambda stored=stored: measured_photos.reopen(_Split(), None, stored))
        assert found == (stored if all(stored) else [None, None])


@dataclasses.dataclass
class _Split:
    fingerprints: dict = dataclasses.field(default_factory=dict)
