"""Twins are found in either order, and photos that are none are not; groups are connected."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from flowers_keras.photos import synthetic, twins
from tests.conftest import encode, textures


def test_unlike_and_flat_photos_are_no_twins():
    flat = [np.full((40, 40, 3), shade, np.uint8) for shade in range(0, 200, 20)]
    pictures = [*textures(60, seed=3), *flat]
    prints = [twins.fingerprint(encode(each), each) for each in pictures]
    assert twins.find_twins(prints, prints, 8) == []


def test_twins_are_the_same_in_either_order():
    pictures = [synthetic.draw_flower(i % 5, i, 75) for i in range(80)]
    prints = [twins.fingerprint(encode(each), each) for each in pictures]
    one = {(i, j, bits) for i, j, bits in twins.find_twins(prints[:40], prints[40:], 14)}
    other = {(j, i, bits) for i, j, bits in twins.find_twins(prints[40:], prints[:40], 14)}
    assert one == other and one


def pairs_among(count):
    number = st.integers(0, count - 1)
    return st.tuples(st.just(count), st.lists(st.tuples(number, number)))


@given(st.integers(1, 12).flatmap(pairs_among))
def test_photos_are_in_one_group_where_pairs_lead_from_one_to_the_other(drawn):
    count, pairs = drawn
    reach = np.eye(count, dtype=bool)
    for i, j in pairs:
        reach[i, j] = reach[j, i] = True
    for _ in range(count):
        reach = reach @ reach
    group = twins.group_twins(count, [(i, j, 0) for i, j in pairs])
    assert np.array_equal(group[:, None] == group, reach)
