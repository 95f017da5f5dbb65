"""JPEG on tensors is what libjpeg makes of the same pixels."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tests.degradation.pictures import natural, psnr  # noqa: E402
from tests.training.degradations.pairs import (  # noqa: E402
    NAMES,
    array,
    generator,
    on_arrays,
    photo,
    random_pictures,
    tensor,
)
from undegrade.degradation.jpeg import SUBSAMPLINGS, through_jpeg  # noqa: E402
from undegrade.imaging import jpeg_tables as arrays  # noqa: E402
from undegrade.training import degradations  # noqa: E402
from undegrade.training.degradations.jpeg import scaled_tables  # noqa: E402

QUALITIES = (5, 10, 30, 50, 75, 95)


def compare(image, subsampling, qualities=QUALITIES):
    """Decoded pixels of both encoders by quality."""
    batch = tensor(image).expand(len(qualities), -1, -1, -1)
    quality = torch.tensor([float(q) for q in qualities])
    ours = array(degradations.jpeg(batch, quality, subsampling))
    for quality, mine in zip(qualities, ours, strict=True):
        yield quality, mine, through_jpeg(image, quality, subsampling)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(208, 224), (181, 235)])
def test_photos_are_as_far_from_the_original_as_pillows(name, subsampling, size):
    image = photo(name)[60 : 60 + size[0], 100 : 100 + size[1]]
    for quality, ours, theirs in compare(image, subsampling):
        assert psnr(ours, image) == pytest.approx(psnr(theirs, image), abs=0.03), quality
        assert np.mean(np.rint(255 * ours) == np.rint(255 * theirs)) > 0.85, quality


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("channels", [1, 3])
def test_synthetic_pictures_too(subsampling, channels):
    image = natural(97, 131, channels)
    for quality, ours, theirs in compare(image, subsampling, range(5, 100, 9)):
        assert psnr(ours, image) == pytest.approx(psnr(theirs, image), abs=0.1), quality
        assert 255 * np.abs(ours - theirs).mean() < 0.3, quality


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    channels=st.sampled_from([1, 3]),
    subsampling=st.sampled_from(SUBSAMPLINGS),
    quality=st.integers(1, 100),
)
def test_any_size(height, width, channels, subsampling, quality):
    image = natural(64, 64, channels)[:height, :width]
    ((_, ours, theirs),) = compare(image, subsampling, [quality])
    assert ours.shape == theirs.shape
    # One coefficient that rounds the other way moves its block by a step of the table.
    assert 255 * np.abs(ours - theirs).mean() < 1.5 * max(1.0, arrays.table_scale(quality))


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_flat_pictures_are_equal(subsampling):
    """They meet the halves in the quantiser most often."""
    levels = np.arange(256, dtype=np.float32)[:, None, None, None] / 255
    images = np.broadcast_to(levels, (256, 8, 8, 3))
    for quality in (5, 30, 50, 90):
        ours = degradations.jpeg(tensor(images), torch.full((256,), float(quality)), subsampling)
        theirs = np.stack([through_jpeg(image, quality, subsampling) for image in images])
        assert np.mean(np.rint(255 * array(ours)) == np.rint(255 * theirs)) > 0.99, quality


def test_each_sample_has_its_own_quality_and_subsampling():
    images = random_pictures(6, 21, 27)
    quality = torch.tensor([10.0, 90.0, 50.0, 10.0, 75.0, 30.0])
    subsampling = torch.tensor([0, 0, 1, 2, 2, 1])
    ours = degradations.jpeg(tensor(images), quality, subsampling)
    records = [
        {"quality": int(q), "subsampling": SUBSAMPLINGS[s]}
        for q, s in zip(quality, subsampling, strict=True)
    ]
    theirs = on_arrays("jpeg", images, records)
    for mine, other, image in zip(array(ours), theirs, images, strict=True):
        assert psnr(mine, image) == pytest.approx(psnr(other, image), abs=0.1)
    for i, record in enumerate(records):
        alone = degradations.jpeg(tensor(images[i]), quality[i : i + 1], str(record["subsampling"]))
        torch.testing.assert_close(ours[i : i + 1], alone, atol=1e-6, rtol=0)


def test_tables_and_levels_are_those_of_the_encoder():
    quality = torch.arange(1.0, 101.0)
    luma, chroma = scaled_tables(quality)
    for i, q in enumerate(quality.tolist()):
        for made, base in ((luma, arrays.LUMA_STEPS), (chroma, arrays.CHROMA_STEPS)):
            np.testing.assert_array_equal(made[i].view(8, 8), arrays.scaled_table(base, q))
    level = torch.linspace(0, 1.2, 50)
    expected = [arrays.quality_of_level(v) for v in level.tolist()]
    np.testing.assert_allclose(degradations.quality_of_level(level), expected, rtol=1e-5)


def test_sampled_qualities_are_spread_as_the_operators():
    damage = degradations.sample_jpeg(4000, generator())
    assert torch.equal(damage.quality, damage.quality.round())
    assert (damage.quality.min(), damage.quality.max()) == (5, 98)
    levels = np.array([arrays.jpeg_level(q) for q in damage.quality.tolist()])
    low = arrays.jpeg_level(98)
    quartiles = np.quantile(levels, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(quartiles, low + (1 - low) * np.array([0.25, 0.5, 0.75]), atol=0.03)
    shares = torch.bincount(damage.subsampling, minlength=3) / 4000
    np.testing.assert_allclose(shares, [0.75, 0.05, 0.2], atol=0.02)


def test_what_cannot_be_encoded():
    x = torch.rand(2, 3, 16, 16)
    quality = torch.tensor([50.0, 60.0])
    with pytest.raises(ValueError, match=r"quality must lie in 1\.\.100"):
        degradations.jpeg(x, torch.tensor([50.0, 0.0]))
    with pytest.raises(ValueError, match="one value for each of the 2 pictures"):
        degradations.jpeg(x, quality[:1])
    with pytest.raises(ValueError, match="one of 4:2:0, 4:2:2, 4:4:4"):
        degradations.jpeg(x, quality, "4:1:1")
    with pytest.raises(ValueError, match=r"subsampling must hold 0\.\.2, not 3"):
        degradations.jpeg(x, quality, torch.tensor([0, 3]))
    with pytest.raises(ValueError, match=r"subsampling must be \(2,\)"):
        degradations.jpeg(x, quality, torch.tensor([0]))
