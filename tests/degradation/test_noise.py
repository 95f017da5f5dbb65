"""Noise has the strength it is said to have."""

import numpy as np
import pytest

from tests.degradation.pictures import psnr
from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.noise import sigma_at_mid_grey, white
from undegrade.imaging.srgb import MID_GREY_SLOPE, to_linear, to_srgb

GOLDEN = [1.117622, -1.3871249, -0.4265716, -0.80358726]
"""standard_normal float32 of PCG64, seed 0: numpy 2."""
GREY = np.full((512, 768, 3), 0.5, np.float32)


@pytest.mark.parametrize(("sigma", "published"), [(15, 24.61), (25, 20.17), (50, 14.15)])
def test_unclipped_gate(sigma, published):
    """20 log10(255 / sigma): the noisy row of the denoising tables (specs/protocols.md, 3)."""
    noisy = DEGRADATIONS["gaussian-noise"].apply(GREY, {"sigma": sigma, "seed": 0})
    assert psnr(noisy, GREY) == pytest.approx(published, abs=0.02)


def test_gaussian_noise_is_not_clipped_unless_asked():
    black = np.zeros((64, 64, 1), np.float32)
    noisy = DEGRADATIONS["gaussian-noise"].apply(black, {"sigma": 50, "seed": 0})
    assert noisy.min() < -0.2
    assert abs(noisy.mean()) < 0.01


@pytest.mark.parametrize("value", [0.1, 0.5, 0.9])
def test_sensor_noise_has_the_stated_variance_in_linear_light(value):
    image = np.full((400, 400, 1), value, np.float32)
    noisy = DEGRADATIONS["poisson-gaussian-noise"].apply(
        image, {"gain": 0.002, "read": 0.01, "seed": 4}
    )
    light = float(to_linear(np.float32([value]))[0])
    deviation = to_linear(noisy).std()
    assert deviation == pytest.approx(np.sqrt(0.002 * light + 0.01**2), rel=0.01)
    assert to_linear(noisy).mean() == pytest.approx(light, rel=0.01)


def test_sigma_at_mid_grey_is_what_mid_grey_shows():
    noisy = DEGRADATIONS["poisson-gaussian-noise"].apply(
        GREY, {"gain": 0.001, "read": 0.005, "seed": 1}
    )
    assert 255 * noisy.std() == pytest.approx(sigma_at_mid_grey(0.001, 0.005), rel=0.01)


def test_srgb_is_undone_and_known():
    values = np.linspace(-0.5, 1.5, 2001, dtype=np.float32)
    np.testing.assert_allclose(to_srgb(to_linear(values)), values, atol=2e-6)
    assert to_linear(np.float32([0.5]))[0] == pytest.approx(0.2140411, abs=1e-6)
    middle = to_srgb(np.float32([0.2140411 - 1e-3, 0.2140411 + 1e-3]))
    assert (middle[1] - middle[0]) / 2e-3 == pytest.approx(MID_GREY_SLOPE, rel=1e-3)


def test_the_stream_is_the_one_stored_samples_were_made_with():
    np.testing.assert_allclose(white((2, 2, 1), 0).ravel(), GOLDEN, rtol=1e-6)
