"""Which parts of a photo are looked at, and where the grid of its JPEG lies."""

from __future__ import annotations

import numpy as np
import pytest

from tests.photos import photo_file, scene
from tests.training.data.sets import textured
from undegrade.diagnosis import crops
from undegrade.picture import decode, from_array


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(1, 1, 1), (40, 300, 3), (128, 128, 1), (321, 481, 12), (512, 512, 16), (3000, 4000, 16)],
)
def test_crops_are_inside_spread_and_no_more_than_sixteen(height, width, count):
    picture = from_array(np.resize(scene(64, 80), (height, width, 3)))
    corners = crops.choose(picture)
    assert len(set(corners)) == len(corners) == count
    assert corners == crops.choose(picture)
    for y, x in corners:
        assert 0 <= y <= max(0, height - 128)
        assert 0 <= x <= max(0, width - 128)
    looked = crops.cut(picture, crops.lay(corners, (3, 6)))
    assert looked.shape == (count, 3, 128, 128)
    assert looked.dtype == np.float32


def test_flat_and_detailed_places_are_both_looked_at():
    pixels = np.full((512, 1024, 3), 128, np.uint8)
    pixels[:, 512:] = textured(512, 512, 1)
    left = [x < 512 - 128 for _, x in crops.choose(from_array(pixels))]
    assert 4 <= sum(left) <= 12


def test_clipped_and_transparent_places_are_passed_over():
    pixels = scene(512, 512)
    pixels[:256] = 255
    alpha = np.full((512, 512, 1), 255, np.uint8)
    alpha[:, :256] = 0
    corners = crops.choose(from_array(np.concatenate([pixels, alpha], 2)))
    assert corners
    assert all(y >= 192 and x >= 192 for y, x in corners)
    assert len(crops.choose(from_array(np.full((300, 300, 3), 255, np.uint8)))) == 1


def test_crops_hold_eight_bits_of_three_channels():
    deep = scene(140, 150, dtype=np.uint16)
    (crop,) = crops.cut(from_array(deep), [(8, 16)])
    assert np.abs(crop[:, :, 0].T * 255 - deep[8:136, 16] / 257).max() <= 0.5001
    np.testing.assert_allclose(crop * 255, np.rint(crop * 255), atol=1e-4)
    grey = crops.cut(from_array(scene(140, 150, 1)), [(0, 0)])[0]
    assert (grey[0] == grey[1]).all()
    assert (grey[0] == grey[2]).all()


@pytest.mark.parametrize("phase", [(0, 0), (3, 5), (7, 1)])
@pytest.mark.parametrize("quality", [20, 60])
def test_the_grid_of_a_cropped_jpeg_is_found(phase, quality):
    coded = decode(photo_file(textured(400, 400, 3), "JPEG", quality=quality)).pixels
    picture = from_array(coded[(-phase[0]) % 8 :, (-phase[1]) % 8 :].copy())
    corners = crops.lay(crops.choose(picture))
    assert crops.phase(crops.cut(picture, corners), corners) == phase
    laid = crops.lay(corners, phase)
    assert all((y - phase[0]) % 8 == (x - phase[1]) % 8 == 0 for y, x in laid)


@pytest.mark.parametrize("seed", range(5))
def test_without_jpeg_the_grid_begins_at_the_corner(seed):
    picture = from_array(textured(300, 300, seed))
    corners = crops.lay(crops.choose(picture))
    assert crops.phase(crops.cut(picture, corners), corners) == (0, 0)
