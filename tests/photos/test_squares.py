"""The resize without TensorFlow is that of training, to the last bit."""

import numpy as np
import pytest

from flowers_keras.photos.resize import resize
from flowers_keras.photos.squares import resize_array

SHAPES = [(1, 1), (1, 9), (2, 3), (75, 75), (74, 76), (150, 150), (240, 320), (333, 500), (5, 900), (1300, 7)]


@pytest.mark.parametrize("size", [75, 299])
def test_it_is_the_resize_of_training_bit_for_bit(size):
    random = np.random.default_rng(size)
    for shape in [*SHAPES, *random.integers(1, 400, (10, 2)).tolist()]:
        photo = random.integers(0, 256, (*shape, 3), np.uint8)
        found = resize_array(photo, size)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, resize(photo, size), err_msg=str(shape))


def test_a_square_of_the_size_stays_as_it_is():
    """Where a file resizes photos itself, a photo that was resized before goes through it unchanged."""
    photo = np.random.default_rng(0).integers(0, 256, (75, 75, 3), np.uint8)
    np.testing.assert_array_equal(resize_array(photo, 75), photo)
    np.testing.assert_array_equal(resize(photo, 75), photo)
