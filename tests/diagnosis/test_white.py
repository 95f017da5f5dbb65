"""White noise is measured; other noise is recognised, and left to the network."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.photos import noisy, photo_file, scene
from undegrade.degradation import DEGRADATIONS
from undegrade.diagnosis import white
from undegrade.diagnosis.crops import choose, cut
from undegrade.imaging.resize import imresize
from undegrade.picture import decode, from_array

CLEAN = scene(384, 512)


def crops(pixels):
    picture = from_array(pixels)
    return cut(picture, choose(picture))


def as_pixels(image):
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [10, 20, 35])
@pytest.mark.parametrize("channels", [1, 3])
def test_white_noise(sigma, channels):
    found, error = white.measure(crops(noisy(CLEAN[:, :, :channels], sigma)))
    assert abs(found - sigma) <= 0.07 * sigma
    assert 0.3 <= error <= 0.15 * sigma


def test_noise_that_was_coded_or_resized_is_not_white():
    coded = decode(photo_file(noisy(CLEAN, 20), "JPEG", quality=90)).pixels
    resized = as_pixels(imresize(noisy(CLEAN, 20) / 255.0, scale=1.5))
    for pixels in (coded, resized):
        assert math.isinf(white.measure(crops(pixels))[1])


def test_noise_that_depends_on_the_light_is_unsure():
    operator = DEGRADATIONS["poisson-gaussian-noise"]
    wide = np.linspace(0.1, 0.9, 512, dtype=np.float32)[None, :, None]
    image = np.broadcast_to(wide, (384, 512, 3)).copy()
    sensor = operator.apply(image, {"gain": 0.02, "read": 0.0, "seed": 0})
    found, error = white.measure(crops(as_pixels(sensor)))
    assert error > 0.15 * found


@pytest.mark.parametrize("value", [0, 128, 255])
def test_nothing_to_measure(value):
    flat = np.full((200, 200, 3), value, np.uint8)
    assert white.measure(crops(flat)) == (0.0, math.inf)


def test_two_figures_are_weighed():
    assert white.agreed(20, 2, 24, 2) == (22, pytest.approx(2 / math.sqrt(2)))
    assert white.agreed(20, 4, 24, 1)[0] == pytest.approx(23.76, abs=0.01)
    assert white.agreed(20, 1, 24, 0.5) == (20, 1), "too far apart"
    assert white.agreed(20, 1, 20, math.inf) == (20, 1)


def test_what_is_surely_white():
    assert white.certain(20, 2, 21, 1)
    assert not white.certain(20, 2, 21, 4), "it may depend on the light"
    assert not white.certain(20, 0.5, 30, 1), "too far apart"
    assert not white.certain(20, 2, 21, math.inf)
