"""What a photo looks like in training: addressed, cropped, mirrored."""

import types

import numpy as np
import pytest
import tensorflow as tf

from flowers_keras.augment import training_views, trivial_augment
from flowers_keras.photos.resize import resize
from tests.augment.test_trivial_augment import NAMES, PHOTO, settings_of


def test_photo_seed_is_one_function_of_numbers_and_tensors():
    plain = training_views.photo_seed(3, 5, 7).numpy()
    assert plain.dtype == np.int32 and plain.shape == (2,)
    for kind in (tf.int32, tf.int64):
        tensors = [tf.constant(part, kind) for part in (3, 5, 7)]
        np.testing.assert_array_equal(tf.function(training_views.photo_seed)(*tensors), plain)
    addresses = [(3, 5, 7), (7, 5, 3), (0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0), (2**40, 0, 0)]
    assert len({tuple(training_views.photo_seed(*each).numpy()) for each in addresses}) == len(addresses)


def ramp():
    """uint8 [256, 256, 3]: red tells x, green tells y."""
    y, x = np.indices((256, 256))
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


def test_crops_are_mild_and_half_of_them_are_mirrored():
    photo = ramp()
    seeds = tf.data.Dataset.range(300).map(lambda index: training_views.photo_seed(0, 0, index))
    crops = seeds.map(lambda seed: training_views.random_flip_and_crop(photo, seed, 64), tf.data.AUTOTUNE)
    assert crops.element_spec == tf.TensorSpec((64, 64, 3), tf.uint8)
    crops = np.stack(list(crops)).astype(int)
    left, right = crops[:, 32, 0, 0], crops[:, 32, -1, 0]
    mirrored = left > right
    assert 110 <= mirrored.sum() <= 190
    # A resized crop's outermost values are those of about 1.5 pixels inside its edges.
    width = np.abs(right - left) + 4
    height = crops[:, -1, 32, 1] - crops[:, 0, 32, 1] + 4
    area, aspect = width * height / 256**2, width / height
    assert 0.68 <= area.min() < 0.75 and 0.92 < area.max() <= 1.02
    assert 0.73 <= aspect.min() < 0.82 and 1.22 < aspect.max() <= 1.37
    margin = np.minimum(left, right)
    assert margin.min() <= 3 and margin.max() > 20  # somewhere, not always in the middle or at a side
    np.testing.assert_array_less(255 - np.maximum(left, right), 80)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (300, 400)])
def test_photos_of_any_size_can_be_cropped(shape):
    photo = np.full((*shape, 3), (10, 20, 255), np.uint8)
    for index in range(5):
        cropped = training_views.random_flip_and_crop(photo, training_views.photo_seed(0, 0, index), 75)
        np.testing.assert_array_equal(cropped, np.full((75, 75, 3), (10, 20, 255), np.uint8))


def augmentation_settings(**changes):
    return types.SimpleNamespace(**{"policy": "trivial_wide", "flip_and_crop": True, "seed": 0, **changes})


def test_augmentation_is_addressed_by_seed_epoch_and_photo():
    photo = PHOTO
    make = training_views.make_augmentation(augmentation_settings(), 32)
    other_seed = training_views.make_augmentation(augmentation_settings(seed=1), 32)
    views = [make(photo, epoch, index).numpy() for epoch in range(3) for index in range(3)]
    views += [other_seed(photo, 0, index).numpy() for index in range(3)]
    assert len({view.tobytes() for view in views}) == len(views)
    backwards = tf.data.Dataset.range(8, -1, -1).map(lambda each: make(photo, each // 3, each % 3))
    np.testing.assert_array_equal(np.stack(list(backwards))[::-1], views[:9])


def test_augmentation_switches():
    photo = PHOTO
    neither = training_views.make_augmentation(augmentation_settings(policy="none", flip_and_crop=False), 32)
    crop = training_views.make_augmentation(augmentation_settings(policy="none"), 32)
    policy = training_views.make_augmentation(augmentation_settings(flip_and_crop=False), 32)
    plain = resize(photo, 32).numpy()
    possible = {
        trivial_augment.apply_operation(plain, name, magnitude).numpy().tobytes()
        for name in NAMES
        for magnitude in settings_of(name)
    }
    for index in range(10):
        np.testing.assert_array_equal(neither(photo, 0, index), plain)
        assert crop(photo, 0, index).numpy().tobytes() not in possible
        assert policy(photo, 0, index).numpy().tobytes() in possible
