"""shifts: the conditions do what they say, and tell learners of the flower from learners of the rest."""

import collections
import io
import types

import numpy as np
import pytest
from PIL import Image

from flowers_keras.evaluation import shifts
from flowers_keras.photos import identity, sources, synthetic
from tests.conftest import measuring

SIZE = 60
DRAWN = [synthetic.draw_flower(i, (7, i), SIZE) for i in range(5)]
OTHER = np.full((shifts.BACKGROUND_SIDE, shifts.BACKGROUND_SIDE, 3), (250, 10, 120), np.uint8)
RANDOM = ("angle", "light", "noise")  # what is drawn; the rest are functions of the photo


def change(photo, condition, strength, seed=0, address=3, other=OTHER):
    return shifts.change(photo, condition, strength, seed, address, other)


def difference(one, other):
    return np.abs(one.astype(int) - other).mean()


@pytest.mark.parametrize("condition", shifts.CONDITIONS)
def test_condition_changes_more_with_its_strength(condition):
    for position, photo in enumerate(DRAWN):
        changed = [change(photo, condition, strength, address=position) for strength in range(3)]
        assert {(each.dtype, each.shape) for each in changed} == {(np.dtype(np.uint8), photo.shape)}
        slight, middle, strong = (difference(each, photo) for each in changed)
        assert 0 < slight < middle < strong


@pytest.mark.parametrize("condition", shifts.CONDITIONS)
def test_draw_is_a_function_of_seed_photo_and_condition(condition):
    photo = DRAWN[0]
    for addresses in ([(seed, 3) for seed in range(6)], [(0, photo) for photo in range(6)]):
        changed = [change(photo, condition, 1, *address) for address in addresses]
        for address, each in zip(addresses, changed, strict=True):
            assert np.array_equal(change(photo.copy(), condition, 1, *address), each)
        different = len({each.tobytes() for each in changed})
        assert different >= 2 if condition in RANDOM else different == 1


def test_no_condition_changes_the_photo_in_place():
    for photo in DRAWN:
        before = photo.copy()
        for condition in shifts.CONDITIONS:
            change(photo, condition, 2)
        assert np.array_equal(photo, before)


def test_angle_leaves_no_empty_corner():
    white = np.full((SIZE, SIZE, 3), 255, np.uint8)
    for position in range(200):
        assert change(white, "angle", 2, address=position).min() == 255


def test_angle_turns_about_the_middle():
    """By 40 degrees either way; a tilt of 20 moves a line through the middle by less than 5 more."""
    photo = np.zeros((101, 101, 3), np.uint8)
    photo[49:52] = 255
    signs = set()
    for position in range(8):
        turned = change(photo, "angle", 2, address=position)[..., 0]
        assert turned[50, 50] > 200
        y, x = np.nonzero((turned > 128) & (np.hypot(*(np.indices(turned.shape) - 50)) < 25))
        slope = np.degrees(np.arctan(np.polyfit(x, y, 1)[0]))
        assert 35 < abs(slope) < 45
        signs.add(np.sign(slope))
    assert signs == {-1, 1}


def test_light_doubles_or_halves_the_light():
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    seen = set()
    for position in range(12):
        changed = change(ramp, "light", 1, address=position)[:, 0].astype(float)
        assert np.all(np.diff(changed, axis=0) >= 0)
        gains = (changed[100] / ramp[100, 0]) ** 2.2  # no channel clips there
        brighter = 2.0 if gains[1] > 1 else 0.5
        assert gains[1] == pytest.approx(brighter, rel=0.03)
        assert gains[0] * gains[2] == pytest.approx(gains[1] ** 2, rel=0.05)
        seen.add((brighter, gains[0] > gains[2]))
    assert len(seen) == 4


def test_background_keeps_the_middle_and_replaces_the_rest():
    photo = np.full((90, 90, 3), (20, 200, 60), np.uint8)
    changed = change(photo, "background", 2)
    kept, gone = np.all(changed == photo, axis=2), np.all(changed == OTHER[0, 0], axis=2)
    assert kept[45, 45] and kept[45, 20] and kept[20, 45]
    assert gone[0, 0] and gone[0, 89] and gone[89, 0] and gone[89, 89]
    assert 0.3 < kept.mean() < 0.5 and 0.15 < gone.mean() < 0.3
    partly = change(photo, "background", 0)
    assert partly[0, 0] == pytest.approx(0.65 * photo[0, 0] + 0.35 * OTHER[0, 0], abs=1)


