"""Outputs keep the local mean colour of their inputs, and nothing else is touched."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.networks import tiny_model
from tests.photos import noisy, psnr, scene
from tests.shared_data import photos
from undegrade.catalog import Catalog
from undegrade.levels import Levels
from undegrade.metrics.colour import difference, lab
from undegrade.runtime import lock_colour, open_network, process

CAST = np.array([6, -4, 5])
"""Levels of 8 bit."""
SIZES = st.one_of(st.sampled_from([1, 2, 15, 16, 17, 33]), st.integers(1, 70))


def blurred(picture, sigma=16.0):
    """Gaussian blur of (H, W, C), symmetric at the borders, in 0..1."""
    values = picture / np.float64(np.iinfo(picture.dtype).max)
    reach = int(3 * sigma)
    kernel = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        around = [(reach, reach) if a == axis else (0, 0) for a in range(3)]
        padded = np.pad(values, around, mode="symmetric")
        windows = np.lib.stride_tricks.sliding_window_view(padded, len(kernel), axis)
        values = windows @ kernel
    return values


def drift(picture, reference):
    """Mean CIEDE2000 between what is left of two pictures behind a blur of 16 pixels."""
    pair = (np.broadcast_to(blurred(p), (*p.shape[:2], 3)) for p in (picture, reference))
    return difference(*map(lab, pair)).mean()


def enlarged(picture, scale):
    return picture.repeat(scale, 0).repeat(scale, 1)


@settings(max_examples=80, deadline=None)
@given(
    height=SIZES,
    width=SIZES,
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    scale=st.sampled_from([1, 2, 3, 4]),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_size_and_depth(height, width, channels, dtype, scale, seed):
    rng = np.random.default_rng(seed)
    before, after = (
        rng.integers(0, np.iinfo(dtype).max, (h, w, channels), dtype, endpoint=True)
        for h, w in ((height, width), (height * scale, width * scale))
    )
    kept = before.copy(), after.copy()
    locked = lock_colour(before, after)
    assert (locked.shape, locked.dtype) == (after.shape, after.dtype)
    np.testing.assert_array_equal(before, kept[0])
    np.testing.assert_array_equal(after, kept[1])
    # Black stays black and white stays white.
    ends = (after == 0) | (after == np.iinfo(dtype).max)
    np.testing.assert_array_equal(locked[ends], after[ends])
    # What has no cast is the same array.
    assert lock_colour(after, after) is after
    same = enlarged(before, scale)
    assert lock_colour(before, same) is same


@settings(max_examples=40, deadline=None)
@given(
    height=SIZES,
    width=SIZES,
    channels=st.sampled_from([1, 3]),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    scale=st.sampled_from([1, 2, 4]),
)
def test_an_even_cast_is_taken_back(height, width, channels, dtype, scale):
    before = scene(height, width, channels, dtype)
    unit = np.iinfo(dtype).max // 255
    plain = enlarged(before, scale)
    tinted = (plain + unit * CAST[:channels]).astype(dtype)
    locked = lock_colour(before, tinted).astype(int)
    assert np.abs(locked - plain).max() <= 1


def test_a_cast_that_varies_is_taken_back():
    before = scene(200, 260)
    x = np.linspace(-1, 1, 260)[:, None]
    tinted = np.clip(np.rint(before * (1 + 0.06 * x * [1, -1, 0.5])), 0, 255).astype(np.uint8)
    assert drift(tinted, before) > 1.5
    assert drift(lock_colour(before, tinted), before) < 0.2


def test_detail_is_not_touched():
    """What averages out within a cell is no cast, however strong it is."""
    before = scene(160, 160)
    grain = 20 * (np.indices((160, 160)).sum(0) % 2 * 2 - 1)[:, :, None]
    after = (before.astype(int) + grain).astype(np.uint8)
    assert lock_colour(before, after) is after


def test_white_and_black_walls_beside_a_cast_stay_clean():
    before = np.full((128, 192, 3), 128, np.uint8)
    before[:, :64], before[:, 128:] = 255, 0
    after = before.copy()
    after[:, 64:128] += np.array([12, 0, 12], np.uint8)
    locked = lock_colour(before, after)
    assert (locked[:, :64] == 255).all()
    assert (locked[:, 128:] == 0).all()
    between = locked[:, 80:112].astype(int) - 128
    assert np.abs(between).max() <= 3


@pytest.mark.parametrize("level", [0, 4, 251, 255])
def test_noise_that_was_clipped_is_no_cast(level):
    """Clipping has moved the mean of the noisy picture; the clean one is right all the same."""
    truth = np.full((160, 160, 3), level, np.uint8)
    before = noisy(truth, 25)
    assert np.abs(before.mean() - level) > 6
    assert np.abs(lock_colour(before, truth).astype(int) - truth).max() <= 1


@pytest.mark.parametrize(("level", "way"), [(4, 1), (251, -1)])
def test_clipped_noise_hides_no_cast_the_other_way(level, way):
    """Clipping at black raises a mean; an output above even that is tinted."""
    truth = np.full((160, 160, 3), level, np.uint8)
    before = noisy(truth, 5)
    tinted = (truth + way * np.array([15, 0, 0])).astype(np.uint8)
    red = lock_colour(before, tinted)[:, :, 0].astype(int)
    assert np.abs(red - level).max() < 4


@pytest.mark.parametrize(("sigma", "left"), [(5, 0.2), (15, 0.4), (50, 1.0)])
def test_noise_is_no_cast(sigma, left):
    """The mean of noise over a cell is not zero; bringing it back would cost decibels."""
    truth = scene(256, 256)
    before = noisy(truth, sigma)
    locked = lock_colour(before, truth)
    assert np.mean((locked - truth.astype(float)) ** 2) < 0.1
    tinted = (truth + CAST).astype(np.uint8)
    assert drift(tinted, truth) > 4
    assert drift(lock_colour(before, tinted), truth) < left


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiles_do_not_show(tmp_path, dtype):
    """A network that tints, run whole and in tiles."""
    model = tiny_model(tmp_path, seed=3)
    network = open_network(model, threads=1)
    before = scene(150, 170, dtype=dtype)
    whole, tiled = (lock_colour(before, process(network, before, tile=t)) for t in (None, 37))
    unlocked = process(network, before)
    assert (whole != unlocked).any()
    assert np.abs(whole.astype(int) - tiled).max() <= (1 if dtype == np.uint8 else 7)


def test_the_restorer_at_level_0_is_left_alone():
    network = open_network(Catalog().find("restore"), threads=1)
    photo = scene(96, 96, dtype=np.uint16)
    output = process(network, photo, [0] * len(network.card.levels))
    np.testing.assert_array_equal(output, photo)
    assert lock_colour(photo, output) is output


def told(**damage):
    """What the shipped restorer is told of *damage*."""
    named = Levels(**damage).named()
    return [named[level] for level in Catalog().find("restore").card.levels]


def damaged(kind, truth, seed):
    """An input, its reference at the output's size, model, levels and the truth that fits."""
    if kind == "jpeg":
        file = io.BytesIO()
        Image.fromarray(truth).save(file, "JPEG", quality=20)
        before = np.asarray(Image.open(file))
        return before, before, "restore", told(jpeg=20), truth
    if kind == "noise":
        before = noisy(truth, 25, seed)
        return before, before, "restore", told(noise=25), truth
    height, width = (side // 4 * 4 for side in truth.shape[:2])
    size = width // 4, height // 4
    fitting = Image.fromarray(truth[:height, :width])
    before = fitting.resize(size, Image.Resampling.BICUBIC)
    wide = np.asarray(before.resize((width, height), Image.Resampling.BICUBIC))
    return np.asarray(before), wide, "sr-x4", (), truth[:height, :width]


@pytest.mark.parametrize(("kind", "left"), [("noise", 0.8), ("jpeg", 0.4), ("sr", 0.4)])
def test_real_photos(kind, left):
    """Shipped networks lose nothing by the lock; the same with a cast are mended."""
    drifts, costs = [], []
    for seed, (_, truth) in zip(range(3), photos("cbsd68.tar"), strict=False):
        before, reference, name, levels, truth = damaged(kind, truth, seed)
        output = process(open_network(Catalog().find(name), threads=1), before, levels)
        locked = lock_colour(before, output)
        costs.append(psnr(output, truth) - psnr(locked, truth))
        tinted = np.clip(output.astype(int) + CAST, 0, 255).astype(np.uint8)
        pictures = (locked, tinted, lock_colour(before, tinted))
        drifts.append([drift(picture, reference) for picture in pictures])
    assert np.mean(costs) < 0.02
    without, with_cast, mended = np.mean(drifts, 0)
    assert without < 0.5
    assert with_cast > 4
    assert mended < left
