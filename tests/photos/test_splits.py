"""Splits are disjoint, complete, stratified, stable and free of twins."""

import dataclasses
import io
import itertools

import numpy as np
import pytest
from PIL import Image

from flowers_keras import files
from flowers_keras.errors import UserError
from flowers_keras.photos import identity, parts, reader, split_file, splits
from tests.conftest import encode, photos_of, textures


@pytest.fixture
def data(config):
    config.data.twin_distance = 8
    return config.data


def names_by_part(found, photos):
    return {part: {photos.ids[i] for i in positions} for part, positions in found.positions.items()}


def test_parts_are_disjoint_and_complete_and_every_class_is_in_each(data):
    photos = photos_of([encode(each) for each in textures(90)], np.repeat([0, 1, 2], 30))
    found = splits.split_photos(photos, data)
    every = np.concatenate(list(found.positions.values()))
    assert sorted(every) == list(range(90)) and found.left_out == []
    for part, most in (("validation", 7), ("test", 7)):
        assert 1 <= np.bincount(photos.labels[found.positions[part]]).min()
        assert np.bincount(photos.labels[found.positions[part]]).max() <= most
    shares = splits.describe(found, photos, data.twin_distance)["shares"]
    assert shares == {p: {"count": len(each), "share": len(each) / 90} for p, each in found.positions.items()}


def test_photos_that_are_added_leave_the_others_in_place(data):
    photos = photos_of([b""] * 660, np.tile([0, 1, 2], 220))
    prints = {i: identity.Fingerprint(f"photo {i}", "", "", "") for i in range(660)}
    part_of = []
    for count in (600, 660):
        positions = parts.assign_photos(photos, range(count), np.arange(660), prints, {}, data)
        part_of.append({i: part for part, each in positions.items() for i in each})
    assert part_of[0].items() <= part_of[1].items() and len(part_of[1]) == 660
    assert 90 < sum(part == "test" for part in part_of[0].values()) < 150  # 120 on average


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_smaller_copy_that_is_added_leaves_its_twin_in_place(data, part):
    encoded, labels = [encode(each) for each in textures(60)], np.repeat([0, 1, 2], 20)
    photos = photos_of(encoded, labels)
    names = names_by_part(splits.split_photos(photos, data), photos)
    for name in sorted(names[part])[:4]:
        copy = np.asarray(Image.open(io.BytesIO(encoded[int(name)])))
        more = photos_of([*encoded, encode(copy, "JPEG", quality=60)], [*labels, labels[int(name)]])
        after = names_by_part(splits.split_photos(more, data), more)
        assert after[part] == names[part] | {"060"}


def test_a_group_takes_the_label_of_most_and_the_content_of_the_largest_file():
    def member(digest, size, label):
        return identity.Fingerprint(digest, "", "", "", size), label

    members = [member("b", 9, 0), member("a", 5, 1), member("c", 5, 1)]
    for order in itertools.permutations(members):
        assert parts.group_key(order) == (1, "b")
    assert parts.group_key(members[:2]) == (0, "b")


def test_the_order_of_reading_does_not_matter_and_the_seed_does(data):
    encoded = [encode(each) for each in textures(60)]
    labels = np.repeat([0, 1, 2], 20)
    order = np.random.default_rng(1).permutation(60)
    photos = photos_of(encoded, labels)
    shuffled = dataclasses.replace(
        photos_of([encoded[i] for i in order], labels[order]), ids=tuple(photos.ids[i] for i in order)
    )
    first = names_by_part(splits.split_photos(photos, data), photos)
    assert names_by_part(splits.split_photos(shuffled, data), shuffled) == first
    data.split_seed = 1
    assert names_by_part(splits.split_photos(photos, data), photos) != first


