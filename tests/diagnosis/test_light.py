"""Light and colour, in numbers whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.photos import DISPLAY_P3, photo_file, scene
from undegrade.degradation import DEGRADATIONS
from undegrade.diagnosis.light import measure
from undegrade.picture import decode, from_array


def through(pixels, name, **parameters):
    floats = pixels.astype(np.float32) / 255
    made = DEGRADATIONS[name].apply(floats, {"seed": 0} | parameters)
    return np.rint(np.clip(made, 0, 1) * 255).astype(np.uint8)


def wide():
    """A picture that uses the whole scale."""
    pixels = scene(160, 200).astype(float)
    return np.rint((pixels - pixels.min()) / np.ptp(pixels) * 255).astype(np.uint8)


@pytest.mark.parametrize("stops", [1.0, 2.5])
def test_stops_that_are_missing(stops):
    before, after = (
        measure(from_array(p)) for p in (wide(), through(wide(), "lowlight", stops=stops))
    )
    for key, sign in (("exposure", -1), ("headroom", 1)):
        lost = after.value[key] - before.value[key]
        assert sign * lost == pytest.approx(stops, abs=0.15)
    assert before.value["headroom"] == pytest.approx(0, abs=0.05)
    assert after.value["flatness"] < before.value["flatness"]


def test_mid_grey_is_nothing_at_all():
    found = measure(from_array(np.full((50, 60, 3), 128, np.uint8)))
    assert found.value["exposure"] == pytest.approx(0, abs=0.02)
    for key in ("shadows", "highlights", "red_green", "yellow_blue", "flatness"):
        assert found.value[key] == pytest.approx(0, abs=0.01)
    assert all(error == pytest.approx(0, abs=1e-9) for error in found.error.values())


def test_clipped_shares():
    pixels = scene(100, 100)
    pixels[:25] = 255
    pixels[90:] = 0
    pixels[50, :, 0] = 255
    found = measure(from_array(pixels)).value
    assert found["highlights"] == pytest.approx(0.26)
    assert found["shadows"] == pytest.approx(0.10)


@pytest.mark.parametrize(
    ("gains", "key", "sign"),
    [
        ({"red": 0.5}, "red_green", 1),
        ({"blue": 0.5}, "yellow_blue", -1),
        ({"blue": -0.5}, "yellow_blue", 1),
    ],
)
def test_a_cast_has_a_direction(gains, key, sign):
    grey = np.repeat(scene(100, 120, 1), 3, axis=2)
    found = measure(from_array(through(grey, "phone", **gains)))
    assert sign * found.value[key] > 5
    assert found.error[key] < 5


def test_no_grey_no_cast():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:] = (200, 20, 30)
    found = measure(from_array(pixels)).value
    assert found["red_green"] == found["yellow_blue"] == 0


def test_wide_gamuts_are_read_as_what_they_show():
    grey = np.repeat(scene(64, 64, 1), 3, axis=2)
    data = photo_file(grey, "PNG", icc_profile=DISPLAY_P3)
    found, plain = measure(decode(data)).value, measure(from_array(grey)).value
    assert found == pytest.approx(plain, abs=0.5)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2)])
def test_tiny_pictures(shape):
    found = measure(from_array(scene(*shape)))
    assert np.isfinite(list(found.value.values())).all()
