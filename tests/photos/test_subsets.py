"""Subsets: nested, stratified, of whole groups, and the same whatever else there is."""

import collections
import dataclasses
import math

import numpy as np
import pytest

from flowers_keras.photos import subsets
from tests.conftest import photos_of

FRACTIONS = (1 / 8, 1 / 4, 1 / 2, 1)
LABELS = [0] * 97 + [1] * 40 + [2] * 3


def photos(groups=None):
    return dataclasses.replace(photos_of([b""] * len(LABELS), LABELS), groups=groups)


def digests():
    return {i: f"{i * 7919 % 1009:08x}" for i in range(len(LABELS))}


def cut(positions, seed=0, groups=None):
    return subsets.nested_subsets(photos(groups), digests(), positions, FRACTIONS, seed)


def test_each_subset_is_part_of_the_next_and_holds_its_share_of_each_class():
    positions = np.arange(1, len(LABELS))
    found = cut(positions)
    assert found[-1].tolist() == positions.tolist()
    for one, other in zip(found, found[1:], strict=False):
        assert set(one) < set(other)
    for subset, fraction in zip(found, FRACTIONS, strict=True):
        counts = np.bincount(np.array(LABELS)[subset])
        assert counts.tolist() == [math.ceil(fraction * count) for count in (96, 40, 3)]
        assert subset.tolist() == sorted(subset)


def test_content_decides_and_the_seed_not_the_order():
    positions = np.arange(len(LABELS))
    shuffled = np.random.default_rng(0).permutation(positions)
    assert [each.tolist() for each in cut(shuffled)] == [each.tolist() for each in cut(positions)]
    assert cut(positions, seed=1)[0].tolist() != cut(positions)[0].tolist()
    fewer = cut(positions[2:])  # photos that come or go leave nearly all others where they are
    assert len(set(fewer[1]) - set(cut(positions)[1])) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_a_smaller_subset_is_of_fewer_groups(seed):
    groups = tuple(f"plant {i % 12}" if label == 0 else "" for i, label in enumerate(LABELS))
    found = cut(np.arange(len(LABELS)), seed, groups)
    plants = [{groups[i] for i in subset if groups[i]} for subset in found]
    sizes = sorted(collections.Counter(filter(None, groups)).values())
    for some, subset in zip(plants, found, strict=True):
        count = sum(1 for i in subset if groups[i])
        assert len(some) <= math.ceil(count / sizes[0]), "photos of more groups than they fill"
    assert [len(plants[0]), len(plants[-1])] == [2, 12]
