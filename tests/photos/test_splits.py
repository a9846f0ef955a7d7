"""Split are disjoint, complete, stratified, stable and free of twins."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from flowers_keras.errors import UserError
from flowers_keras.photos import splits, synthetic, twins
from tests.conftest import encode, photos_of


@pytest.fixture
def data(config):
    config.data.twin_distance = 8
    return config.data


def textures(count, seed=0):
    """Pictures that no two of are alike: uint8 [60, 80, 3] of coarse random blocks."""
    random = np.random.default_rng(seed)
    blocks = random.integers(0, 256, (count, 8, 10, 3), np.uint8)
    return [np.asarray(Image.fromarray(each).resize((80, 60), Image.Resampling.BICUBIC)) for each in blocks]


def names_by_part(found, photos):
    return {part: {photos.ids[i] for i in positions} for part, positions in found.positions.items()}


def test_parts_are_disjoint_complete_and_stratified(data):
    photos = photos_of([encode(each) for each in textures(90)], np.repeat([0, 1, 2], 30))
    found = splits.split_photos(photos, data)
    every = np.concatenate(list(found.positions.values()))
    assert sorted(every) == list(range(90)) and found.left_out == []
    for part, share in (("train", 18), ("validation", 6), ("test", 6)):
        assert np.bincount(photos.labels[found.positions[part]]).tolist() == [share] * 3


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


def test_describe_finds_twins_across_a_split_that_has_some(data):
    originals = textures(30)
    encoded = [encode(each) for each in originals]
    photos = photos_of([*encoded, encode(originals[0], "JPEG", quality=50)], [*np.repeat([0, 1, 2], 10), 0])
    found = splits.split_photos(photos, data)
    parts = {part: positions[~np.isin(positions, (0, 30))] for part, positions in found.positions.items()}
    parts["train"], parts["test"] = np.append(parts["train"], 0), np.append(parts["test"], 30)
    leaking = dataclasses.replace(found, parts=parts)
    across = splits.describe(leaking, photos, data.twin_distance)["across"]
    assert [pair[:2] for pair in across] == [["000", "030"]]


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


def test_a_photo_with_two_labels_is_left_out(data):
    encoded = [encode(each) for each in textures(30)]
    photos = photos_of([*encoded, encoded[0]], [*np.repeat([0, 1, 2], 10), 2])
    found = splits.split_photos(photos, data)
    assert {name for name, _ in found.left_out} == {"000", "030"}
    assert all("labelled both a and c" in why for _, why in found.left_out)
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


def test_broken_photos_are_left_out_up_to_one_in_a_hundred(data, capsys):
    encoded = [encode(each) for each in textures(120)]
    labels = np.repeat([0, 1, 2], 40)
    encoded[7] = b"no photo"
    found = splits.split_photos(photos_of(encoded, labels), data)
    assert [name for name, _ in found.left_out] == ["007"] and "left out 007" in capsys.readouterr().out
    encoded[8] = encoded[9] = b""
    with pytest.raises(UserError, match="3 of 120 photos are broken"):
        splits.split_photos(photos_of(encoded, labels), data)


def test_saved_splits_are_loaded_again_and_only_for_the_same_photos(data, tmp_path):
    photos = photos_of([encode(each) for each in textures(30)], np.repeat([0, 1, 2], 10))
    found = splits.split_photos(photos, data)
    splits.save(found, photos, tmp_path / "splits.json")
    again = splits.load(photos, tmp_path / "splits.json")
    for part, positions in found.positions.items():
        assert positions.tolist() == again.positions[part].tolist()
    assert (again.fingerprints, again.twins) == (found.fingerprints, found.twins)
    fewer = dataclasses.replace(photos, ids=photos.ids[:-1], labels=photos.labels[:-1])
    with pytest.raises(UserError, match="other photos"):
        splits.load(fewer, tmp_path / "splits.json")
