"""Lowlight and the phone: what their parts do, taken alone."""

import numpy as np
import pytest

from tests.degradation.pictures import natural, psnr
from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.phone import colour_matrices, tone_curve
from undegrade.imaging.srgb import MID_GREY_STOPS, to_linear

LOWLIGHT, PHONE = DEGRADATIONS["lowlight"], DEGRADATIONS["phone"]


@pytest.mark.parametrize("stops", [0.5, 1, 3])
def test_a_stop_halves_the_light(stops):
    image = natural()
    dark = LOWLIGHT.apply(image, {"stops": stops, "seed": 0})
    np.testing.assert_allclose(to_linear(dark), to_linear(image) / 2**stops, atol=2e-6)


@pytest.mark.parametrize("parameters", [{"stops": 2, "gamma": 1.5}, {"stops": 0, "gamma": 2.2}])
def test_the_level_is_what_mid_grey_loses(parameters):
    grey = np.full((1, 1, 1), 0.5, np.float32)
    dark = LOWLIGHT.apply(grey, {**parameters, "seed": 0})
    lost = -np.log2(to_linear(dark)[0, 0, 0]) - MID_GREY_STOPS
    assert LOWLIGHT.level({**parameters, "seed": 0}) == pytest.approx(lost / 5, abs=1e-4)


def test_the_dark_is_noisier_for_its_light():
    image = np.full((200, 200, 1), 0.7, np.float32)
    signal_to_noise = []
    for stops in (0, 2, 4):
        light = to_linear(LOWLIGHT.apply(image, {"stops": stops, "gain": 1e-4, "seed": 0}))
        signal_to_noise.append(light.mean() / light.std())
    # Photon noise alone: half the light, sqrt(1/2) of the ratio.
    np.testing.assert_allclose(np.divide(*signal_to_noise[:2]), 2, rtol=0.02)
    np.testing.assert_allclose(np.divide(*signal_to_noise[1:]), 2, rtol=0.02)


@pytest.mark.parametrize(
    "part",
    [
        {"blur": 2},
        {"gain": 0.03},
        {"red": 0.5},
        {"blue": -0.5},
        {"hue": 15},
        {"tone": 4},
        {"sharpen": 2},
        {"quality": 10},
    ],
)
def test_each_part_of_the_phone_damages_and_counts(part):
    image = natural()
    nothing = {"seed": 0, "subsampling": "4:4:4"}
    clean = psnr(PHONE.apply(image, nothing), image)
    assert clean > 48
    assert psnr(PHONE.apply(image, nothing | part), image) < clean - 3
    assert PHONE.level(nothing | part) > 0.3


def test_grey_pictures_have_no_colour_cast():
    image = natural(channels=1)
    np.testing.assert_array_equal(
        PHONE.apply(image, {"red": 0.5, "hue": 10, "seed": 0}), PHONE.apply(image, {"seed": 0})
    )


def matrix(*values):
    return colour_matrices(*(np.array([float(value)]) for value in values))[0]


def test_turning_hues_leaves_grey_and_gains_are_in_stops():
    np.testing.assert_allclose(matrix(0, 0, 25) @ np.ones(3), np.ones(3))
    np.testing.assert_allclose(matrix(0, 0, 120) @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(matrix(1, -1, 0), np.diag([2, 1, 0.5]), atol=1e-12)


def test_the_tone_curve_keeps_the_ends_and_steepens_the_middle():
    values = np.linspace(0, 1, 101, dtype=np.float32)
    for tone in (0, 1e-4, 1e-2, 1, 4, 20):
        curve = tone_curve(values, tone)
        np.testing.assert_allclose(curve[[0, 50, 100]], [0, 0.5, 1], atol=1e-6)
        assert (np.diff(curve) >= 0).all()
    assert np.diff(tone_curve(values, 4))[50] > 1.5 * np.diff(values)[50]
    np.testing.assert_allclose(tone_curve(values, 2e-3), values, atol=1e-5)


def test_sharpening_leaves_a_halo():
    image = np.full((32, 32, 1), 0.3, np.float32)
    image[:, 16:] = 0.6
    result = PHONE.apply(image, {"sharpen": 2, "seed": 0})
    assert result[16, 15, 0] < 0.25
    assert result[16, 16, 0] > 0.65
