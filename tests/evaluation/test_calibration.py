"""calibration: several processes share what new photos are compared with."""

import collections
import dataclasses

import numpy as np

from flowers_keras.evaluation import calibration
from flowers_keras.photos import sources
from tests.conftest import SIZE, measuring


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