def test_twins_stay_in_one_part(data):
    """Every photo has a mirrored, a resized and a recompressed copy; none may cross a boundary."""
    originals = textures(15)
    copies = []
    for each in originals:
        image = Image.fromarray(each)
        copies += [
            encode(each),
            encode(each[:, ::-1].copy()),
            encode(np.asarray(image.resize((133, 100), Image.Resampling.BICUBIC))),
            encode(each, "JPEG", quality=40),
        ]
    photos = photos_of(copies, np.repeat([0, 1, 2], 20))
    found = splits.split_photos(photos, data)
    assert len(found.twins) == 15 * 6  # every pair of the four copies
    for part in found.positions.values():
        assert np.unique(part // 4, return_counts=True)[1].tolist() == [4] * (len(part) // 4)
    assert splits.describe(found, photos, data.twin_distance)["across"] == []


@pytest.mark.parametrize("one, other", itertools.combinations(splits.PARTS, 2))
def test_describe_finds_twins_across_any_two_parts(data, one, other):
    originals = textures(30)
    encoded = [encode(each) for each in originals]
    photos = photos_of([*encoded, encode(originals[0], "JPEG", quality=50)], [*np.repeat([0, 1, 2], 10), 0])
    found = splits.split_photos(photos, data)
    parts = {part: positions[~np.isin(positions, (0, 30))] for part, positions in found.positions.items()}
    parts[one], parts[other] = np.append(parts[one], 0), np.append(parts[other], 30)
    leaking = dataclasses.replace(found, positions=parts)
    across = splits.describe(leaking, photos, data.twin_distance)["across"]
    assert [pair[:2] for pair in across] == [["000", "030"]]


def test_a_photo_with_two_labels_is_left_out_and_named(data, capsys):
    encoded = [encode(each) for each in textures(30)]
    photos = photos_of([*encoded, encoded[0]], [*np.repeat([0, 1, 2], 10), 2])
    found = splits.split_photos(photos, data)
    assert {name for name, _ in found.left_out} == {"000", "030"}
    assert all("labelled both a and c" in why for _, why in found.left_out)
    assert "left out 000: the same file as 030, labelled both a and c" in capsys.readouterr().out
    assert not np.isin((0, 30), np.concatenate(list(found.positions.values()))).any()


def test_too_few_photos_of_a_class(data):
    encoded = [encode(each) for each in textures(22)]
    with pytest.raises(UserError, match="class 'c' has 2 different photos, fewer than the 3 parts"):
        splits.split_photos(photos_of(encoded, [*np.repeat([0, 1], 10), 2, 2]), data)


def test_copies_do_not_make_up_for_photos(data):
    encoded = [encode(each) for each in textures(21)]
    with pytest.raises(UserError, match="class 'c' has 1 different photos"):
        splits.split_photos(
            photos_of([*encoded, *encoded[-1:] * 5], [*np.repeat([0, 1], 10), *[2] * 6]), data
        )


def test_the_same_files_under_two_classes_are_the_reason_that_is_given(data):
    encoded = [encode(each) for each in textures(20)]
    photos = photos_of([*encoded, *encoded[:10]], np.repeat([0, 1, 2], 10))
    with pytest.raises(UserError, match=r"'a' has 0 .* \(10 left out, such as 000: the same file as 020"):
        splits.split_photos(photos, data)


def test_a_few_broken_photos_are_left_out_of_a_small_set(data, capsys):
    encoded, labels = [encode(each) for each in textures(61)], [*np.repeat([0, 1, 2], 20), 2]
    encoded[7] = b"no photo"
    found = splits.split_photos(photos_of(encoded, labels), data)
    assert [name for name, _ in found.left_out] == ["007"] and "left out 007" in capsys.readouterr().out
    encoded[20:27] = [b""] * 7
    with pytest.raises(UserError, match="8 of 61 photos are broken, more than the 6"):
        splits.split_photos(photos_of(encoded, labels), data)


def test_saved_splits_are_loaded_again_and_only_for_the_same_photos(data, tmp_path):
    photos = photos_of([encode(each) for each in textures(30)], np.repeat([0, 1, 2], 10))
    found = splits.split_photos(photos, data)
    split_file.save(found, photos, tmp_path / "splits.json")
    again = split_file.load(photos, tmp_path / "splits.json")
    for part, positions in found.positions.items():
        assert positions.tolist() == again.positions[part].tolist()
    assert (again.fingerprints, again.twins) == (found.fingerprints, found.twins)
    saved = files.read_json(tmp_path / "splits.json")
    assert saved["shares"]["test"]["count"] == len(found.positions["test"])
    assert "on average" in saved["shares_note"]


def _swap(datas, names, one, other):
    """What `one` holds becomes what `other` holds."""
    datas[int(names[one][0])] = datas[int(names[other][0])]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda datas, names: datas.append(b"new"), "030 was added"),
        (lambda datas, names: datas.pop(), "029 was removed"),
        (
            lambda datas, names: _swap(datas, names, "test", "train"),
            "of test was changed and is now a copy",
        ),
        (lambda datas, names: datas.__setitem__(4, datas[4][:-9]), "004 of .* was changed;"),
        (
            lambda datas, names: datas.__setitem__(slice(3, 5), [b"", b"x"]),
            "003 of .* changed, and 1 more;",
        ),
        (lambda datas, names: datas.__setitem__(5, None), "005 cannot be read any more .it is gone"),
    ],
)
def test_photos_that_are_others_than_the_saved_ones_are_named(data, tmp_path, change, message):
    datas, labels = [encode(each) for each in textures(30)], np.repeat([0, 1, 2], 10)
    photos = photos_of(datas, labels)
    found = splits.split_photos(photos, data)
    split_file.save(found, photos, tmp_path / "splits.json")
    names = {part: sorted(each) for part, each in names_by_part(found, photos).items()}
    change(datas, names)

    def read(position):
        if datas[position] is None:
            raise reader.BrokenPhoto("it is gone")
        return datas[position]

    changed = dataclasses.replace(photos_of(datas, [*labels, 0][: len(datas)]), read=read)
    with pytest.raises(UserError, match=message):
        split_file.load(changed, tmp_path / "splits.json")


