"""What protocols make of pictures, against second ways of making it."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.degradation.pictures import psnr, rgb_to_y
from tests.evaluation.made_up import made_set, photo, pixels
from undegrade.degradation import DEGRADATIONS
from undegrade.errors import InputError
from undegrade.evaluation import cases
from undegrade.evaluation.cases import enlarged
from undegrade.evaluation.protocols import GT_MEAN, PROTOCOLS, choose_settings, matched_mean
from undegrade.evaluation.sets import open_set
from undegrade.imaging.resize import imresize
from undegrade.levels import Levels


def case(tmp_path, name, picture, *, damaged=None, **parameter):
    """The case of the first setting that *parameter* asks for."""
    chosen = PROTOCOLS[name]
    setting = choose_settings(chosen, {key: [value] for key, value in parameter.items()})[0]
    partner = {} if damaged is None else {"damaged": damaged}
    return chosen.case(photo(tmp_path, picture, **partner), setting)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_super_resolution(tmp_path, scale):
    """The reduction of the metrics is written apart from that of the degradations."""
    picture = pixels(67, 85)
    made = case(tmp_path, "sr-bicubic", picture, scale=scale)
    height, width = 67 // scale * scale, 85 // scale * scale
    np.testing.assert_array_equal(made.truth, picture[:height, :width])
    expected = np.rint(np.clip(imresize(made.truth / 255, scale=1 / scale), 0, 1) * 255)
    assert np.abs(made.input * 255 - expected).max() < 1e-4
    assert made.scale == scale
    assert enlarged(made).shape == made.truth.shape


@pytest.mark.parametrize("sigma", [15, 25, 50, 70])
def test_colour_noise_is_neither_clipped_nor_rounded(tmp_path, sigma):
    picture = pixels(400, 400)
    made = case(tmp_path, "denoise-color", picture, noise=sigma)
    np.random.seed(0)  # noqa: NPY002 - as the published code does it
    expected = picture / 255 + np.random.normal(0, sigma / 255, picture.shape)  # noqa: NPY002
    np.testing.assert_allclose(made.input, expected, atol=1e-6)
    assert made.input.dtype == np.float32
    assert made.input.min() < 0
    assert made.levels == Levels(noise=sigma)
    # The gate: the deviation of 480,000 draws is known to 0.1 %.
    assert psnr(made.input, picture / 255) == pytest.approx(20 * math.log10(255 / sigma), abs=0.02)


def test_grey_noise_is_on_full_range_luma(tmp_path):
    picture = pixels()
    made = case(tmp_path, "denoise-gray", picture, noise=25)
    grey = np.asarray(Image.fromarray(picture).convert("L"), np.int64)
    assert made.truth.shape == (48, 60, 1)
    # Pillow's fixed-point weights differ by a level here and there.
    assert np.abs(made.truth[:, :, 0] - grey).max() <= 1
    drawn = np.random.RandomState(0).normal(0, 25 / 255, (48, 60, 1))
    np.testing.assert_allclose(made.input, made.truth / 255 + drawn, atol=1e-6)


def test_real_noise_is_what_a_file_holds(tmp_path):
    picture = pixels()
    free = case(tmp_path / "a", "denoise-color", picture, noise=50)
    made = case(tmp_path / "b", "denoise-real", picture, noise=50)
    expected = np.rint(np.clip(free.input, 0, 1) * 255)
    np.testing.assert_allclose(made.input * 255, expected, atol=1e-4)
    assert psnr(made.input, picture / 255) > psnr(free.input, picture / 255)


@pytest.mark.parametrize("quality", [10, 40])
def test_colour_jpeg_is_pillows(tmp_path, quality):
    picture = pixels()
    made = case(tmp_path, "jpeg-color", picture, jpeg=quality)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=2)
    expected = np.asarray(Image.open(file))
    np.testing.assert_allclose(made.input * 255, expected, atol=1e-4)
    assert made.levels == Levels(jpeg=quality)
    assert made.quality == quality


def test_grey_jpeg_is_on_studio_range_luma(tmp_path):
    picture = pixels()
    picture[:8, :8], picture[8:16, :8] = 255, 0
    made = case(tmp_path, "jpeg-gray", picture, jpeg=10)
    np.testing.assert_array_equal(made.truth[:, :, 0], np.rint(rgb_to_y(picture / 255)))
    assert (made.truth.min(), made.truth.max()) == (16, 235)
    file = io.BytesIO()
    Image.fromarray(made.truth[:, :, 0]).save(file, "JPEG", quality=10)
    decoded = Image.open(file)
    assert decoded.mode == "L"
    np.testing.assert_allclose(made.input[:, :, 0] * 255, np.asarray(decoded), atol=1e-4)


def test_grey_pictures_stay_as_they_are(tmp_path):
    picture = pixels(channels=1)
    for number, name in enumerate(("denoise-gray", "jpeg-gray")):
        made = case(tmp_path / str(number), name, picture)
        np.testing.assert_array_equal(made.truth, picture)
    made = case(tmp_path / "c", "jpeg-color", picture)
    np.testing.assert_array_equal(made.truth, picture.repeat(3, 2))


@pytest.mark.parametrize("name", ["lol", "phone"])
def test_pairs_are_taken_as_they_are(tmp_path, name):
    picture = pixels()
    made = case(tmp_path, name, picture, damaged=picture // 4)
    np.testing.assert_array_equal(made.truth, picture)
    np.testing.assert_allclose(made.input * 255, picture // 4, atol=1e-4)
    assert made.levels is None
    with pytest.raises(InputError, match="no damaged partner"):
        case(tmp_path / "alone", name, picture)


def test_gt_mean(tmp_path):
    truth = pixels()
    output = (truth / 255 * 0.4).astype(np.float32)
    matched = matched_mean(output, truth)
    weights = (0.299, 0.587, 0.114)
    assert (matched @ weights).mean() == pytest.approx((truth / 255 @ weights).mean(), rel=1e-5)
    np.testing.assert_allclose(matched, truth / 255, atol=1e-5)
    made = case(tmp_path, "lol", truth, damaged=truth // 3)
    finished = PROTOCOLS["lol"].finish(output, made, GT_MEAN)
    np.testing.assert_array_equal(finished, truth)
    plain = PROTOCOLS["lol"].finish(output, made, PROTOCOLS["lol"].settings[0])
    np.testing.assert_array_equal(plain, np.rint(output * 255))
    black = np.zeros_like(output)
    np.testing.assert_array_equal(matched_mean(black, truth), black)


def test_synthetic_phone_is_drawn_by_the_picture(tmp_path):
    picture = pixels()
    made = case(tmp_path / "a", "phone-synthetic", picture)
    again = case(tmp_path / "b", "phone-synthetic", picture)
    np.testing.assert_array_equal(made.input, again.input)
    other = case(tmp_path / "c", "phone-synthetic", picture ^ 1)
    assert np.abs(made.input - other.input).mean() > 0.01
    digest = hashlib.sha256(b"(48, 60, 3)" + picture.tobytes()).hexdigest()
    phone = DEGRADATIONS["phone"]
    parameters = phone.sample(np.random.default_rng(int(digest[:16], 16)))
    expected = phone.apply((picture / 255).astype(np.float32), parameters)
    np.testing.assert_array_equal(made.input, expected)


@pytest.mark.parametrize(("name", "side", "small"), [("face-x4", 64, 16), ("face-x8", 128, 16)])
def test_faces_are_central_squares(tmp_path, name, side, small):
    """At twice the side the reduction by a whole factor is the metrics' own."""
    picture = pixels(2 * side, 2 * side + 41)
    made = case(tmp_path, name, picture)
    assert made.input.shape == (small, small, 3)
    square = picture[:, 20 : 20 + 2 * side]
    expected = np.rint(np.clip(imresize(square / 255, scale=1 / 2), 0, 1) * 255)
    assert np.abs(made.truth - expected).mean() < 1e-3  # but for ties of rounding
    expected = np.rint(np.clip(imresize(made.truth / 255, scale=small / side), 0, 1) * 255)
    np.testing.assert_allclose(made.input * 255, expected, atol=1e-4)
    with pytest.raises(InputError, match="cannot be cut out"):
        case(tmp_path / "small", name, pixels(side - 1, 300))


