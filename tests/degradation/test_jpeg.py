"""JPEG: the tables, the level, and the published input rows."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.degradation.pictures import natural, psnr
from tests.shared_data import photos
from undegrade.degradation import DEGRADATIONS
from undegrade.degradation.jpeg import through_jpeg
from undegrade.errors import UsageError
from undegrade.imaging.jpeg_tables import (
    CHROMA_STEPS,
    LUMA_STEPS,
    jpeg_level,
    quality_of_level,
    quality_of_scale,
    scaled_table,
    table_scale,
)


def encoded(quality, mode="RGB", **options):
    """A small file as Pillow writes it, opened again."""
    file = io.BytesIO()
    Image.new(mode, (16, 16)).save(file, "JPEG", quality=quality, **options)
    return Image.open(file)


@pytest.mark.parametrize("quality", range(1, 101))
def test_tables_are_those_that_pillow_writes(quality):
    """Pillow undoes the zigzag of the file: its lists are row by row."""
    written = encoded(quality).quantization
    for number, base in enumerate((LUMA_STEPS, CHROMA_STEPS)):
        np.testing.assert_array_equal(
            np.reshape(written[number], (8, 8)), scaled_table(base, quality)
        )


@pytest.mark.parametrize("quality", range(1, 101))
def test_level_and_scale_give_the_quality_back(quality):
    assert quality_of_level(jpeg_level(quality)) == pytest.approx(quality, abs=1e-9)
    if quality < 100:
        assert quality_of_scale(table_scale(quality)) == pytest.approx(quality, abs=1e-9)


def test_level_falls_with_quality_between_its_anchors():
    levels = [jpeg_level(quality) for quality in range(1, 101)]
    assert all(np.diff(levels) < 0)
    assert jpeg_level(100) == 0
    assert jpeg_level(5) == pytest.approx(1)
    with pytest.raises(ValueError, match="must lie in 1"):
        jpeg_level(0)


@pytest.mark.parametrize(
    ("quality", "published"), [(10, 25.69), (20, 28.06), (30, 29.37), (40, 30.28)]
)
def test_live1_colour_gate(quality, published):
    """RGB PSNR of LIVE1, 4:2:0, no restoration (specs/protocols.md, 2; FBCNN's table)."""
    rows = [
        psnr(through_jpeg(picture, quality), picture)
        for picture in (pixels.astype(np.float32) / 255 for _, pixels in photos("live1.tar"))
    ]
    assert len(rows) == 29
    assert np.mean(rows) == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:4"])
def test_it_is_pillows_own_round_trip(subsampling):
    image = natural(41, 57)
    file = io.BytesIO()
    Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(
        file, "JPEG", quality=37, subsampling=subsampling
    )
    result = DEGRADATIONS["jpeg"].apply(image, {"quality": 37, "subsampling": subsampling})
    np.testing.assert_array_equal(np.rint(result * 255), np.asarray(Image.open(file)))


def test_less_chroma_is_further_from_the_picture():
    image = natural()
    rows = [
        psnr(through_jpeg(image, 90, subsampling), image)
        for subsampling in ("4:2:0", "4:2:2", "4:4:4")
    ]
    assert rows == sorted(rows)


def test_grey_stays_grey_whatever_the_subsampling():
    image = natural(channels=1)
    np.testing.assert_array_equal(
        through_jpeg(image, 30, "4:2:0"), through_jpeg(image, 30, "4:4:4")
    )


def test_a_side_that_jpeg_cannot_hold_is_refused():
    with pytest.raises(UsageError, match="65501 x 1"):
        through_jpeg(np.zeros((1, 65501, 1), np.float32), 50)
    assert through_jpeg(np.zeros((1, 65500, 1), np.float32), 50).shape == (1, 65500, 1)
