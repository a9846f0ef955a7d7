"""measured_run: what several processes of a run decide and compute together."""

import collections
import dataclasses

import numpy as np

from flowers_keras import distributed
from flowers_keras.evaluation import calibration, measured_run
from flowers_keras.photos import sources
from flowers_keras.training import features, feeds
from tests.conftest import SIZE, measuring


def test_where_one_process_finds_nothing_stored_none_reads_it(monkeypatch, in_two):
    monkeypatch.setattr(feeds, "measured_views", lambda *_: {})
    monkeypatch.setattr(features, "reopen", lambda run, *_: run[distributed.rank_and_size()[0]])
    for stored in (["a", "b"], ["a", None], [None, "b"], [None, None]):
        found = in_two(lambda stored=stored: measured_run.reopen_stored(_Split(), None, stored))
        assert found == (stored if all(stored) else [None, None])


@dataclasses.dataclass
class _Split:
    fingerprints: dict = dataclasses.field(default_factory=dict)


def test_two_processes_share_the_photos_that_new_ones_are_compared_with(light_network, in_two):
    photos, reads = sources.synthetic_photos(20, SIZE, 0), collections.Counter()
    read = photos.read
    photos = dataclasses.replace(photos, read=lambda i: (reads.update([int(i)]), read(i))[1])
    positions = np.arange(1, 20)

    def find():
        return calibration.find_traits(light_network, photos, positions, None, measuring(SIZE, 4))

    alone = find()
    reads.clear()
    for found in in_two(find):
        assert np.array_equal(found, alone)
    assert reads == dict.fromkeys(positions.tolist(), 1)
