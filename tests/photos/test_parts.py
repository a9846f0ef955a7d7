"""Parts of the groups of one class: thresholds on a hash, and what is promised of their corrections."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowers_keras.photos import identity, parts

FRACTIONS = st.tuples(st.floats(0.01, 0.49), st.floats(0.01, 0.49)).filter(lambda both: sum(both) <= 0.8)
DRAWN = st.floats(0, 1, exclude_max=True)
GROUPS = st.lists(
    st.tuples(st.integers(1, 100), DRAWN), min_size=3, max_size=40, unique_by=lambda one: one[1]
)


def dealt(groups, fractions):
    """(part of each group, part -> sizes of its groups)."""
    sizes, draws = zip(*groups, strict=True)
    found = parts.assign_parts(sizes, draws, dict(zip(("test", "validation"), fractions, strict=True)))
    return found, sizes_by_part(sizes, found)


def sizes_by_part(sizes, found):
    return {part: [n for n, each in zip(sizes, found, strict=True) if each == part] for part in parts.PARTS}


def by_threshold(draws, test, validation):
    return ["test" if one < test else "validation" if one < test + validation else "train" for one in draws]


def keeps_promises(sizes_of, fractions, few=True):
    count = sum(map(sum, sizes_of.values()))
    most = dict(zip(("test", "validation"), np.array(fractions) * count * (1 if few else 1.5), strict=True))
    return (
        all(sizes_of.values())
        and sum(sizes_of["train"]) >= max(sum(sizes_of[part]) for part in most)
        and all(sum(sizes_of[part]) - max(sizes_of[part]) <= share for part, share in most.items())
    )


@given(GROUPS, FRACTIONS)
@example([(1, 0.7), (1, 0.9), (100, 0.0)], (0.1, 0.1))
@example([(1, 0.0), (1, 0.01), (100, 0.15)], (0.1, 0.1))
@example([(1, 0.1), (1, 0.2), (1, 0.3)], (0.49, 0.31))
@example([(5, 0.9), (5, 0.95), (8, 0.15)], (0.1, 0.1))
def test_any_sizes_keep_the_promises(groups, fractions):
    assert keeps_promises(dealt(groups, fractions)[1], fractions)


@given(st.integers(0, 2**32), FRACTIONS)
def test_large_classes_keep_the_promises(seed, fractions):
    random = np.random.default_rng(seed)
    groups = list(zip(random.integers(1, 20, 300).tolist(), random.random(300).tolist(), strict=True))
    assert keeps_promises(dealt(groups, fractions)[1], fractions, few=False)


@given(GROUPS, FRACTIONS)
def test_thresholds_that_keep_the_promises_are_not_corrected(groups, fractions):
    sizes, draws = zip(*groups, strict=True)
    expected = by_threshold(draws, *fractions)
    sizes_of = sizes_by_part(sizes, expected)
    if keeps_promises(sizes_of, fractions):
        assert dealt(groups, fractions)[0] == expected


def test_groups_that_are_added_to_a_large_class_leave_the_others_where_they_were():
    """But for corrections, which one class of a hundred needs, and then for a group or two."""
    moved = []
    for seed in range(200):
        draws = np.random.default_rng(seed).random(165).tolist()
        before = dealt([(1, one) for one in draws[:150]], (0.1, 0.1))[0]
        after = dealt([(1, one) for one in draws], (0.1, 0.1))[0]
        moved.append(sum(was != now for was, now in zip(before, after, strict=False)))
    assert sum(each > 0 for each in moved) <= 8 and max(moved) <= 3


def test_of_equal_groups_the_lowest_draws_stay_in_a_part_and_fill_an_empty_one():
    found, _ = dealt([(1, one) for one in (0.5, 0.02, 0.6, 0.01, 0.03)], (0.1, 0.1))
    assert found == ["train", "validation", "train", "test", "train"]


def test_the_order_of_the_groups_does_not_matter():
    random = np.random.default_rng(0)
    groups = list(zip(random.integers(1, 9, 50).tolist(), random.random(50).tolist(), strict=True))
    order = random.permutation(50)
    found, shuffled = dealt(groups, (0.3, 0.3))[0], dealt([groups[i] for i in order], (0.3, 0.3))[0]
    assert [found[i] for i in order] == shuffled


def test_shares_are_met_on_average():
    draws = [identity.uniform_hash(f"photo {i}", 3) for i in range(20_000)]
    found = dealt([(1, one) for one in draws], (0.1, 0.2))[0]
    assert np.mean(np.array(found) == "test") == pytest.approx(0.1, abs=0.01)
    assert np.mean(np.array(found) == "validation") == pytest.approx(0.2, abs=0.01)


def test_fewer_groups_than_parts():
    with pytest.raises(ValueError, match="2 groups cannot fill 3 parts"):
        parts.assign_parts([1, 5], [0.1, 0.2], {"test": 0.1, "validation": 0.1})
