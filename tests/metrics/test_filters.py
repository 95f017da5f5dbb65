"""Windows against second implementations."""

from __future__ import annotations

import numpy as np
import pytest

from undegrade.metrics.window import gaussian, windowed


@pytest.mark.parametrize("size", [(7, 7), (11, 40), (45, 300), (170, 39)])
@pytest.mark.parametrize("window", [1, 2, 6, 7])
def test_windows_by_definition(size, window):
    image, kernel = np.random.default_rng(0).random(size), gaussian(window, 1.3)
    parts = np.lib.stride_tricks.sliding_window_view(image, (window, window))
    expected = np.einsum("hwij,i,j->hw", parts, kernel, kernel)
    np.testing.assert_allclose(windowed(image, kernel), expected, atol=1e-14)


def test_windows_of_views():
    """Planes of a picture, turned, are not contiguous."""
    image, kernel = np.random.default_rng(0).random((50, 60, 3)), gaussian(11, 1.5)
    plane = image[:, :, 1].T
    expected = windowed(np.ascontiguousarray(plane), kernel)
    np.testing.assert_allclose(windowed(plane, kernel), expected, atol=1e-15)