def test_what_was_left_out_may_be_mended_or_removed_before_a_run_goes_on(data, tmp_path):
    datas, labels = [encode(each) for each in textures(31)], [*np.repeat([0, 1, 2], 10), 0]
    whole, datas[30] = datas[30], b""
    photos = photos_of(datas, labels)
    found = splits.split_photos(photos, data)
    split_file.save(found, photos, tmp_path / "splits.json")
    for later in (photos_of(datas[:30], labels[:30]), photos_of([*datas[:30], whole], labels)):
        again = split_file.load(later, tmp_path / "splits.json")
        assert all(
            found.positions[part].tolist() == again.positions[part].tolist() for part in found.positions
        )


def given(part_of, labels, datas=None):
    photos = photos_of(datas or [encode(each) for each in textures(len(labels))], labels, ("a", "b"))
    return dataclasses.replace(photos, parts=tuple(part_of))


def test_parts_that_the_photos_bring_are_kept(data):
    part_of = ["train", "validation", "test"] * 6
    photos = given(part_of, np.repeat([0, 1], 9))
    found = splits.split_photos(photos, data)
    assert {part: [part_of[i] for i in each] for part, each in found.positions.items()} == {
        part: [part] * 6 for part in ("train", "validation", "test")
    }
    assert "those that the photos came with" in splits.describe(found, photos, 8)["shares_note"]


@pytest.mark.parametrize("missing", ["validation", "test"])
def test_a_part_that_is_missing_is_taken_from_train(data, missing):
    there = {"validation": "test", "test": "validation"}[missing]
    part_of = ["train"] * 50 + [there] * 10
    photos = given(part_of, np.tile([0, 1], 30))
    found = splits.split_photos(photos, data)
    assert found.positions[there].tolist() == list(range(50, 60))
    taken = found.positions[missing]
    assert taken.max() < 50 and 2 <= len(taken) <= 12 and len(set(photos.labels[taken])) == 2
    assert len(found.positions["train"]) == 50 - len(taken)


def test_twins_across_parts_that_the_photos_bring_are_reported(data, capsys):
    datas = [encode(each) for each in textures(18)]
    datas[2] = encode(np.asarray(Image.open(io.BytesIO(datas[0]))), "JPEG", quality=60)
    photos = given(["train", "validation", "test"] * 6, np.repeat([0, 1], 9), datas)
    found = splits.split_photos(photos, data)
    described = splits.describe(found, photos, data.twin_distance)
    assert [pair[:2] for pair in described["across"]] == [["000", "002"]] and described["within"] == 0
    assert "share twins (1), such as 000 and 002" in capsys.readouterr().out


def test_a_class_that_is_broken_in_a_part_that_the_photos_bring(data):
    datas = [encode(each) for each in textures(40)]
    datas[38] = b""
    photos = given(["train"] * 36 + ["validation", "validation", "test", "test"], [0, 1] * 20, datas)
    with pytest.raises(UserError, match="class 'a' has no photo that can be used in test"):
        splits.split_photos(photos, data)
