"""novelty: photos unlike anything a model was trained on are found, and others at the stated rate."""

import shutil
import zipfile

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.evaluation import predicting, unknown
from flowers_keras.model import archive, image_statistics, inference, novelty
from flowers_keras.photos import sources
from tests.conftest import SIZE, as_new, encode, make_reference, measuring, photos_of

CARD = {"class_names": ["x", "y", "z"], "image_size": SIZE, "recipe": {"data": {"batch_size": 32}}}


@pytest.mark.parametrize("count, rate", [(12, 1 / 13), (99, 1 / 100), (150, 1 / 151), (299, 3 / 300)])
def test_photos_of_the_same_kind_are_called_unlike_at_the_stated_rate(count, rate):
    found = []
    for seed in range(200):
        draw = np.random.default_rng((seed, count)).normal(
            0.5, 0.3, (80 + count + 40, image_statistics.WIDTH + 6)
        )
        reference = novelty.make_reference(draw[:80], draw[80 : 80 + count])
        assert reference.false_alarms == pytest.approx(rate)
        judged = reference.judge(draw[80 + count :])
        assert all(each.unlike == (each.score >= 1 - rate - 1e-9) for each in judged)
        found.append(np.mean([each.unlike for each in judged]))
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - rate) < 4 * error < rate


def random_traits(count, seed=0):
    random = np.random.default_rng(seed)
    return novelty.make_traits(
        random.random((count, 4)), random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    )


def test_traits_are_the_looks_and_the_directions_of_roots():
    pooled, squares = np.random.default_rng(0).random((3, 4)), np.zeros((3, SIZE, SIZE, 3), np.uint8)
    length = np.sqrt(pooled.sum(axis=1, keepdims=True))
    expected = [image_statistics.describe_squares(squares), np.sqrt(pooled) / length, np.log(length)]
    np.testing.assert_allclose(novelty.make_traits(pooled, squares), np.hstack(expected), rtol=1e-5)


def test_distance_is_that_to_the_fifth_nearest_training_photo():
    traits = random_traits(30)
    space = novelty.Space(traits)
    expected = np.sort(np.linalg.norm(space.places - space.places[0], axis=1))
    assert space.distances(traits[:1]) == pytest.approx(expected[4:5], abs=2e-3)
    few = novelty.Space(traits[:3])
    apart = np.linalg.norm(few.places - few.places[0], axis=1)
    assert few.distances(traits[:1]) == pytest.approx([apart.max()], rel=1e-3)
    nothing = novelty.make_traits(np.zeros((1, 4)), np.zeros((1, SIZE, SIZE, 3), np.uint8))
    assert 5 < space.distances(nothing) < np.inf


def test_looks_and_the_network_count_alike_by_the_spread_of_training_photos():
    traits = random_traits(60)
    for part in (slice(image_statistics.WIDTH), slice(image_statistics.WIDTH, None)):
        places = novelty.Space(traits).places[:, part]
        apart = np.sort(np.linalg.norm(places[:, None] - places[None], axis=2), axis=1)
        assert np.median(apart[:, 5]) == pytest.approx(1, abs=0.01)  # the nearest is the photo itself
    same = novelty.Space(np.repeat(traits[:1], 9, axis=0))
    assert np.isfinite(same.distances(traits)).all() and same.distances(traits[:1]) < same.distances(
        traits[1:2]
    )


@pytest.fixture(scope="module")
def saved(pristine, tmp_path_factory):
    """A model that holds drawn flowers to compare with."""
    path, network = tmp_path_factory.mktemp("saved") / "model.keras", as_new(*pristine)
    parts = {"train": np.arange(100), "validation": np.arange(100, 200)}
    reference = make_reference(network, sources.synthetic_photos(200, 96, 0), parts)
    archive.save(network, path, CARD, reference=reference)
    return path


@pytest.fixture(scope="module")
def loaded(saved, tmp_path_factory):
    """That model, loaded from a copy of its file that stands alone."""
    return inference.load_classifier(shutil.copy(saved, tmp_path_factory.mktemp("elsewhere") / "copy.keras"))