def test_blur_noise_and_jpeg_have_the_strengths_that_they_say():
    grey = np.full((200, 200, 3), 128, np.uint8)
    for strength, deviation in enumerate((8, 16, 32)):
        assert change(grey, "noise", strength).std() == pytest.approx(deviation, rel=0.02)
    point = np.zeros((300, 300, 3), np.uint8)
    point[150, 150] = 255
    point[:, :10] = 255
    for strength, sigma in enumerate((1, 2, 4)):
        profile = np.diff(change(point, "blur", strength)[50, :40, 0].astype(float))
        assert profile.argmin() == pytest.approx(9, abs=1)
        spread = np.average((np.arange(39) - 9) ** 2, weights=-profile) ** 0.5
        assert spread == pytest.approx(sigma, rel=0.2)
    file = io.BytesIO()
    Image.fromarray(DRAWN[0]).save(file, "JPEG", quality=10)
    assert np.array_equal(change(DRAWN[0], "jpeg", 2), np.asarray(Image.open(file)))


# Learners. The class can be seen by the colour in the middle and, too, by that of the border.

COLOURS = np.array([(200, 40, 40), (40, 200, 40), (40, 40, 200), (200, 200, 40)])


class Learner:
    """Names the nearest of `COLOURS` to a part of the photo, and counts what it is shown."""

    def __init__(self, part):
        self.part, self.seen = part, 0

    def predict_on_batch(self, photos):
        self.seen += len(photos)
        colours = photos[:, self.part, self.part].reshape(len(photos), -1, 3).mean(axis=1)
        distances = np.abs(colours[:, None] - COLOURS).sum(axis=2)
        return (1 / (1 + distances)).astype(np.float32)


