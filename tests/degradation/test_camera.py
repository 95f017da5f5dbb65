"""Cameras, scans and the web: what each leaves of a photo."""

from __future__ import annotations

import numpy as np
import pytest

from tests.degradation.pictures import natural, psnr
from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.jpeg import through_jpeg
from undegrade.degradation.sensor import DENOISERS, read_variance, shot_noise
from undegrade.imaging.srgb import to_linear

PLAIN = {
    "lens": 0.0,
    "red": 1.0,
    "blue": 1.0,
    "saturation": 0.0,
    "tone": 0.0,
    "demosaic": "none",
    "luma": 0.0,
    "chroma": 0.0,
    "sharpen": 0.0,
    "quality": 100,
    "subsampling": "4:4:4",
    "seed": 3,
}
"""A camera that does nothing but noise."""


def apply(name, image, **parameters):
    return DEGRADATIONS[name].apply(image, parameters)


def flat(value, side=160, channels=3):
    return np.full((side, side, channels), value, np.float32)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_camera_at_no_sensitivity_is_jpeg_alone(channels):
    image = natural(channels=channels)
    made = apply("camera", image, iso=0, quality=60, subsampling="4:2:2", seed=1)
    np.testing.assert_array_equal(made, through_jpeg(image, 60, "4:2:2"))


@pytest.mark.parametrize("value", [0.45, 0.55, 0.7])
@pytest.mark.parametrize("read", [1.0, 5.0])
def test_noise_of_a_camera_grows_with_light(value, read):
    """Variance is shot * light + read in linear light (Brooks et al., section 3.1)."""
    made = apply("camera", flat(value), iso=6400, read=read, **PLAIN)
    light = float(to_linear(np.float32([value]))[0])
    shot = shot_noise(6400)
    assert shot == pytest.approx(0.0064)
    expected = shot * light + read_variance(shot, read)
    # The roundings of the file add 2 of 100.
    assert to_linear(made).var() == pytest.approx(expected, rel=0.04)
    assert to_linear(made).mean() == pytest.approx(light, rel=0.01)


def test_white_balance_makes_the_noise_of_red_stronger():
    plain = dict(PLAIN, red=2.0)
    made = to_linear(apply("camera", flat(0.5), iso=1600, read=0.0, **plain))
    # Half the light on the sensor, twice the gain: 4 * shot * light / 2.
    assert made[..., 0].var() / made[..., 1].var() == pytest.approx(2.0, rel=0.06)
    assert made[..., 2].var() / made[..., 1].var() == pytest.approx(1.0, rel=0.06)


def test_a_grey_picture_has_less_noise_than_each_of_its_colours():
    """Its luma is a weighted mean of three channels with noise of their own."""
    grey = apply("camera", flat(0.5, channels=1), iso=3200, **PLAIN)
    colour = apply("camera", flat(0.5), iso=3200, **PLAIN)
    share = np.sqrt(0.299**2 + 0.587**2 + 0.114**2)
    assert grey.std() / colour.std() == pytest.approx(share, rel=0.04)


@pytest.mark.parametrize("denoiser", DENOISERS)
def test_a_camera_that_smooths_everything_at_hardly_any_sensitivity_stays_sane(denoiser):
    smoothed = dict(PLAIN, luma=1.0, chroma=1.0, denoiser=denoiser)
    for value in (0.0, 0.2, 1.0):  # whole numbers of 255
        made = apply("camera", flat(value, 32), iso=0.01, **smoothed)
        assert np.abs(made - value).max() <= 1.01 / 255


def test_the_target_of_a_camera_is_the_mean_of_many_shots():
    """Also in the dark, where noise is clipped and what is seen is brighter than what is there."""
    image, camera = natural() * np.float32(0.2), DEGRADATIONS["camera"]
    parameters = camera.sample(np.random.default_rng(7))
    parameters |= {"iso": 12800.0, "quality": 100, "subsampling": "4:4:4"}
    shots = [camera.uncoded(image, parameters | {"seed": seed}) for seed in range(100)]
    target = camera.target(image, parameters)

    def cast(picture):
        """By blocks, so that what is left of the noise does not count."""
        blocks = (picture - np.mean(shots, 0))[:48, :48].reshape(6, 8, 6, 8, 3).mean((1, 3))
        return 255 * np.sqrt((blocks**2).mean())

    quiet = camera.target(image, parameters | {"iso": 0.01})
    assert cast(quiet) > 4.0
    assert cast(target) < 0.3 * cast(quiet)


