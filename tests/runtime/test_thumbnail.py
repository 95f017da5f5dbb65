"""The view of the whole picture that a network gets beside each tile."""

from __future__ import annotations

import numpy as np
import pytest

from undegrade.runtime import make_thumbnail


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(96, 48, 3), (48, 48, 1), (1, 1, 3), (7, 200, 3), (100, 61, 3)])
def test_mean_is_that_of_the_windows(shape, dtype):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    small = make_thumbnail(pixels, 48, None)
    assert small.shape == (1, 3, 48, 48)
    assert small.dtype == np.float32
    height, width, _ = shape
    for row, column in ((0, 0), (47, 47), (20, 31)):
        window = pixels[
            row * height // 48 : -(-(row + 1) * height // 48),
            column * width // 48 : -(-(column + 1) * width // 48),
        ]
        expected = np.broadcast_to(window.mean((0, 1)) / np.iinfo(dtype).max, 3)
        np.testing.assert_allclose(small[0, :, row, column], expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(96, 48), (50, 333), (1, 7)])
def test_it_is_what_training_shows(shape):
    torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, 3), np.uint8)
    planes = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    expected = torch.nn.functional.adaptive_avg_pool2d(planes, 48).numpy()
    np.testing.assert_allclose(make_thumbnail(pixels, 48, None), expected, atol=1e-5)


def test_colours_are_converted():
    pixels = np.full((60, 60, 3), 51, np.uint8)
    small = make_thumbnail(pixels, 48, lambda x: x + 0.5)
    np.testing.assert_allclose(small, 0.7, rtol=1e-6)
