"""Metrics that compare an enhancement with what it was made from."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.degradation.pictures import natural
from undegrade.errors import UsageError
from undegrade.imaging.resize import imresize
from undegrade.metrics import Consistency, metric
from undegrade.metrics.noise import split


def to_bytes(image):
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


def smooth(height=128, width=160):
    y, x = np.mgrid[:height, :width] / max(height, width)
    return np.stack([0.3 + 0.3 * x, 0.6 - 0.2 * y, 0.4 + 0.1 * x * y], 2)


def noisy(image, sigma, seed=0):
    return image + np.random.default_rng(seed).normal(0, sigma, image.shape)


@pytest.mark.parametrize("factor", [0.25, 1, 3])
def test_noise_is_measured_in_standard_deviations(factor):
    image = smooth(256, 256)
    value = metric("noise-amplification")(noisy(image, 0.02 * factor, 1), noisy(image, 0.02))
    assert value == pytest.approx(factor, rel=0.02)


def test_noise_does_not_depend_on_which_draw_is_the_input():
    """Choosing the blocks with the least noise would make independent noise look amplified."""
    image = natural(256, 256).astype(np.float64) * 0.8 + 0.1
    a, b = (np.clip(noisy(image, 0.02, seed), 0, 1) for seed in (1, 2))
    assert metric("noise-amplification")(a, b) == pytest.approx(1, rel=0.05)


def test_detail_elsewhere_is_no_noise():
    """Sharpened discs beside a noisy sky: the sky counts."""
    image = noisy(smooth(), 0.01)
    image[:, :60] = np.clip(noisy(image[:, :60], 0.2, 3), 0.01, 0.99)
    sharper = image.copy()
    sharper[:, :60] = np.clip(0.5 + 1.6 * (sharper[:, :60] - 0.5), 0.01, 0.99)
    assert metric("noise-amplification")(sharper, image) == pytest.approx(1, rel=1e-9)


def test_noise_where_there_was_none():
    image = np.full((32, 32, 3), 0.5)
    louder = noisy(image, 0.01)
    assert metric("noise-amplification")(image, image) == 1
    assert metric("noise-amplification")(louder, image) == math.inf
    assert metric("noise-amplification")(image, louder) == pytest.approx(0, abs=1e-12)


def test_clipped_blocks_do_not_count():
    image = noisy(smooth(), 0.02)
    image[:64] = 1.0
    changed = image.copy()
    changed[:64] = noisy(np.full((64, 160, 3), 0.9), 0.02, 5)
    assert metric("noise-amplification")(changed, image) == 1
    black = np.zeros((32, 32))
    assert metric("noise-amplification")(black, black) == 1


def test_shape_and_noise_share_the_energy():
    """The DCT keeps energy; a plane is all shape, and white noise of variance v has variance v."""
    blocks = np.random.default_rng(0).normal(0, 3, (5000, 1, 8, 8))
    shape, noise = split(blocks)
    total = (blocks - blocks.mean((2, 3), keepdims=True)) ** 2
    np.testing.assert_allclose(shape + 58 * noise, total.sum((1, 2, 3)))
    assert noise.mean() == pytest.approx(9, rel=0.02)
    assert abs(np.corrcoef(shape, noise)[0, 1]) < 0.05
    n = np.arange(8) - 3.5
    shape, noise = split((2 * n[:, None] + n)[None, None])
    assert noise[0] < 0.02 * shape[0]


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("size", [(48, 60), (47, 61)])
def test_the_truth_is_consistent(scale, size):
    image = to_bytes(natural(*size))
    small = to_bytes(imresize(image / 255, scale=1 / scale))
    assert metric("consistency")(image, small) == math.inf
    assert metric("consistency")(image, small, channel="y", crop=2) == math.inf


def test_invention_costs_and_loss_of_detail_too():
    image = natural(96, 96).astype(np.float64)
    small = to_bytes(imresize(image, scale=0.5))
    large = to_bytes(imresize(small / 255, size=(96, 96)))
    invented = large.copy()
    invented[30:50, 30:50] = 255 - invented[30:50, 30:50]
    values = [metric("consistency")(p, small) for p in (to_bytes(image), large, invented)]
    assert values == sorted(values, reverse=True)
    assert values[1] > 30
    assert values[2] < 25


def test_detail_that_the_degradation_takes_away_is_free():
    """The finest checkerboard vanishes in a reduction by 2."""
    image = natural(64, 64).astype(np.float64) * 0.8 + 0.1
    small = to_bytes(imresize(image, scale=0.5))
    board = 0.04 * (-1.0) ** np.add.outer(np.arange(64), np.arange(64))
    assert metric("consistency")(image + board[:, :, None], small) > 50


def test_consistency_with_a_degradation_of_one_s_own():
    image = natural(40, 40)
    darker = Consistency(lambda picture: picture * 0.6)
    assert darker(image, to_bytes(image * 0.6)) > 60
    with pytest.raises(UsageError, match="of one shape"):
        Consistency(lambda picture: picture[:-1])(image, image)


def test_consistency_needs_whole_factors():
    image = natural(40, 40)
    for size in ((40, 40), (30, 20), (27, 27), (80, 80)):
        with pytest.raises(UsageError, match="not a whole number of times as large; give the"):
            metric("consistency")(image, natural(*size))