@pytest.mark.parametrize("channels", [1, 3])
def test_at_hardly_any_sensitivity_a_camera_makes_its_target(channels):
    image, camera = natural(channels=channels), DEGRADATIONS["camera"]
    parameters = camera.sample(np.random.default_rng(4)) | {"quality": 100, "subsampling": "4:4:4"}
    near = camera.apply(image, parameters | {"iso": 0.01})
    target = camera.target(image, parameters | {"iso": 0.01})
    assert target.shape == image.shape
    assert psnr(near, target) > 45
    noisy = camera.apply(image, parameters | {"iso": 6400.0})
    assert psnr(noisy, target) < 38
    np.testing.assert_array_equal(camera.target(image, parameters | {"iso": 0.0}), image)


def test_scanned_grain_is_as_strong_as_it_is_said_to_be():
    for grain in (5.0, 20.0):
        made = apply("scan", flat(0.5), grain=grain, size=1.0, quality=100, seed=2)
        assert 255 * made.std() == pytest.approx(grain, rel=0.1)
    for value in (0.0, 1.0):
        made = apply("scan", flat(value), grain=20.0, quality=100, seed=2)
        assert np.abs(made - value).max() <= 1.01 / 255


def test_a_scan_fades_and_tints():
    made = apply("scan", natural(), grain=0.0, contrast=0.5, lift=0.2, seed=0, quality=100)
    # fade(v) = 0.2 + (0.5 (v - 1/2) + 1/2) 0.8
    expected = 0.2 + (0.5 * (natural() - 0.5) + 0.5) * 0.8
    assert np.abs(made - expected).mean() < 2 / 255
    red, green, blue = apply("scan", flat(0.5), grain=0.0, red=1.2, blue=0.8, seed=0)[0, 0]
    np.testing.assert_allclose([red, green, blue], [0.6, 0.5, 0.4], atol=3 / 255)


@pytest.mark.parametrize(
    ("order", "rounds", "cut", "size"),
    [
        ("resize-jpeg", 1, 0, (40, 30)),
        ("jpeg-resize", 2, 0, (20, 15)),
        ("jpeg-resize-jpeg", 1, 3, (37, 27)),
        ("jpeg-jpeg", 1, 5, (75, 55)),
        ("jpeg-jpeg", 2, 5, (65, 45)),
    ],
)
def test_the_size_that_the_web_leaves(order, rounds, cut, size):
    parameters = {"order": order, "scale": 0.5, "quality": 90, "rounds": rounds}
    made = apply("web", natural(80, 60), **parameters, left=cut, top=cut)
    assert made.shape == (*size, 3) if order != "jpeg-jpeg" or rounds == 1 else made.shape[2] == 3


def test_the_web_codes_the_second_time_on_another_grid():
    """Blocks of the second coding begin where the cut picture does."""
    image = natural(80, 80, 1)
    made = apply("web", image, order="jpeg-jpeg", quality=100, again=5, left=3, top=5)
    steps = np.abs(np.diff(made[:, :, 0], axis=1)).mean(0)
    on_grid = steps[7::8].mean()
    assert on_grid > 2 * np.delete(steps, np.s_[7::8]).mean()
    np.testing.assert_array_equal(made, through_jpeg(through_jpeg(image, 100)[5:, 3:].copy(), 5))


@pytest.mark.parametrize("filter", ["box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_the_web_resizes_by_the_named_filter(filter):
    image = natural(81, 63)
    made = apply("web", image, order="resize-jpeg", scale=0.4, filter=filter, quality=100)
    others = [
        apply("web", image, order="resize-jpeg", scale=0.4, filter=name, quality=100)
        for name in ("box", "bilinear", "hamming", "bicubic", "lanczos")
    ]
    assert made.shape == (32, 25, 3)
    assert sum(np.array_equal(made, other) for other in others) == 1