def none_of_these(side=96):
    """Pictures of nothing that a classifier of flowers knows, uint8 [side, side, 3], by name."""
    random, (y, x) = np.random.default_rng(0), np.indices((side, side))
    pictures = {
        f"all {colour}": np.broadcast_to(colour, (side, side, 3))
        for colour in ((255, 255, 255), (0, 0, 0), (128, 128, 128), (30, 60, 210), (250, 170, 190))
    }
    pictures["noise"] = random.integers(0, 256, (side, side, 3))
    pictures["grey noise"] = random.integers(0, 256, (side, side, 1)) * np.ones(3)
    pictures["weak noise"] = random.normal(128, 10, (side, side, 3))
    pictures["coarse noise"] = np.kron(random.integers(0, 256, (8, 8, 3)), np.ones((side // 8, side // 8, 1)))
    pictures["board"] = np.dstack([(x // 8 + y // 8) % 2 * 255] * 3)
    pictures["stripes"] = np.dstack([x // 6 % 2 * 200, y * 0 + 40, y * 0 + 40])
    pictures["gradient"] = np.dstack([x * 255 // side, y * 255 // side, 128 + 0 * x])
    lines = (y % 8 < 4) & (random.random((side, side)) < 0.5) & (x > 8) & (x < side - 8)
    pictures["text"] = np.where(lines[..., None], 20, 255) * np.ones(3)
    return {name: np.clip(each, 0, 255).astype(np.uint8) for name, each in pictures.items()}


def test_what_is_no_flower_is_unlike_anything_known_and_flowers_are_not(loaded):
    """Of a network that is not trained, which sees in most of them what it sees in flowers."""
    others = none_of_these()
    flowers = sources.synthetic_photos(260, 96, 0)
    files = [encode(each) for each in others.values()] + [flowers.read(i) for i in range(200, 260)]
    found = [each.novelty for each in loaded.answer(files)]
    missed = [name for name, each in zip(others, found, strict=False) if not each.unlike]
    assert not missed, missed
    found = found[len(others) :]
    assert sum(each.unlike for each in found) <= 4  # stated: 1 of 101
    assert 0.3 < np.mean([each.score for each in found]) < 0.7
    without = inference.Classifier(loaded.model, CARD)
    for tta in (False, True):  # the pass gives the features besides, and the same digits
        assert np.array_equal(loaded.predict(files[:40], tta), without.predict(files[:40], tta))
    assert next(without.answer(files[:1])).novelty is None


def test_the_share_of_test_photos_that_is_called_unlike_is_measured(loaded):
    """Of photos half of which are noise, by the same judgement as an answer's."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 96, 96, 3), np.uint8)
    flowers = sources.synthetic_photos(30, 96, 5)
    photos = photos_of([*map(encode, noise), *map(flowers.read, range(10))], [0] * 20)
    network, reference = loaded.model, loaded.reference
    predictions = predicting.predict_photos(
        network, photos, np.arange(20), measuring(SIZE), "test", reference=reference
    )
    found = unknown.describe_known(predictions.novelty, reference)
    answers = list(loaded.answer([photos.read(i) for i in range(20)]))
    assert found["unlike"] == np.mean([each.novelty.unlike for each in answers])
    assert np.mean([each.novelty.unlike for each in answers[:10]]) >= 0.5
    assert found["count"] == 20 and found["stated"] == 1 / 101
    assert found["interval"][0] < found["unlike"] < found["interval"][1]
    without = predicting.predict_photos(network, photos, np.arange(20), measuring(SIZE), "test")
    assert without.novelty is None and np.array_equal(without.plain, predictions.plain)


def test_a_large_set_is_compared_with_some_of_its_photos(light_network, tmp_path, monkeypatch):
    monkeypatch.setattr(novelty, "LARGEST", {"train": 7, "validation": 9})
    path, photos = tmp_path / "model.keras", sources.synthetic_photos(40, SIZE, 0)
    parts = {"train": np.arange(25), "validation": np.arange(25, 40)}
    archive.save(light_network, path, CARD, reference=make_reference(light_network, photos, parts))
    reference = archive.load_reference(path, light_network)
    assert (len(reference.traits), len(reference.distances)) == (7, 9)


def replace_reference(path, traits, distances):
    with zipfile.ZipFile(path) as members:
        kept = {name: members.read(name) for name in members.namelist() if name not in archive.REFERENCE}
    with zipfile.ZipFile(path, "w") as members:
        for name, data in kept.items():
            members.writestr(name, data)
        for name, values in zip(archive.REFERENCE, (traits, distances), strict=True):
            with members.open(name, "w") as member:
                np.save(member, values)


def test_damaged_references_are_refused_in_one_line(network, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("config.json", "{}")
    assert archive.load_reference(path, network) is None
    good, distances = np.ones((3, image_statistics.WIDTH + 2049), np.float16), np.arange(3, dtype=np.float32)
    for traits, far in (
        (good[:, :7], distances),
        (good * np.nan, distances),
        (good, distances[::-1]),
        (good, distances * np.nan),
        (good[:0], distances),
        (good[0], distances),
        (np.array([{"code": 1}], object), distances),
    ):
        replace_reference(path, traits, far)
        with pytest.raises(UserError, match="flowers_keras saved, or is damaged"):
            archive.load_reference(path, network)
    replace_reference(path, good, distances)
    assert len(archive.load_reference(path, network).distances) == 3
    monkeypatch.setattr(archive, "LARGEST_REFERENCE", 100)
    with pytest.raises(UserError, match="larger than"):
        archive.load_reference(path, network)
