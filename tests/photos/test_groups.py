"""Groups of photos stay on one side, with their twins, and every class is in every part."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowers_keras.errors import UserError
from flowers_keras.photos import groups, identity, split_file, splits, twins
from tests.conftest import encode, photos_of, textures

FRACTIONS = {"test": 0.15, "validation": 0.15}


@pytest.fixture
def data(config):
    config.data.twin_distance = 8
    return config.data


def grouped(labels, names, datas=None, parts=None):
    photos = photos_of(datas or [encode(each) for each in textures(len(labels))], labels)
    return dataclasses.replace(
        photos,
        groups=tuple(names),
        parts=parts,
        class_names=tuple("abcdefgh"[: max(labels) + 1]),
    )


def parts_of(split, names):
    """Group -> parts that it is in."""
    there = {}
    for part, positions in split.positions.items():
        for i in positions:
            there.setdefault(names[i], set()).add(part)
    return there


def test_a_group_and_the_twins_of_its_photos_are_in_one_part(data):
    datas = [encode(each) for each in textures(90)]
    for one, other in ((0, 44), (3, 60), (47, 80)):  # twins of photos in other groups
        datas[other] = encode(textures(90)[one], "JPEG", quality=60)
    names = [f"plant {i // 3}" for i in range(90)]
    photos = grouped(np.repeat([0, 1, 2], 30).tolist(), names, datas)
    found = splits.split_photos(photos, data)
    there = parts_of(found, names)
    assert all(len(each) == 1 for each in there.values()) and len(there) == 30
    for one, other in ((0, 44), (3, 60), (47, 80)):
        assert there[names[one]] == there[names[other]]
    described = splits.describe(found, photos, data.twin_distance)
    assert described["across"] == described["groups_across"] == []
    assert sorted(np.concatenate(list(found.positions.values()))) == list(range(90))
    assert "Each group's part depends on its name" in described["shares_note"]


def test_photos_that_are_added_to_a_group_leave_it_in_place(data):
    names = [f"day {i // 6}" for i in range(120)]
    labels = [i % 3 for i in range(120)]
    prints = {i: identity.Fingerprint(f"photo {i}", "", "", "") for i in range(150)}
    before, after = (
        groups.assign_photos(
            grouped(labels[:1] * 3 + each, [""] * 3 + some, [b""] * (3 + len(each))),
            range(3, 3 + len(each)),
            twins.group_twins(3 + len(each), groups.link([""] * 3 + some)),
            prints,
            {},
            data,
        )
        for each, some in ((labels, names), (labels + [0, 1] * 6, names + ["day 3", "day 19"] * 6))
    )
    assert all(set(before[part]) <= set(after[part]) for part in before)


contents = st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3).filter(any), max_size=30)


@given(contents, st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_any_groups_are_dealt_so_that_each_class_is_in_each_part_or_refused(counts, seed):
    counts = np.reshape(np.array(counts, int), (-1, 3))
    draws = np.random.default_rng(seed).random(len(counts)).tolist()
    part_of = groups._deal(counts, draws, FRACTIONS)
    lacking = groups._cover(part_of, counts, draws, ("train", *FRACTIONS))
    assert len(part_of) == len(counts)
    there = {part: counts[[each == part for each in part_of]].sum(axis=0) for part in splits.PARTS}
    if lacking is None:
        assert all((each > 0).tolist() == counts.any(axis=0).tolist() for each in there.values())
    else:
        assert any(((each == 0) & counts.any(axis=0)).any() for each in there.values())
    of_class = np.count_nonzero(counts, axis=0)
    if (of_class >= 9).all():  # enough groups of each class: never refused
        assert lacking is None
        assert sum(there["train"]) >= max(sum(there["test"]), sum(there["validation"]))


def test_days_on_which_every_class_was_taken_are_dealt_whole(data):
    names = [f"day {i // 12}" for i in range(96)]
    found = splits.split_photos(grouped([i % 3 for i in range(96)], names), data)
    assert all(len(each) == 1 for each in parts_of(found, names).values())
    assert len(found.positions["train"]) >= 48
    assert all(len(each) >= 12 for each in found.positions.values())


def test_a_class_of_two_groups_cannot_be_in_three_parts(data):
    names = ["" if i < 60 else f"plant {i % 2}" for i in range(90)]
    with pytest.raises(UserError, match="class 'c' is in 2 different groups, .* without dividing one"):
        splits.split_photos(grouped(np.repeat([0, 1, 2], 30).tolist(), names), data)


def test_a_group_that_the_given_parts_divide_is_reported(data, capsys):
    parts = ("train", "train", "validation", "test") * 12
    names = ["anna" if i in (0, 2, 3) else "ben" if i in (4, 5) else "" for i in range(48)]
    photos = grouped([i // 4 % 3 for i in range(48)], names, parts=parts)
    found = splits.split_photos(photos, data)
    described = splits.describe(found, photos, data.twin_distance)
    assert described["groups_across"] == [["anna", "train", "validation", "test"]]
    assert "share 1 groups, such as anna in train and validation" in capsys.readouterr().out


def test_words_of_a_list_that_change_before_a_run_goes_on_are_named(data, tmp_path):
    labels, names = [i % 3 for i in range(60)], [f"plant {i // 2}" for i in range(60)]
    photos = grouped(labels, names)
    found = splits.split_photos(photos, data)
    split_file.save(found, photos, tmp_path / "splits.json")
    again = split_file.load(photos, tmp_path / "splits.json")
    assert again.fingerprints == found.fingerprints
    for change, message in (
        ({"groups": ("plant 9", *names[1:])}, "000 was of group plant 0 and is of group plant 9 now"),
        ({"groups": None}, "000 was of group plant 0 and is of group none now, and 59 more"),
        ({"labels": np.array([2, *labels[1:]], np.int32)}, "000 was labelled a and is labelled c now"),
    ):
        with pytest.raises(UserError, match=message):
            split_file.load(dataclasses.replace(photos, **change), tmp_path / "splits.json")


def test_a_given_part_that_changes_before_a_run_goes_on_is_named(data, tmp_path):
    parts = ("train", "train", "train", "test") * 15
    photos = dataclasses.replace(
        grouped([i // 4 % 3 for i in range(60)], [""] * 60, parts=parts), groups=None
    )
    split_file.save(splits.split_photos(photos, data), photos, tmp_path / "splits.json")
    split_file.load(photos, tmp_path / "splits.json")  # of which validation was drawn from train
    moved = dataclasses.replace(photos, parts=("test", *parts[1:]))
    with pytest.raises(UserError, match="000 was in .* and is in test now"):
        split_file.load(moved, tmp_path / "splits.json")
