"""Folds: disjoint, complete, stratified, twins together, the test photos apart."""

import dataclasses

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.photos import folds, sources, splits


def make(counts, pairs=(), test=6):
    """Photos of `counts` a class in mixed order, and a split whose twins are `pairs` of positions."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int32)
    names = tuple(f"photo-{i}" for i in range(len(labels)))
    photos = sources.Photos(names, labels, tuple("abc")[: len(counts)], None)
    positions = np.arange(len(labels))
    parts = {
        "train": positions[test + 9 :],
        "validation": positions[test : test + 9],
        "test": positions[:test],
    }
    twin_names = [(names[i], names[j], 1) for i, j in pairs]
    return photos, splits.Split(parts, {}, [], twin_names, [])


def test_every_photo_but_those_of_the_test_is_held_out_once():
    photos, split = make((60, 40, 21))
    cut = folds.cut_folds(photos, split, 5, 0)
    assert sorted(np.concatenate([held for _, held in cut])) == list(range(6, 121))
    for training, held in cut:
        assert sorted([*training, *held]) == list(range(6, 121))
        counts = np.bincount(photos.labels[held])
        whole = np.bincount(photos.labels[6:]) / 5
        assert (np.abs(counts - whole) <= 1.5).all()


def test_twins_stay_together_and_the_seed_changes_the_rest():
    pairs = [(i, i + 1) for i in range(10, 100, 3)]
    photos, split = make((60, 60), pairs)
    first, again, other = (folds.cut_folds(photos, split, 5, seed) for seed in (0, 0, 1))
    for _, held in first:
        assert all((i in held) == (j in held) for i, j in pairs)
    assert all(np.array_equal(one[1], two[1]) for one, two in zip(first, again, strict=True))
    assert not all(np.array_equal(one[1], two[1]) for one, two in zip(first, other, strict=True))


def test_a_class_with_too_few_different_photos_is_named():
    photos, split = make((60, 8), test=0)
    rare = np.flatnonzero(photos.labels == 1)
    split.twins[:] = [(photos.ids[rare[0]], photos.ids[each], 0) for each in rare[1:5]]
    with pytest.raises(UserError, match="class 'b' has 4 different photos .* fewer than 5 folds"):
        folds.cut_folds(photos, split, 5, 0)


def test_groups_stay_together_with_the_twins_of_their_photos():
    photos, split = make((60, 60), [(10, 11)])
    names = [f"plant {i // 4}" for i in range(120)]
    names[10], names[50] = "", ""  # a twin of 11 that has no group, and a photo alone
    photos = dataclasses.replace(photos, groups=tuple(names))
    for _, held in folds.cut_folds(photos, split, 5, 0):
        there = {names[i] for i in held if names[i]}
        assert all(i in held for i in range(15, 120) if names[i] in there)
        assert (10 in held) == (11 in held) == (8 in held)


def test_a_class_of_too_few_groups_is_named():
    photos, split = make((60, 60), test=0)
    photos = dataclasses.replace(
        photos, groups=tuple("plant" if label == 0 else "" for label in photos.labels)
    )
    with pytest.raises(UserError, match="class 'a' has 1 different photos .* fewer than 2 folds"):
        folds.cut_folds(photos, split, 2, 0)


def test_groups_so_unequal_that_a_fold_would_lack_a_class_are_refused():
    counts = [[0, 0, 11], [14, 25, 0], [0, 0, 8], [1, 29, 9], [0, 27, 10], [0, 28, 2]]
    labels = np.concatenate([np.repeat([0, 1, 2], each) for each in counts]).astype(np.int32)
    names = tuple(f"day {i}" for i, each in enumerate(counts) for _ in range(sum(each)))
    photos, split = make((len(labels),), test=0)
    photos = dataclasses.replace(photos, labels=labels, class_names=tuple("abc"), groups=names)
    with pytest.raises(UserError, match="no photo of class 'a' to train on"):
        folds.cut_folds(photos, split, 2, 0)
