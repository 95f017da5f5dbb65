"""Strips equal the whole, and what was enlarged comes back."""

from __future__ import annotations

import numpy as np
import pytest

from tests.photos import psnr, scene
from undegrade.imaging.resize import enlarge, imresize, reduce


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (97, 33), (64, 20)])
def test_enlarging_equals_the_whole(size, scale, channels, dtype):
    pixels = scene(*size, channels, dtype)
    whole = np.rint(imresize(pixels.astype(np.float64), scale=float(scale)))
    np.testing.assert_array_equal(enlarge(pixels, scale), whole)


@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (97, 33), (64, 20), (401, 6)])
def test_reducing_does_not_depend_on_strips(size, times, monkeypatch):
    pixels = scene(*size)
    small = reduce(pixels, times)
    assert small.shape == (-(-size[0] // times), -(-size[1] // times), 3)
    monkeypatch.setattr("undegrade.imaging.resize.STRIP_ROWS", 1)
    np.testing.assert_array_equal(reduce(pixels, times), small)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("times", [2, 4])
def test_what_was_enlarged_comes_back(times, dtype):
    pixels = scene(96, 128, 3, dtype)
    assert psnr(reduce(enlarge(pixels, times), times), pixels) > 34
    # A ramp is what a cubic keeps exactly.
    ramp = np.arange(100, dtype=dtype)[:, None, None] * np.ones((1, 8, 1), dtype)
    kept = reduce(ramp, times)[1:-1, 0, 0].astype(float)
    assert np.abs(kept - (np.arange(len(kept)) + 1.5) * times + 0.5).max() <= 0.5


def test_values_stay_in_range():
    edge = np.zeros((16, 16, 1), np.uint8)
    edge[:, 8:] = 255
    assert set(np.unique(enlarge(edge, 2))) >= {0, 255}
    assert set(np.unique(reduce(edge, 2))) <= {0, 255}