def test_noref_has_no_truth(tmp_path):
    picture = pixels()
    made = case(tmp_path, "noref", picture)
    assert made.truth is None
    assert made.levels is None
    np.testing.assert_allclose(made.input * 255, picture, atol=1e-4)


def test_too_small_to_be_reduced(tmp_path):
    with pytest.raises(InputError, match="too small to be reduced 8 times"):
        case(tmp_path, "sr-bicubic", pixels(7, 30), scale=8)


def test_a_camera_takes_the_picture_again(tmp_path):
    """The same by name whatever the folder; the more noise, the more the camera smooths."""
    picture = pixels(64, 72)
    low, high = (case(tmp_path / str(iso), "camera", picture, iso=iso) for iso in (800, 12800))
    again = case(tmp_path / "again", "camera", picture, iso=800)
    np.testing.assert_array_equal(low.input, again.input)
    bright = low.truth.min(2) > 100  # the dark is brighter where its noise is clipped
    assert np.abs(low.truth.astype(int) - high.truth)[bright].mean() < 3
    assert low.truth.shape == low.input.shape == (64, 72, 3)
    # What it is told: the noise as it lies there, which the file holds but for its coding.
    for made in (low, high):
        error = made.input * 255 - made.truth.astype(np.float32)
        assert np.sqrt(np.mean(error**2)) == pytest.approx(made.levels.noise, rel=0.4, abs=2)
        assert made.levels.jpeg == made.quality
    assert high.levels.noise > 2 * low.levels.noise
    file = Image.open(io.BytesIO(low.file))
    assert file.format == "JPEG"
    np.testing.assert_array_equal(np.asarray(file) / np.float32(255), low.input)


