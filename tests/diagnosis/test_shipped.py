"""The network that ships, on a photo that it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from undegrade.catalog import Catalog
from undegrade.degradation import DEGRADATIONS
from undegrade.diagnosis import NAME, diagnose, open_reader
from undegrade.imaging.noise_levels import white_levels
from undegrade.imaging.resize import imresize
from undegrade.picture import from_array

TRUTH = Path(__file__).parents[2] / "examples" / "photos" / "truth" / "cat.png"


@pytest.fixture(scope="module")
def reader():
    return open_reader(Catalog().find(NAME))


@pytest.fixture(scope="module")
def truth():
    return np.asarray(Image.open(TRUTH).convert("RGB"), np.float32) / 255


def look(image, reader):
    return diagnose(from_array(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)), reader)


def test_an_untouched_photo_is_clean(truth, reader):
    assert look(truth, reader).is_clean


@pytest.mark.parametrize("sigma", [10, 25, 50])
def test_noise_is_measured(truth, reader, sigma):
    noisy = DEGRADATIONS["gaussian-noise"].apply(truth, {"sigma": float(sigma), "seed": 0})
    found = look(noisy, reader).noise
    assert found.found
    assert found.value == pytest.approx(sigma, abs=2.5)


@pytest.mark.parametrize("channels", [1, 3])
def test_white_noise_is_known_to_be_white(truth, reader, channels):
    clean = truth[..., 1:2] if channels == 1 else truth
    noisy = DEGRADATIONS["gaussian-noise"].apply(clean, {"sigma": 20.0, "seed": 0})
    found = look(noisy, reader)
    assert found.white
    assert found.noise_levels == pytest.approx(white_levels(found.noise.value, channels == 1))
    coded = DEGRADATIONS["jpeg"].apply(noisy, {"quality": 90})
    assert not look(coded, reader).white


@pytest.mark.parametrize("quality", [10, 30, 50, 70])
def test_the_quality_of_a_jpeg_is_read_from_its_pixels(truth, reader, quality):
    found = look(DEGRADATIONS["jpeg"].apply(truth, {"quality": quality}), reader).jpeg
    assert found.found
    assert found.value == pytest.approx(quality, abs=5)


@pytest.mark.parametrize("factor", [0.75, 1.5])
@pytest.mark.parametrize("quality", [10, 30])
def test_a_jpeg_is_still_seen_once_it_was_resized(truth, reader, quality, factor):
    coded = DEGRADATIONS["jpeg"].apply(truth, {"quality": quality})
    found = look(imresize(coded, scale=factor), reader).jpeg
    assert found.found
    assert abs(found.value - quality) < max(3 * found.uncertainty, 15)
    assert not look(imresize(truth, scale=factor), reader).jpeg.found


@pytest.mark.parametrize("size", [(64, 96), (100, 120), (300, 120)])
def test_noise_is_found_in_photos_smaller_than_a_crop(truth, reader, size):
    small = truth[: size[0], : size[1]]
    noisy = DEGRADATIONS["gaussian-noise"].apply(small, {"sigma": 25.0, "seed": 0})
    found = look(noisy, reader)
    assert found.noise.found
    assert found.noise.value == pytest.approx(25, abs=4)
    assert not look(small, reader).noise.found
