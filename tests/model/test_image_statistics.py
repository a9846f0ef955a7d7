"""A few statistics of pixels, with known values for drawn patterns."""

import numpy as np
import pytest

from flowers_keras.model import image_statistics


def picture(make, side=75):
    y, x = np.indices((side, side))
    return np.asarray(make(y, x), np.uint8)[..., None].repeat(3, axis=2)


def sizes(square):
    """exp of the details' sizes, less one level: [scale, direction, channel]."""
    numbers = image_statistics.describe_squares(square[None])[0, :-6].reshape(
        image_statistics.SCALES, 3, 2, 3
    )
    return np.exp(numbers[:, :, 0]) - image_statistics.LEVEL


@pytest.mark.parametrize("scale", range(image_statistics.SCALES))
@pytest.mark.parametrize("direction", range(3))
def test_stripes_are_details_of_their_scale_and_direction_alone(scale, direction):
    side, step = 96, 2**scale
    along = [lambda y, x: x // step, lambda y, x: y // step, lambda y, x: x // step + y // step][direction]
    found = sizes(picture(lambda y, x: along(y, x) % 2 * 200, side))
    assert found[scale, direction] == pytest.approx([100, 0, 0], abs=1e-2)
    found[scale, direction] = 0
    assert np.abs(found).max() < 1e-2


def test_few_places_and_many_differ_where_the_size_is_the_same():
    random = np.random.default_rng(0)
    many = random.choice([-10, 10], (96, 96))
    few = np.where(random.random((96, 96)) < 0.01, random.choice([-100, 100], (96, 96)), 0)
    ratios = [
        image_statistics.describe_squares(picture(lambda y, x, add=add: 128 + add, 96)[None])[0, 3]
        for add in (many, few)
    ]
    assert ratios[0] - ratios[1] > 0.5


def test_colours_and_the_size_of_the_photo():
    red = np.broadcast_to(np.array([255, 0, 0], np.uint8), (2, 448, 448, 3))
    found = image_statistics.describe_squares(red)
    assert found.shape == (2, image_statistics.WIDTH) and found.dtype == np.float32
    assert found[0, -6:] == pytest.approx([1 / 3, 1 / 2, -1 / 4, 0, 0, 0], abs=1e-4)
    assert image_statistics.describe_squares(red[:0]).shape == (0, image_statistics.WIDTH)