@pytest.mark.parametrize("scale", [2, 4])
def test_what_people_enlarge(tmp_path, scale):
    """Softer than a clean reduction, noisy, and coded: a file; the truth is the picture itself."""
    picture = pixels(131, 150)
    made = case(tmp_path, "sr-real", picture, scale=scale)
    height, width = 131 // scale * scale, 150 // scale * scale
    np.testing.assert_array_equal(made.truth, picture[:height, :width])
    assert made.input.shape == (height // scale, width // scale, 3)
    file = Image.open(io.BytesIO(made.file))
    assert file.format == "JPEG"
    np.testing.assert_array_equal(np.asarray(file) / np.float32(255), made.input)
    assert made.levels.jpeg == made.quality
    assert 30 <= made.quality <= 95
    assert made.levels.noise > 0
    # It lies where a plain reduction lies, and is no clean one.
    plain = imresize(made.truth / 255, scale=1 / scale)
    error = np.sqrt(np.mean((made.input - plain) ** 2)) * 255
    assert 1 < error < 25


def test_what_people_enlarge_is_drawn_by_the_name(tmp_path):
    """The same at every scale, in every folder; another for another picture."""
    item = open_set(made_set(tmp_path / "set", 1, height=140, width=160)).items[0]
    one, again, larger, other = (
        cases.reduced_for_real(replace(item, name=name).read(), scale)
        for name, scale in (("a", 2), ("a", 2), ("a", 4), ("b", 2))
    )
    np.testing.assert_array_equal(one.input, again.input)
    assert one.quality == larger.quality
    assert one.file != other.file


def test_a_camera_is_drawn_by_the_name(tmp_path):
    item = open_set(made_set(tmp_path / "set", 1)).items[0]
    one, other = (cases.camera(replace(item, name=name).read(), 3200) for name in ("a", "b"))
    assert not np.array_equal(one.input, other.input)
    assert one.quality != other.quality or not np.array_equal(one.truth, other.truth)
