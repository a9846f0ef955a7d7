"""Mixup: its shares, its labels, and that a draw is a function of its seed."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from flowers_keras.augment.mixup import mixup


def shares(alpha, count):
    """The larger share of each of `count` batches."""
    values = tf.constant([[0.0], [1.0]])
    return np.array([float(mixup(values, tf.eye(2), alpha, [7, i])[0][1, 0]) for i in range(count)])


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_values_and_labels_are_blended_by_one_share(dtype):
    values = tf.cast(tf.reshape(tf.range(24), [4, 2, 3]), dtype)
    labels = tf.one_hot([0, 1, 2, 0], 3)
    mixed, mixed_labels = mixup(values, labels, 0.4, [3, 1])
    assert mixed.dtype == dtype and mixed_labels.dtype == tf.float32
    share = float(mixed_labels[1, 1])
    assert 0 < share < 1
    expected = share * np.arange(24).reshape(4, 2, 3) + (1 - share) * np.arange(24).reshape(4, 2, 3)[::-1]
    np.testing.assert_allclose(
        tf.cast(mixed, tf.float32), expected, rtol=1e-6 if dtype == tf.float32 else 1e-2
    )
    np.testing.assert_allclose(tf.reduce_sum(mixed_labels, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(mixed_labels[0], [1, 0, 0], atol=1e-6)  # both are of class 0


def test_shares_are_beta_distributed():
    assert stats.kstest(shares(0.4, 400), stats.beta(0.4, 0.4).cdf).pvalue > 0.01
    assert stats.kstest(shares(0.4, 400), stats.beta(4, 4).cdf).pvalue < 1e-6


@pytest.mark.parametrize("alpha", [0.05, 0.01, 1e-4])
def test_of_a_small_alpha_hardly_any_batch_is_blended(alpha):
    between = (np.abs(shares(alpha, 300) - 0.5) < 0.4).mean()
    expected = np.diff(stats.beta(alpha, alpha).cdf([0.1, 0.9])).item()
    assert between == pytest.approx(expected, abs=0.05)


def test_a_draw_is_a_function_of_its_seed():
    values, labels = tf.random.stateless_uniform([5, 7], [0, 0]), tf.one_hot([0, 1, 2, 3, 4], 5)
    one, same, other = (mixup(values, labels, 0.2, seed)[0] for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    np.testing.assert_allclose(one[2], values[2], rtol=1e-6)  # the middle of an odd batch is its own partner
