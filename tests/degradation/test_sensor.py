"""From light to an encoded picture: each part against its definition."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import convolve, gaussian_filter

from tests.degradation.pictures import natural, psnr
from undegrade.degradation import sensor
from undegrade.degradation.sensor import DEMOSAICS, DENOISERS
from undegrade.imaging.srgb import to_linear, to_srgb

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
LUMA = np.array([0.299, 0.587, 0.114])


def photo(name):
    """A committed example photo: (H, W, 3) float32, 8-bit values in [0, 1]."""
    with Image.open(PHOTOS / name) as picture:
        return np.asarray(picture.convert("RGB"), np.float32) / 255


def planes(image):
    """(H, W, C) to (1, C, H, W)."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None])


def one(value):
    return np.array([value], np.float32)


def taken(x, demosaic="none", noise=None, phase=0, **changes):
    """*x* by a camera without lens, colours or curve, but for *changes*."""
    plain = {"lens": 0.0, "shot": 0.0, "read": 0.0, "red": 1.0, "blue": 1.0}
    settings = {**plain, "saturation": 0.0, "tone": 0.0, **changes}
    settings = {key: one(value) for key, value in settings.items()}
    return sensor.expose(
        sensor.scene(x, settings["tone"]),
        noise,
        demosaic=[DEMOSAICS.index(demosaic)],
        phase=[phase],
        **settings,
    )


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (24, 31)])
@pytest.mark.parametrize("sigma", [0.3, 1.0, 1.2, 4.0])
def test_gaussian_is_the_truncated_gaussian(size, sigma):
    x = np.random.default_rng(0).random((2, 3, *size), dtype=np.float32)
    reach = int(np.ceil(3.5 * sigma - 1e-6))
    expected = gaussian_filter(
        x.astype(np.float64), (0, 0, sigma, sigma), mode="reflect", radius=(0, 0, reach, reach)
    )
    made = sensor.gaussian(x, np.float32([sigma, sigma]))
    np.testing.assert_allclose(made, expected, atol=1e-5)
    assert made.dtype == np.float32


def test_gaussian_of_nothing_is_the_identity_also_beside_others():
    x = np.random.default_rng(0).random((3, 2, 20, 20), dtype=np.float32)
    np.testing.assert_array_equal(sensor.gaussian(x, np.zeros(3, np.float32)), x)
    mixed = sensor.gaussian(x, np.float32([0.0, 2.0, 0.05]))
    np.testing.assert_allclose(mixed[[0, 2]], x[[0, 2]], atol=1e-6)
    assert np.abs(mixed[1] - x[1]).max() > 0.1


@pytest.mark.parametrize("tone", [0.0, 0.5, 1.0])
def test_developing_undoes_the_scene(tone):
    """White balance, colours and curve are undone and done again."""
    x = planes(natural())
    made = taken(x, tone=tone, red=2.2, blue=1.6, saturation=0.8)
    np.testing.assert_allclose(made, x, atol=2 / 255)
    assert np.abs(made - x).mean() < 2e-4


@pytest.mark.parametrize("value", [0.3, 0.5, 0.8])
def test_noise_is_shot_and_read_noise_of_the_light_on_the_sensor(value):
    """Of a channel with gain *g* the light is 1 / g as much, and its noise is g times as strong."""
    x = np.full((1, 3, 200, 200), value, np.float32)
    noise = np.random.default_rng(1).standard_normal(x.shape, dtype=np.float32)
    made = to_linear(taken(x, noise=noise, shot=5e-4, read=2e-5, red=2.0, blue=1.5))[0]
    light = float(to_linear(np.float32([value]))[0])
    for channel, gain in enumerate((2.0, 1.0, 1.5)):
        expected = gain**2 * (5e-4 * light / gain + 2e-5)
        assert made[channel].var() == pytest.approx(expected, rel=0.03)
        assert made[channel].mean() == pytest.approx(light, rel=0.01)


