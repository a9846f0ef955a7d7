"""Drawn flowers: the same for the same seed, and told apart by the flower, not by its colour."""

import io

import imagehash
import numpy as np
import pytest
from PIL import Image

from flowers_keras.errors import UserError
from flowers_keras.photos import draw, sources, synthetic

COUNT, SIZE = 800, 48


@pytest.fixture(scope="module")
def photos():
    """uint8 [COUNT, SIZE, SIZE, 3] and class indices int [COUNT]."""
    labels = np.arange(COUNT) % len(synthetic.CLASS_NAMES)
    drawn = [synthetic.draw_flower(label, (7, i), SIZE) for i, label in enumerate(labels)]
    return np.stack(drawn), labels


def probe_accuracy(features, labels):
    """Accuracy of a softmax regression on the last fifth, fitted on the rest."""
    features = features.reshape(len(features), -1).astype(float)
    cut = len(features) * 4 // 5
    features = (features - features[:cut].mean(0)) / (features[:cut].std(0) + 1e-6)
    features = np.concatenate([features, np.ones((len(features), 1))], 1)
    targets = np.eye(labels.max() + 1)[labels]
    weights = np.zeros((features.shape[1], targets.shape[1]))
    for _ in range(200):
        scores = features[:cut] @ weights
        scores = np.exp(scores - scores.max(1, keepdims=True))
        error = scores / scores.sum(1, keepdims=True) - targets[:cut]
        weights -= 0.1 * (features[:cut].T @ error / cut + 0.01 * weights)
    return np.mean((features[cut:] @ weights).argmax(1) == labels[cut:])


def thumbnails(photos, cells):
    """Mean colour of each of cells x cells fields: float [n, cells, cells, 3]."""
    step = SIZE // cells
    return photos.reshape(len(photos), cells, step, cells, step, 3).mean((2, 4))


def histograms(photos):
    """Share of each of 4 x 4 x 4 colours: float [n, 64]."""
    codes = (photos // 64).astype(int) @ [16, 4, 1]
    return np.stack([np.bincount(code.ravel(), minlength=64) for code in codes]) / SIZE**2


def test_a_photo_is_a_pure_function_of_its_arguments():
    once = synthetic.photo_bytes(3, 5, 96)
    synthetic.photo_bytes(4, 5, 96)
    assert synthetic.photo_bytes(3, 5, 96) == once
    assert synthetic.photo_bytes(3, 6, 96) != once
    assert synthetic.photo_bytes(8, 5, 96) != once


@pytest.mark.parametrize("size", [1, 16, 75, 299])
def test_photo_bytes_is_a_png_of_the_class_in_turn(size):
    for index in range(6):
        image = Image.open(io.BytesIO(synthetic.photo_bytes(index, 0, size)))
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (size, size))
        drawn = synthetic.draw_flower(index % 5, (0, index), size)
        assert drawn.dtype == np.uint8
        np.testing.assert_array_equal(np.asarray(image), drawn)


def test_class_names_are_in_the_order_of_folders():
    assert list(synthetic.CLASS_NAMES) == sorted(synthetic.CLASS_NAMES)
    assert set(synthetic.FLOWERS) == set(synthetic.CLASS_NAMES)


def test_no_two_drawings_are_twins(photos):
    hashes = [imagehash.phash(Image.fromarray(pixels)) for pixels in photos[0][:400]]
    bits = np.stack([code.hash.ravel() for code in hashes]).astype(int)
    distances = (bits[:, None] != bits).sum(-1) + 64 * np.eye(len(bits), dtype=int)
    assert distances.min() > 4


@pytest.mark.parametrize(
    "features",
    [
        lambda photos: thumbnails(photos, 1),
        lambda photos: thumbnails(photos, 4),
        histograms,
        lambda photos: np.concatenate([photos[:, 0], photos[:, -1], photos[:, :, 0]], 1),
    ],
    ids=["mean colour", "4x4 thumbnail", "colour histogram", "border of the photo"],
)
def test_colour_and_ground_do_not_tell_the_class(photos, features):
    drawn, labels = photos
    assert probe_accuracy(features(drawn), labels) < 0.6


def test_the_probe_finds_a_class_that_colour_does_tell(photos):
    drawn, labels = photos
    tints = np.array([[1, 1, 1], [1, 0.1, 0.1], [0.1, 1, 0.1], [0.1, 0.1, 1], [1, 1, 0.1]])
    tinted = drawn * tints[labels][:, None, None]
    assert probe_accuracy(thumbnails(tinted, 1), labels) > 0.8


def test_the_command_draws_files_that_are_those_of_the_source(tmp_path, capsys):
    assert draw.main([f"--output={tmp_path}", "--count=12", "--seed=3", "--image_size=40"]) == 0
    photos = sources.folder_photos(tmp_path)
    assert photos.class_names == synthetic.CLASS_NAMES and len(photos.ids) == 12
    assert photos.read(photos.ids.index("roses/3-00007.png")) == synthetic.photo_bytes(7, 3, 40)
    assert capsys.readouterr().out == f"12 drawn flowers are in {tmp_path}\n"
    with pytest.raises(UserError, match="--count=0 is not allowed"):
        draw.main([f"--output={tmp_path}", "--count=0"])


def test_the_smallest_flower_that_the_command_allows_can_be_drawn(tmp_path):
    assert draw.main([f"--output={tmp_path}", "--count=50", "--image_size=2"]) == 0
    with pytest.raises(UserError, match="--image_size=1 is not allowed; type a number from 2 on"):
        draw.main([f"--output={tmp_path}", "--image_size=1"])
