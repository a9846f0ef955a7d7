"""Twins are those that comparing every pair finds, in either order; groups are connected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flowers_keras.photos import identity, near_hashes, synthetic, twins
from tests.conftest import encode, textures


def fingerprints(pictures):
    return identity.pack([identity.fingerprint(encode(each), each) for each in pictures])


def test_unlike_and_flat_photos_are_no_twins():
    flat = [np.full((40, 40, 3), shade, np.uint8) for shade in range(0, 200, 20)]
    assert twins.find_twins(fingerprints([*textures(60, seed=3), *flat]), 8) == []


def test_a_photo_in_black_and_white_is_a_twin_and_others_are_not():
    """As PlantVillage has them, and as photo programs make them; one red thing is no twin of a blue one."""
    red, blue = (np.array(shade) * textures(1)[0][..., :1] for shade in ([1.0, 0.3, 0.2], [0.2, 0.3, 1.0]))
    red, blue = (each.astype(np.uint8) for each in (red, blue))
    grey, unlike = (
        np.asarray(Image.fromarray(each).convert("L").convert("RGB")) for each in (red, 255 - red)
    )
    assert [pair[:2] for pair in twins.find_twins(fingerprints([red, grey]), 8)] == [(0, 1)]
    assert [pair[:2] for pair in twins.find_twins(fingerprints([red[:, ::-1], grey]), 8)] == [(0, 1)]
    assert (
        twins.find_twins(fingerprints([red, unlike]), 8)
        == twins.find_twins(fingerprints([red, blue]), 8)
        == []
    )


@pytest.mark.parametrize("exposure", [0.5, 0.7, 1.4])
def test_a_brighter_or_darker_copy_is_a_twin(exposure):
    """As those who augment photos before they are split have them, in the hundreds."""
    photos = [each // 2 + 20 for each in textures(12, seed=5)]
    changed = [np.clip(each * exposure, 0, 255).astype(np.uint8) for each in photos]
    found = twins.find_twins_across(fingerprints(photos), fingerprints(changed), 8)
    assert [pair[:2] for pair in found] == [(i, i) for i in range(12)]


def test_twins_are_the_same_in_either_order():
    prints = fingerprints([synthetic.draw_flower(i % 5, i, 75) for i in range(80)])
    one = {(i, j, bits) for i, j, bits in twins.find_twins_across(prints[:40], prints[40:], 14)}
    other = {(j, i, bits) for i, j, bits in twins.find_twins_across(prints[40:], prints[:40], 14)}
    assert one == other and one


def drawn_records(random, count, files, hashes, flips):
    """`count` records of `files` different files, of hashes and colours near one another, some flat."""
    base = random.integers(1, 2**64, hashes, np.uint64)
    if hashes > 2:
        base[0], base[1] = 1, 2**63  # degenerate: pictures of one line
    records = np.zeros(files, identity.RECORD)
    for each in records:
        each["digest"] = random.bytes(31) + b"x"
        for name in ("phash", "mirrored"):
            bits = random.choice(64, random.integers(flips + 1), replace=False)
            each[name] = random.choice(base) ^ np.bitwise_or.reduce(np.uint64(1) << bits.astype(np.uint64))
        if random.random() < 0.2:
            each["phash"] = each["mirrored"] = 0
        each["colours"] = random.choice([10, 50]) + random.integers(0, 36, 48)
        if random.random() < 0.3:  # in black and white, and a little off
            each["colours"] = each["colours"][::3].repeat(3) + random.choice([0, 5]) * (np.arange(48) == 7)
    records["mirrored"][(records["phash"] == 0) | (records["mirrored"] == 0)] = 0
    records["phash"][records["mirrored"] == 0] = 0
    return records[random.integers(0, files, count)]


def unlike_colours(one, other):
    """The smaller of two differences: as they are, and with the darker one made as bright as the other."""
    gain = min(2.5, max(0.4, (other.mean() + 1) / (one.mean() + 1)))
    bright = np.minimum(one * max(gain, 1), 255), np.minimum(other / min(gain, 1), 255)
    found = []
    for left, right in ((one.astype(float), other.astype(float)), bright):
        difference = left - right
        if any((np.ptp(each, axis=2) <= 4).all() for each in (one, other)):
            difference = difference @ [0.299, 0.587, 0.114]
        found.append(np.abs(difference).mean())
    return min(found)


def distance_of(one, other):
    """Bits between two records, by the rules alone; 0 for copies, 64 for pictures that are unlike."""
    if one["digest"] == other["digest"]:
        return 0
    best = 64
    for name, other_name in (("phash", "phash"), ("phash", "mirrored"), ("mirrored", "phash")):
        seen = other["colours"].reshape(4, 4, 3)[:, :: 1 if name == other_name else -1]
        unlike = unlike_colours(one["colours"].reshape(4, 4, 3), seen)
        if one[name] and other[other_name] and unlike <= 20:
            best = min(best, (int(one[name]) ^ int(other[other_name])).bit_count())
    return best


@pytest.mark.parametrize("blocks, most", [(0, 20), (1, 20), (2, 8), (3, 4), (None, 20)])
@given(st.data())
@settings(max_examples=20, deadline=None)
def test_twins_are_those_of_all_pairs(blocks, most, data):
    """Copies are counted with the first of them, which stands for them in all other pairs."""
    seed, distance = data.draw(st.integers(0, 2**32)), data.draw(st.integers(0, most))
    count, files, hashes = (data.draw(st.integers(1, high)) for high in (30, 20, 5))
    random = np.random.default_rng(seed)
    records = drawn_records(random, count, files, hashes, flips=2 * distance // 3 + 1)
    first = [next(j for j in range(count) if records[j]["digest"] == each["digest"]) for each in records]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(twins, "CHUNK", 7)
        patched.setattr(near_hashes, "CHUNK", 5)
        if blocks is not None:
            patched.setattr(near_hashes, "choose_blocks", lambda *_: blocks)
        within = twins.find_twins(records, distance)
        across = twins.find_twins_across(records[: count // 2], records[count // 2 :], distance)
    copies = [(first[i], i, 0) for i in range(count) if first[i] != i]
    files = sorted(set(first))
    pairs = [(i, j, distance_of(records[i], records[j])) for i in files for j in files if i < j]
    assert within == sorted(copies + [pair for pair in pairs if pair[2] <= distance])
    # Each pair of photos is one of these, if each stands for its copies.
    every = {tuple(sorted((first[i], first[j]))) for i, j, _ in within}
    for i in range(count):
        for j in range(i):
            twin = distance_of(records[i], records[j]) <= distance
            pair = tuple(sorted((first[i], first[j])))
            assert twin == (pair[0] == pair[1] or pair in every)
    half = count // 2
    seen = [records["digest"][half:j].tolist() for j in range(count)]
    there = [j for j in range(half, count) if records["digest"][j] not in seen[j]]
    pairs = [(i, j - half, distance_of(records[i], records[j])) for i in range(half) for j in there]
    assert across == [pair for pair in pairs if pair[2] <= distance]


def test_copies_are_counted_and_not_paired():
    """100,000 copies of one photo and 100,000 blank ones: the pairs of all would not fit in memory."""
    (photo,) = fingerprints(textures(1))
    blank = np.zeros(100_000, identity.RECORD)
    blank["digest"] = [i.to_bytes(31, "big") + b"x" for i in range(len(blank))]
    records = np.concatenate([np.repeat(photo, 100_000), blank])
    found = twins.find_twins(records, 8)
    assert found == [(0, i, 0) for i in range(1, 100_000)]
    assert len(twins.find_twins_across(records, records[:10], 8)) == 100_000


def test_a_set_of_no_photos_has_no_twins():
    none = np.zeros(0, identity.RECORD)
    assert twins.find_twins(none, 8) == twins.find_twins_across(none, none, 8) == []


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