@pytest.mark.parametrize("phase", range(4))
@pytest.mark.parametrize("demosaic", DEMOSAICS)
def test_a_mosaic_of_one_colour_shows_that_colour(demosaic, phase):
    x = np.empty((1, 3, 17, 22), np.float32)
    x[:] = np.float32([0.7, 0.4, 0.2])[None, :, None, None]
    made = taken(x, demosaic, phase=phase, red=2.0, blue=1.5, saturation=0.5)
    np.testing.assert_allclose(made, x, atol=1e-4)


@pytest.mark.parametrize("phase", range(4))
def test_what_the_mosaic_has_measured_stays(phase):
    """At its own place each colour is as it was; green in a chequerboard."""
    x = np.random.default_rng(0).random((1, 3, 12, 14), dtype=np.float32)
    row, column = np.indices((12, 14))
    red = (row % 2 == phase // 2) & (column % 2 == phase % 2)
    blue = (row % 2 != phase // 2) & (column % 2 != phase % 2)
    for demosaic in DEMOSAICS[1:]:
        made = taken(x, demosaic, phase=phase)[0]
        for channel, place in enumerate((red, ~(red | blue), blue)):
            np.testing.assert_allclose(made[channel][place], x[0, channel][place], atol=1e-4)


def test_better_demosaicing_is_nearer_to_the_truth():
    """In linear light, where it is done."""
    x = planes(photo("truth/cat.png")[:200, :240])
    light = to_linear(x)
    quality = {name: psnr(to_linear(taken(x, name)), light) for name in DEMOSAICS}
    assert quality["none"] > 60
    assert quality["malvar"] > quality["bilinear"] + 1
    assert quality["hamilton"] > quality["malvar"] + 0.3


def test_malvar_is_the_published_filter():
    """Malvar, He and Cutler, ICASSP 2004, figure 2, written once more for the red corner first."""
    x = np.random.default_rng(3).uniform(0.4, 0.6, (3, 20, 22))
    row, column = np.indices((20, 22)) % 2
    red, blue = (row + column == 0), (row + column == 2)
    raw = np.where(red, x[0], np.where(blue, x[2], x[1]))

    def filtered(*lines):
        return convolve(raw, np.array(lines) / 8, mode="mirror")

    along = ((0, 0, 0.5, 0, 0), (0, -1, 0, -1, 0), (-1, 4, 5, 4, -1), (0, -1, 0, -1, 0))
    in_row = filtered(*along, along[0])
    in_column = filtered(*np.transpose((*along, along[0])))
    slant = ((0, 0, -1.5, 0, 0), (0, 2, 0, 2, 0), (-1.5, 0, 6, 0, -1.5), (0, 2, 0, 2, 0))
    opposite = filtered(*slant, slant[0])
    beside = ((0, 0, -1, 0, 0), (0, 0, 2, 0, 0), (-1, 2, 4, 2, -1), (0, 0, 2, 0, 0))
    green = np.where(red | blue, filtered(*beside, beside[0]), raw)
    reds = np.where(row == 0, in_row, in_column)
    blues = np.where(row == 0, in_column, in_row)
    expected = np.stack(
        [
            np.where(red, raw, np.where(blue, opposite, reds)),
            green,
            np.where(blue, raw, np.where(red, opposite, blues)),
        ]
    )
    made = taken(to_srgb(x[None].astype(np.float32)), "malvar")
    np.testing.assert_allclose(to_linear(made)[0], expected, atol=1e-5)


@pytest.mark.parametrize("axis", [2, 3])
def test_hamilton_goes_along_edges(axis):
    x = np.full((1, 3, 32, 32), 0.2, np.float32)
    index = [slice(None)] * 4
    index[axis] = slice(15, None)
    x[tuple(index)] = 0.8
    error = {name: np.abs(taken(x, name) - x).max() for name in DEMOSAICS}
    assert error["hamilton"] < 0.25 * error["malvar"]
    assert error["hamilton"] < 0.25 * error["bilinear"]


@pytest.mark.parametrize("kind", range(len(DENOISERS)))
def test_a_camera_smooths_chroma_and_leaves_luma(kind):
    rng = np.random.default_rng(1)
    x = (0.5 + 0.08 * rng.standard_normal((1, 3, 128, 128))).astype(np.float32)
    made = sensor.denoise(
        x,
        kind=[kind],
        luma=one(0.0),
        luma_radius=one(0.8),
        chroma=one(1.0),
        radius=one(2.0),
        sigma=one(0.08),
    )

    def luma(picture):
        return np.tensordot(LUMA, picture[0], 1)

    np.testing.assert_allclose(luma(made), luma(x), atol=1e-5)
    for channel in (0, 2):
        apart = [picture[0, channel] - luma(picture) for picture in (x, made)]
        assert apart[1].std() < 0.3 * apart[0].std()
    smoothed = sensor.denoise(
        x,
        kind=[kind],
        luma=one(1.0),
        luma_radius=one(0.8),
        chroma=one(0.0),
        radius=one(2.0),
        sigma=one(0.08),
    )
    assert luma(smoothed).std() < 0.7 * luma(x).std()
    before, after = (p[0] - luma(p) for p in (x, smoothed))
    np.testing.assert_allclose(after, before, atol=1e-5)


@pytest.mark.parametrize("kind", range(len(DENOISERS)))
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (15, 16)])
def test_smoothing_leaves_what_is_flat(kind, size):
    x = np.empty((1, 3, *size), np.float32)
    x[:] = np.float32([0.7, 0.4, 0.2])[None, :, None, None]
    made = sensor.denoise(
        x,
        kind=[kind],
        luma=one(1.0),
        luma_radius=one(0.8),
        chroma=one(1.0),
        radius=one(3.0),
        sigma=one(0.02),
    )
    np.testing.assert_allclose(made, x, atol=1e-5)


