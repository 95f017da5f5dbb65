"""Levels of noise mean the same for every kind of it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from undegrade.imaging.noise_levels import (
    CHROMA,
    GRAIN_OCTAVES,
    KNOTS,
    LUMA,
    MAX_NOISE,
    NOISE,
    grain_level,
    grain_size,
    measure_noise,
    part_weights,
    white_levels,
)

SIDE = 256


def ramp(count=1, low=0.0, high=1.0, side=SIDE):
    """Every brightness from *low* to *high*, (N, 3, H, W)."""
    across = np.linspace(low, high, side, dtype=np.float32)
    return np.broadcast_to(across, (count, 3, side, side)).copy()


def white(sigma, count=1, channels=3, seed=0, side=SIDE):
    """White noise of *sigma*, 0..255 units."""
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((count, channels, side, side)) * sigma / 255
    return np.broadcast_to(made, (count, 3, side, side)).astype(np.float32)


def in_units(levels):
    return np.asarray(levels) * MAX_NOISE


@pytest.mark.parametrize("sigma", [2.0, 15.0, 50.0])
def test_white_noise(sigma):
    levels, grain = measure_noise(white(sigma), ramp())
    assert levels.shape == (1, 6)
    np.testing.assert_allclose(in_units(levels[0, :3]), sigma / np.sqrt(3), rtol=0.03)
    np.testing.assert_allclose(in_units(levels[0, 3:]), sigma * np.sqrt(2 / 3), rtol=0.03)
    np.testing.assert_allclose(levels[0], white_levels(sigma), rtol=0.03)
    assert grain_size(float(grain[0])) == pytest.approx(1, abs=0.08)
    # noise^2 = luma^2 + chroma^2
    np.testing.assert_allclose(np.hypot(levels[0, :3], levels[0, 3:]) * 50, sigma, rtol=0.03)


def test_equal_channels_have_no_chroma():
    levels, grain = measure_noise(white(20.0, channels=1), ramp())
    np.testing.assert_allclose(in_units(levels[0, :3]), 20, rtol=0.04)
    np.testing.assert_allclose(levels[0, 3:], 0, atol=1e-3)
    np.testing.assert_allclose(levels[0], white_levels(20.0, grey=True), rtol=0.04, atol=1e-3)
    assert grain_size(float(grain[0])) == pytest.approx(1, abs=0.08)


def test_noise_of_colour_alone_has_no_luma():
    noise = white(20.0)
    noise = noise - noise.mean(1, keepdims=True)
    levels, _ = measure_noise(noise, ramp())
    np.testing.assert_allclose(levels[0, :3], 0, atol=1e-3)
    np.testing.assert_allclose(in_units(levels[0, 3:]), 20 * np.sqrt(2 / 3), rtol=0.03)


def test_none():
    levels, grain = measure_noise(np.zeros_like(ramp()), ramp())
    assert not levels.any()
    assert grain[0] == 0


def expected_size(sigma, cell=8):
    """Size of the grains of white noise under a Gaussian, from its autocorrelation.

    The mean over a cell of *cell* has the variance ``a^2``, and its covariance with that of the
    next is ``a b``, both along one axis; of both axes the size is ``sqrt(a a - a b)``.
    """
    d = np.arange(-4 * cell, 4 * cell + 1)
    kernel = np.exp(-((d / sigma) ** 2) / 2)
    alike = np.convolve(kernel, kernel, "same") / (kernel**2).sum()
    own = (np.clip(1 - np.abs(d) / cell, 0, None) * alike).sum()
    beside = (np.clip(1 - np.abs(d - cell) / cell, 0, None) * alike).sum()
    return np.sqrt(own * own - own * beside)


@pytest.mark.parametrize("sigma", [0.6, 0.8, 1.0, 1.4])
def test_grains_of_smoothed_noise(sigma):
    noise = gaussian_filter(white(60.0, 8), (0, 0, sigma, sigma))
    _, grain = measure_noise(noise, ramp(8))
    found = np.mean([grain_size(float(level)) for level in grain])
    assert found == pytest.approx(expected_size(sigma), rel=0.05)
    # A continuous Gaussian has grains of 2 sqrt(pi) sigma; cells of 8 pixels see somewhat less.
    assert 0.7 < found / (2 * np.sqrt(np.pi) * sigma) < 1


def test_grain_does_not_depend_on_strength():
    noise = gaussian_filter(white(60.0), (0, 0, 1, 1))
    sizes = [float(measure_noise(noise * share, ramp())[1][0]) for share in (0.05, 1.0)]
    assert sizes[0] == pytest.approx(sizes[1], abs=1e-3)


@pytest.mark.parametrize(("grows", "order"), [(True, [0, 1, 2]), (False, [2, 1, 0])])
def test_noise_that_depends_on_brightness_shows_where_it_is(grows, order):
    clean = ramp()
    deviation = 5.0 + 25.0 * (clean if grows else 1.0 - clean)
    levels, _ = measure_noise(white(1.0) * deviation, clean)
    expected = np.array([5 + 25 * (knot if grows else 1 - knot) for knot in KNOTS])
    for part in (slice(0, 3), slice(3, 6)):
        found = in_units(levels[0, part])
        assert list(np.argsort(found)) == order
        share = np.sqrt(1 / 3) if part.start == 0 else np.sqrt(2 / 3)
        np.testing.assert_allclose(found, expected * share, rtol=0.1, atol=1)


def test_what_a_picture_does_not_show_stays_near_the_rest():
    clean = ramp(low=0.5, high=1.0)
    levels, _ = measure_noise(white(1.0) * (40.0 - 20.0 * clean), clean)
    dark, middle, _ = levels[0, :3]
    assert dark == pytest.approx(middle, rel=0.1)
    flat = np.full_like(clean, 0.9)
    levels, _ = measure_noise(white(12.0), flat)
    np.testing.assert_allclose(levels[0], white_levels(12.0), rtol=0.05)


def test_each_picture_has_levels_of_its_own():
    noise = np.concatenate([white(s, seed=int(s)) for s in (3.0, 30.0)])
    levels, _ = measure_noise(noise, ramp(2))
    for row, sigma in zip(levels, (3.0, 30.0), strict=True):
        np.testing.assert_allclose(row, white_levels(sigma), rtol=0.05)


def test_how_much_of_a_picture_each_part_is():
    np.testing.assert_allclose(part_weights(ramp()), [0.3, 0.325, 0.375], atol=0.01)
    np.testing.assert_allclose(part_weights(np.zeros((1, 3, 8, 8), np.float32)), [1, 0, 0])
    half = np.full((1, 3, 8, 8), (KNOTS[0] + KNOTS[1]) / 2, np.float32)
    np.testing.assert_allclose(part_weights(half), [0.5, 0.5, 0], atol=1e-6)


def test_sizes_of_grains_as_levels():
    assert grain_level(1.0) == grain_level(0.3) == 0
    assert grain_level(8.0) == pytest.approx(3 / GRAIN_OCTAVES)
    for size in (1.0, 1.7, 8.0, 12.0):
        assert grain_size(grain_level(size)) == pytest.approx(size)
    assert grain_size(-0.2) == 1


def test_names_of_levels():
    assert (*LUMA, *CHROMA) == NOISE
    assert len(white_levels(1.0)) == len(NOISE) == 6


def test_arrays_and_tensors_have_the_same_levels():
    torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")
    noise = np.concatenate([white(s, seed=int(s), side=64) for s in (3.0, 30.0)])
    clean = ramp(2, side=64)
    ours = measure_noise(noise, clean)
    theirs = measure_noise(torch.from_numpy(noise), torch.from_numpy(clean))
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine, other.numpy(), atol=1e-5)
    weights = [part_weights(clean), part_weights(torch.from_numpy(clean)).numpy()]
    np.testing.assert_allclose(*weights, atol=1e-6)
