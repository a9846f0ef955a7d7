"""novelty: photos unlike anything a model was trained on are found, and others at the stated rate."""

import shutil
import zipfile

import numpy as np
import pytest

from flowers_keras.errors import UserError
from flowers_keras.evaluation import unknown
from flowers_keras.model import archive, inference, novelty
from flowers_keras.photos import sources
from flowers_keras.training import run_folder
from tests.conftest import SIZE, as_new, encode, measuring, photos_of

CARD = {"class_names": ["x", "y", "z"], "image_size": SIZE, "recipe": {"data": {"batch_size": 32}}}


@pytest.mark.parametrize("count, rate", [(12, 1 / 13), (99, 1 / 100), (150, 1 / 151), (299, 3 / 300)])
def test_photos_of_the_same_kind_are_called_unlike_at_the_stated_rate(count, rate):
    found = []
    for seed in range(200):
        draw = np.random.default_rng((seed, count)).normal(0.5, 0.3, (80 + count + 40, 6))
        reference = novelty.make_reference(draw[:80], draw[80 : 80 + count])
        assert reference.false_alarms == pytest.approx(rate)
        judged = reference.judge(draw[80 + count :])
        assert all(each.unlike == (each.score >= 1 - rate - 1e-9) for each in judged)
        found.append(np.mean([each.unlike for each in judged]))
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - rate) < 4 * error < rate


def test_distance_is_that_to_the_fifth_nearest_training_photo():
    training = np.random.default_rng(0).random((30, 4))
    length = np.sqrt(training.sum(axis=1, keepdims=True))
    places = np.concatenate([np.sqrt(training) / length, np.log(length)], axis=1)
    expected = np.linalg.norm(places - places[0], axis=1)
    features = novelty.make_reference(training, training).features
    assert novelty.kth_distances(training[:1], features) == pytest.approx(np.sort(expected)[4:5], abs=2e-3)
    assert novelty.kth_distances(training[:1], features[:3]) == pytest.approx(max(expected[:3]), abs=2e-3)
    assert novelty.kth_distances(np.zeros((1, 4)), features) > 10  # finite, and far


@pytest.fixture(scope="module")
def saved(pristine, tmp_path_factory):
    """A model that holds drawn flowers to compare with."""
    path, network = tmp_path_factory.mktemp("saved") / "model.keras", as_new(*pristine)
    archive.save(network, path, CARD)
    parts = {"train": np.arange(100), "validation": np.arange(100, 200)}
    photos = sources.synthetic_photos(200, 96, 0)
    unknown.fit_reference(network, photos, parts, measuring(SIZE), path)
    return path


def test_what_is_no_flower_is_unlike_anything_known_and_flowers_are_not(saved, tmp_path):
    """Of a network that is not trained; `test_end_to_end` shows a trained one blank photos as well."""
    alone = tmp_path / "elsewhere" / "copy.keras"
    alone.parent.mkdir()
    shutil.copy(saved, alone)
    classifier = inference.load_classifier(alone)
    board = np.indices((96, 96)).sum(axis=0) // 8 % 2 * 255
    noise = np.random.default_rng(0).integers(0, 256, (96, 96, 3))
    others = [np.dstack([board] * 3), noise]
    flowers = sources.synthetic_photos(260, 96, 0)
    files = [encode(each.astype(np.uint8)) for each in others] + [flowers.read(i) for i in range(200, 260)]
    found = [each.novelty for each in classifier.answer(files)]
    assert [each.unlike for each in found[:2]] == [True] * 2, found[:2]
    assert sum(each.unlike for each in found[2:]) <= 4  # stated: 1 of 101
    assert 0.3 < np.mean([each.score for each in found[2:]]) < 0.7
    without = inference.Classifier(*archive.load(saved))
    for tta in (False, True):  # the pass gives the features besides, and the same digits
        assert np.array_equal(classifier.predict(files[:40], tta), without.predict(files[:40], tta))
    assert next(without.answer(files[:1])).novelty is None


def test_the_share_of_test_photos_that_is_called_unlike_is_measured(saved, network, tmp_path, monkeypatch):
    """Of photos half of which are noise, by the same judgement as an answer's."""
    noise = np.random.default_rng(0).integers(0, 256, (10, 96, 96, 3), np.uint8)
    flowers = sources.synthetic_photos(30, 96, 5)
    photos = photos_of([*map(encode, noise), *map(flowers.read, range(10))], [0] * 20)
    run = run_folder.Run(saved.parent, {})
    parts = {"test": np.arange(20)}
    found = unknown.measure_known(network, photos, parts, measuring(SIZE), run)
    answers = list(inference.load_classifier(saved).answer([photos.read(i) for i in range(20)]))
    assert found["unlike"] == np.mean([each.novelty.unlike for each in answers])
    assert np.mean([each.novelty.unlike for each in answers[:10]]) >= 0.5
    assert found["count"] == 20 and found["stated"] == 1 / 101
    assert found["interval"][0] < found["unlike"] < found["interval"][1]
    monkeypatch.setattr(novelty, "LARGEST", {"train": 7, "validation": 7, "test": 7})
    assert unknown.measure_known(network, photos, parts, measuring(SIZE), run)["count"] == 7


def test_the_reference_is_written_once(saved, network):
    assert archive.load_reference(saved, network).features.dtype == np.float16
    before = saved.read_bytes()
    unknown.fit_reference(network, None, None, None, saved)
    assert saved.read_bytes() == before


def test_a_large_set_is_compared_with_some_of_its_photos(light_network, tmp_path, monkeypatch):
    monkeypatch.setattr(novelty, "LARGEST", {"train": 7, "validation": 9, "test": 9})
    path, photos = tmp_path / "model.keras", sources.synthetic_photos(40, SIZE, 0)
    archive.save(light_network, path, CARD)
    parts = {"train": np.arange(25), "validation": np.arange(25, 40)}
    unknown.fit_reference(light_network, photos, parts, measuring(SIZE), path)
    reference = archive.load_reference(path, light_network)
    assert (len(reference.features), len(reference.distances)) == (7, 9)


def replace_reference(path, features, distances):
    with zipfile.ZipFile(path) as members:
        kept = {name: members.read(name) for name in members.namelist() if name not in archive.REFERENCE}
    with zipfile.ZipFile(path, "w") as members:
        for name, data in kept.items():
            members.writestr(name, data)
        for name, values in zip(archive.REFERENCE, (features, distances), strict=True):
            with members.open(name, "w") as member:
                np.save(member, values)


def test_damaged_references_are_refused_in_one_line(network, tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as members:
        members.writestr("config.json", "{}")
    assert archive.load_reference(path, network) is None
    good, distances = np.ones((3, 2049), np.float16), np.arange(3, dtype=np.float32)
    for features, far in (
        (good[:, :7], distances),
        (good * np.nan, distances),
        (good, distances[::-1]),
        (good, distances * np.nan),
        (good[:0], distances),
        (good[0], distances),
        (np.array([{"code": 1}], object), distances),
    ):
        replace_reference(path, features, far)
        with pytest.raises(UserError, match="flowers_keras saved, or is damaged"):
            archive.load_reference(path, network)
    replace_reference(path, good, distances)
    assert len(archive.load_reference(path, network).distances) == 3
    monkeypatch.setattr(archive, "LARGEST_REFERENCE", 100)
    with pytest.raises(UserError, match="larger than"):
        archive.load_reference(path, network)