def test_the_kinds_of_a_batch_do_not_meddle():
    x = np.random.default_rng(2).random((4, 3, 16, 18), dtype=np.float32)
    some = {"luma": 0.7, "luma_radius": 0.8, "chroma": 0.6, "radius": 2.0, "sigma": 0.1}
    both = sensor.denoise(
        x, kind=[3, 0, 1, 2], **{k: np.full(4, v, np.float32) for k, v in some.items()}
    )
    for index, kind in enumerate([3, 0, 1, 2]):
        alone = sensor.denoise(
            x[index : index + 1], kind=[kind], **{k: one(v) for k, v in some.items()}
        )
        np.testing.assert_allclose(both[index], alone[0], atol=1e-6)


def test_sharpening_is_an_unsharp_mask_of_luma():
    x = planes(natural())
    np.testing.assert_allclose(sensor.sharpen(x, one(0.0), one(1.0)), x, atol=1e-6)
    made = sensor.sharpen(x, one(0.8), one(1.0))
    y = np.tensordot(LUMA, x[0].astype(np.float64), 1)
    halo = 0.8 * (y - gaussian_filter(y, 1.0, mode="reflect", radius=4))
    np.testing.assert_allclose(made[0], np.clip(x[0] + halo, 0, 1), atol=1e-5)


def test_film_grain_is_in_the_middle_tones_and_as_alike_as_it_is_told():
    noise = np.random.default_rng(0).standard_normal((1, 4, 200, 200), dtype=np.float32)
    for value in (0.1, 0.5, 0.9):
        x = np.full((1, 3, 200, 200), value, np.float32)
        grain = sensor.film_grain(x, noise, one(0.05), one(0.7), one(0.6)) - x
        assert grain.std() == pytest.approx(0.1 * np.sqrt(value * (1 - value)), rel=0.03)
        alike = np.corrcoef(grain[0, 0].ravel(), grain[0, 1].ravel())[0, 1]
        assert alike == pytest.approx(0.6, abs=0.05)
    one_grain = sensor.film_grain(x, noise, one(0.05), one(0.7), one(1.0))[0]
    np.testing.assert_allclose(one_grain, one_grain[:1].repeat(3, 0), atol=1e-6)