MIDDLE, BORDER = slice(SIZE // 2 - 4, SIZE // 2 + 4), slice(0, 6)


def framed_photos(count, classes=4):
    """Photos of one colour with a little noise, and a counter of how often each was read."""
    reads = collections.Counter()

    def read(position):
        reads[position] += 1
        random = np.random.default_rng(position)
        noisy = COLOURS[position % classes] + random.integers(-20, 21, (SIZE, SIZE, 3))
        file = io.BytesIO()
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(file, "PNG")
        return file.getvalue()

    labels = np.arange(count, dtype=np.int32) % classes
    names = tuple("abcd"[:classes])
    return sources.Photos(tuple(map(str, range(count))), labels, names, read), reads


def split_of(positions):
    """A Split with these test photos; their contents are 0, 1, ..."""
    digests = {int(i): f"{int(i):064x}"[::-1] for i in positions}
    return types.SimpleNamespace(positions={"test": np.asarray(positions)}, digests=digests)


def test_a_learner_of_the_background_falls_and_one_of_the_flower_does_not():
    photos, _ = framed_photos(60)
    shift = shifts.measure_shift(
        Learner(BORDER), photos, split_of(range(60)), measuring(SIZE, shift_photos=60)
    )
    assert shift["photos"] == 60 and shift["accuracy"] == 1.0
    assert shift["conditions"].keys() == shifts.CONDITIONS.keys()
    assert shift["conditions"]["background"][0] > 0.9
    assert shift["conditions"]["background"][2] == 0.0  # each of another class than the photo
    assert shift["conditions"]["angle"] == shift["conditions"]["jpeg"] == [1.0, 1.0, 1.0]
    shift = shifts.measure_shift(
        Learner(MIDDLE), photos, split_of(range(60)), measuring(SIZE, shift_photos=60)
    )
    light = shift["conditions"].pop("light")
    assert light[2] < 1.0  # it goes by colours, which change with the light
    assert all(accuracies == [1.0, 1.0, 1.0] for accuracies in shift["conditions"].values())


def test_accuracies_are_those_of_the_changed_photos():
    """Recomputed photo by photo, on some positions in any order, with another batch size."""
    photos, _ = framed_photos(23)
    positions = np.sort(np.random.default_rng(0).permutation(23)[:11])
    learner, split = Learner(slice(0, SIZE // 4)), split_of(positions)
    shift = shifts.measure_shift(learner, photos, split, measuring(SIZE, 4, shift_photos=99))
    assert shift == shifts.measure_shift(learner, photos, split, measuring(SIZE, 64, shift_photos=99))
    backgrounds = shifts._read_backgrounds(photos, positions)
    addresses = identity.draw_addresses(split.digests, 23)
    assert len(set(addresses)) > 11
    for name in shifts.CONDITIONS:
        for strength in range(3):
            right = 0
            for position in positions.tolist():
                photo = np.asarray(Image.open(io.BytesIO(photos.read(position))))
                other = shifts._another(photos, position, addresses, backgrounds)
                changed = shifts.change(photo, name, strength, shifts.SEED, addresses[position], other)
                right += learner.predict_on_batch(changed[None]).argmax() == photos.labels[position]
            assert shift["conditions"][name][strength] == right / 11


def test_photos_are_read_once_and_predicted_nineteen_times():
    photos, reads = framed_photos(200)
    learner = Learner(MIDDLE)
    positions = np.arange(96)
    shifts.measure_shift(learner, photos, split_of(positions), measuring(SIZE, shift_photos=99))
    assert learner.seen == 19 * 96
    assert set(reads) == set(positions.tolist())
    assert sum(reads.values()) == 96 + shifts.BACKGROUNDS


def test_two_processes_share_the_photos_and_find_what_one_finds(in_two):
    photos, reads = framed_photos(40)
    learner, positions = Learner(slice(0, SIZE // 4)), np.arange(5, 40)
    split, config = split_of(positions), measuring(SIZE, 8, shift_photos=99)
    alone = shifts.measure_shift(learner, photos, split, config)
    learner.seen, before = 0, reads.total()
    found = in_two(
        lambda: shifts.measure_shift(
            learner, photos, split_of(positions), measuring(SIZE, 8, shift_photos=99)
        )
    )
    assert found == [alone, alone] and 0 < alone["accuracy"]
    assert reads.total() - before == 35 + 2 * 35  # all are among the backgrounds, which both read
    assert learner.seen == 19 * 35


@pytest.mark.parametrize("policy, precision", [("float32", "float32"), ("mixed_bfloat16", "bfloat16")])
def test_photos_before_and_after_are_computed_in_the_precision_that_is_stated(policy, precision, monkeypatch):
    learner, fast = Learner(BORDER), Learner(MIDDLE)
    asked = []
    monkeypatch.setattr(shifts.folding, "fast_copy", lambda *given: (asked.append(given), fast)[1])
    photos, _ = framed_photos(8)
    shift = shifts.measure_shift(learner, photos, split_of(range(8)), measuring(SIZE, shift_photos=8), policy)
    assert shift["precision"] == precision and asked == [(learner, policy)]
    assert (learner.seen, fast.seen) == (0, 19 * 8)


@pytest.mark.parametrize("count, classes", [(1, 1), (3, 1), (2, 2)])
def test_few_photos_are_enough(count, classes):
    photos, _ = framed_photos(count, classes)
    shift = shifts.measure_shift(
        Learner(MIDDLE), photos, split_of(range(count)), measuring(SIZE, 8, shift_photos=99)
    )
    assert shift["photos"] == count and len(shift["conditions"]) == 6


def test_photos_are_drawn_by_their_content_whatever_the_seed():
    """The first photos of a folder are all of one class; an added one moves the others, and changes few."""
    drawn, changed = [], []
    for seed, count in ((0, 80), (1, 80), (0, 81)):
        photos, reads = framed_photos(count)
        learner = Learner(MIDDLE)
        learner.predict_on_batch = lambda shown, predict=learner.predict_on_batch: (
            changed[-1].update(photo.tobytes() for photo in shown),
            predict(shown),
        )[1]
        changed.append(set())
        shift = shifts.measure_shift(
            learner, photos, split_of(range(count)), measuring(SIZE, 8, shift_photos=12, seed=seed)
        )
        assert shift["photos"] == 12 and len(reads) == 12
        drawn.append(set(reads))
    assert drawn[0] == drawn[1] and len(drawn[0] - drawn[2]) <= 1 and max(drawn[0]) > 40
    assert changed[0] == changed[1] and len(changed[0] & changed[2]) > 0.8 * len(changed[0])


def test_no_photos_give_none():
    photos, _ = framed_photos(2)
    assert (
        shifts.measure_shift(Learner(MIDDLE), photos, split_of([]), measuring(SIZE, shift_photos=99)) is None
    )
