"""The effort ``best``: the mean over eight turns, of tiles, thumbnails and places as well."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undegrade.catalog import Catalog, user_folder
from undegrade.runtime import WholePhoto, make_thumbnail, open_network, process
from undegrade.runtime.session import TURNS

SHIPPED = Catalog(user_folder() / "none")


def test_all_eight_and_back():
    planes = np.random.default_rng(0).random((1, 3, 4, 6), np.float32)
    turned = [turn.forth(planes) for turn in TURNS]
    assert len({(one.shape, one.tobytes()) for one in turned}) == 8
    for turn, one in zip(TURNS, turned, strict=True):
        np.testing.assert_array_equal(turn.back(one), planes)
    np.testing.assert_array_equal(turned[0], planes)


@pytest.mark.parametrize("name", ["same", "deep", "x2"])
def test_it_is_the_mean_of_eight_runs(networks, name):
    network = networks[name]
    windows = np.random.default_rng(0).random((1, 3, 32, 48), np.float32)
    levels = [0.1, 0.05][: len(network.card.levels)]
    runs = []
    for quarter in range(4):
        for mirrored in (False, True):
            seen = np.rot90(windows, quarter, (2, 3))
            seen = seen[..., ::-1] if mirrored else seen
            made = network.run(np.ascontiguousarray(seen), levels)
            runs.append(np.rot90(made[..., ::-1] if mirrored else made, -quarter, (2, 3)))
    averaged = replace(network, averages=True).run(windows, levels)
    np.testing.assert_allclose(averaged, np.mean(runs, axis=0), atol=1e-5)
    assert np.abs(averaged - runs[0]).max() > 1e-3


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(["same", "deep", "x2"]),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    tile=st.integers(16, 50),
    seed=st.integers(0, 2**32 - 1),
)
def test_tiled_equals_whole(networks, name, height, width, tile, seed):
    network = replace(networks[name], averages=True)
    pixels = np.random.default_rng(seed).integers(0, 65536, (height, width, 3), dtype=np.uint16)
    levels = [0.1, 0.05][: len(network.card.levels)]
    whole, tiled = (process(network, pixels, levels, tile=t).astype(int) for t in (None, tile))
    assert np.abs(tiled - whole).max() <= math.ceil(1e-4 * 65535)


@pytest.mark.parametrize("name", ["restore", "lowlight-free"])
def test_shipped_networks_have_no_seams(name):
    opened = open_network(SHIPPED.find(name), threads=1, device="cpu", precision="fp32")
    network = replace(opened, averages=True)
    pixels = np.random.default_rng(0).integers(0, 65536, (83, 97, 3), dtype=np.uint16)
    levels = [0.5] * len(network.card.levels)
    whole, tiled = (process(network, pixels, levels, tile=t).astype(int) for t in (None, 64))
    assert np.abs(tiled - whole).max() <= math.ceil(1e-4 * 65535)


@pytest.mark.parametrize("turn", TURNS, ids=str)
@pytest.mark.parametrize("offset", [(0, 0), (10, 20)])
def test_the_whole_is_turned_along(turn, offset):
    """A window sees what it would see in the photo turned before: its thumbnail, and its place."""
    pixels = np.random.default_rng(0).integers(0, 256, (101, 67, 3), np.uint8)
    photo = WholePhoto(make_thumbnail(pixels, 48, None), 101, 67, *offset)
    (top, left), (height, width) = (17, 5), (30, 22)
    marked = np.zeros((1, 101, 67), np.float32)
    marked[:, offset[0] + top :, offset[1] + left :][:, :height, :width] = 1
    rows, columns = (np.nonzero(turn.forth(marked)[0])[axis] for axis in (0, 1))

    turned = turn.forth(pixels.transpose(2, 0, 1)).transpose(1, 2, 0)
    expected = WholePhoto(make_thumbnail(turned, 48, None), *turned.shape[:2])
    seen = turn.whole(photo, (top, left), (height, width))
    np.testing.assert_array_equal(seen.thumbnail, expected.thumbnail)
    np.testing.assert_array_equal(seen.place(0, 0), expected.place(rows.min(), columns.min()))


def test_light_does_not_depend_on_how_a_photo_is_held():
    """Where a network sees all of a photo, the mean is the same for the photo on its side."""
    opened = open_network(SHIPPED.find("lowlight-free"), threads=1, device="cpu")
    network = replace(opened, averages=True)
    side = 24 * network.card.multiple
    pixels = np.random.default_rng(0).integers(0, 20000, (side, 2 * side, 3), dtype=np.uint16)
    told = [0.2] * len(network.card.levels)
    held = pixels, np.rot90(pixels)
    upright, lying = (process(network, one, told).astype(int) for one in held)
    assert np.abs(np.rot90(upright) - lying).max() <= math.ceil(1e-4 * 65535)
