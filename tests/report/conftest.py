"""Photos and predictions whose names try to be markup."""

import io

import numpy as np
import pytest
from PIL import Image

from flowers_keras.evaluation import prediction_table
from flowers_keras.photos import reader, sources

EVIL_CLASS = "<script>alert(1)</script>"
EVIL_ID = """a "quoted" 'name'><img src=x onerror=alert(1)>.jpg"""
CLASSES = (EVIL_CLASS, "tulips & co", "roses")
COUNT = 24
BROKEN = 5  # the position of a photo that cannot be read any more


def jpeg(position):
    image = Image.new("RGB", (300, 200), (10 * position, 80, 40))
    file = io.BytesIO()
    image.save(file, "JPEG")
    return file.getvalue()


def read(position):
    if position == BROKEN:
        raise reader.BrokenPhoto("gone")
    return jpeg(position)


@pytest.fixture
def photos():
    ids = [f"photo-{i:02d}.jpg" for i in range(COUNT)]
    ids[3] = EVIL_ID
    return sources.Photos(tuple(ids), np.arange(COUNT, dtype=np.int32) % 3, CLASSES, read)


@pytest.fixture
def positions():
    return np.arange(1, COUNT, 2)


@pytest.fixture
def predictions(photos, positions):
    """Every photo right with 0.8, but for rows 1, 2 and 4, which are wrong, 2 the most."""
    labels = photos.labels[positions]
    plain = np.full((len(labels), 3), 0.1)
    plain[np.arange(len(labels)), labels] = 0.8
    for row, odds in ((1, 0.3), (2, 0.01), (4, 0.2)):
        plain[row] = (1 - odds) / 4
        plain[row, labels[row]] = odds
        plain[row, (labels[row] + 1) % 3] = 3 * (1 - odds) / 4
    ids = [photos.ids[i] for i in positions]
    return prediction_table.Predictions(ids, labels, CLASSES, plain, plain)
