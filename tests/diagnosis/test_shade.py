"""Shadows in scenes whose light is known, and whether somebody would want them lit."""

from __future__ import annotations

import numpy as np
import pytest

from undegrade.diagnosis import shade
from undegrade.diagnosis.decide import THRESHOLDS
from undegrade.imaging.srgb import MID_GREY, to_srgb
from undegrade.picture import from_array

LIMIT = THRESHOLDS["shade"].limit


def photo(above, below, share=0.4, detail=0.5, side=600):
    """*above* of so much of the height, *below* under it: stops from mid grey, and a colour.

    What is below varies by *detail* stops from patch to patch.
    """
    rng = np.random.default_rng(5)
    patches = rng.normal(0, detail, (side // 6, side // 6)).repeat(6, 0).repeat(6, 1)
    stops = np.where(np.arange(side)[:, None] < share * side, above[0], below[0] + patches)
    colour = np.where(
        (np.arange(side) < share * side)[:, None, None], np.float32(above[1]), np.float32(below[1])
    )
    linear = MID_GREY * 2.0 ** stops[..., None] * colour
    return np.rint(255 * to_srgb(np.clip(linear, 0, 1).astype(np.float32))).astype(np.uint8)


WHITE, ORANGE, GREY = (1, 1, 1), (1, 0.35, 0.05), (1, 1, 1)


def chance(pixels):
    return shade.measure(from_array(pixels)).chance


def test_what_stands_against_a_white_sky_is_to_be_lit():
    assert chance(photo((2.3, WHITE), (-3.2, GREY))) > LIMIT


@pytest.mark.parametrize(
    ("above", "below", "detail"),
    [
        ((1.0, ORANGE), (-6.5, GREY), 0.0),
        ((1.0, ORANGE), (-3.5, GREY), 0.1),
        ((-8.0, GREY), (-8.0, GREY), 0.3),
        ((0.0, WHITE), (-0.5, GREY), 0.5),
    ],
    ids=["silhouette", "sunset", "night", "day"],
)
def test_what_is_meant_stays(above, below, detail):
    assert chance(photo(above, below, detail=detail)) < LIMIT


def test_of_a_part_of_a_photo_nobody_knows():
    assert chance(photo((2.3, WHITE), (-3.2, GREY), side=480)) == 0


@pytest.mark.parametrize("stops", [-2.5, -3.5, -4.5])
def test_the_depth_of_shadows_is_told_in_stops(stops):
    found = shade.measure(from_array(photo((1.0, WHITE), (stops, GREY), detail=0.1)))
    assert found.stops == pytest.approx(stops, abs=0.12)
    assert found.error < 0.1


def test_little_shadow_is_none():
    found = shade.measure(from_array(photo((0.5, WHITE), (-4.0, GREY), share=0.9)))
    assert (found.stops, found.chance) == (0.0, 0.0)


def test_neither_size_nor_depth_nor_channels_matter():
    pixels = photo((2.3, WHITE), (-3.2, GREY))
    found = chance(pixels)
    assert chance(pixels.repeat(3, 0).repeat(3, 1)) == pytest.approx(found, abs=0.03)
    assert chance(pixels.astype(np.uint16) * 257) == pytest.approx(found, abs=1e-4)
    assert chance(pixels[..., :1]) == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (40, 2)])
def test_the_smallest_photos_pass(shape):
    found = shade.measure(from_array(np.full((*shape, 3), 20, np.uint8)))
    assert 0 <= found.chance <= 1
    assert found.stops < -3
