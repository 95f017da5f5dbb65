"""Kernels have the width, direction and sum they should."""

import numpy as np
import pytest

from tests.degradation.pictures import natural
from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.blur import convolve, gaussian, kernel

BLUR = DEGRADATIONS["blur"]


def moments(weights):
    """The covariance of a kernel in pixels, x to the right and y up."""
    reach = weights.shape[0] // 2
    y, x = np.mgrid[reach : -reach - 1 : -1, -reach : reach + 1]
    assert (weights * x).sum() == pytest.approx(0, abs=1e-9)
    assert (weights * y).sum() == pytest.approx(0, abs=1e-9)
    return np.array(
        [[(weights * a * b).sum() for b in (x, y)] for a in (x, y)],
    )


def complete(**parameters):
    return BLUR.check(parameters)


@pytest.mark.parametrize("shape", ["gaussian", "disk", "motion"])
@pytest.mark.parametrize("sigma", [0.8, 1.5, 3.0])
@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_the_deviation_along_the_angle_is_sigma(shape, sigma, angle):
    weights = kernel(complete(shape=shape, sigma=sigma, angle=angle))
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    # A disk's and a line's own pixels add up to a sixth of a square pixel each way.
    assert along @ moments(weights) @ along == pytest.approx(sigma**2, rel=0.02, abs=0.18)


def test_an_ellipse_is_narrow_across_and_a_line_thin():
    across = np.array([-np.sin(np.radians(30)), np.cos(np.radians(30))])
    ellipse = moments(kernel(complete(sigma=3, ratio=0.4, angle=30)))
    assert across @ ellipse @ across == pytest.approx(1.2**2, rel=0.02)
    line = moments(kernel(complete(sigma=3, shape="motion", angle=30)))
    assert across @ line @ across < 0.2


def test_angles_turn_counter_clockwise():
    image = np.zeros((31, 31, 1), np.float32)
    image[15, 15] = 1
    blurred = BLUR.apply(image, {"sigma": 3, "shape": "motion", "angle": 45})[:, :, 0]
    assert blurred[11, 19] > 0.01  # up and to the right
    assert blurred[19, 19] < 1e-6


def test_round_gaussians_are_the_same_by_both_ways():
    image = natural(33, 40)
    parameters = complete(sigma=1.7)
    np.testing.assert_allclose(gaussian(image, 1.7), convolve(image, kernel(parameters)), atol=1e-5)


@pytest.mark.parametrize("shape", ["gaussian", "disk", "motion"])
def test_constants_stay_at_the_edge_too(shape):
    image = np.full((7, 5, 3), 0.3, np.float32)
    result = BLUR.apply(image, {"sigma": 4, "shape": shape, "angle": 20, "ratio": 0.5})
    np.testing.assert_allclose(result, image, atol=1e-6)


@pytest.mark.parametrize("shape", ["gaussian", "disk", "motion"])
def test_the_least_sigma_is_the_identity(shape):
    image = natural(9, 9)
    result = BLUR.apply(image, {"sigma": 1e-200, "shape": shape, "angle": 45, "ratio": 0.5})
    np.testing.assert_allclose(result, image, atol=1e-6)
