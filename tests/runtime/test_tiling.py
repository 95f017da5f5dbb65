"""Tiles are exact: a tiled run equals a run over the whole picture."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.networks import tiny_model
from undegrade.catalog import Catalog, user_folder
from undegrade.errors import Cancelled, ComputeError, UsageError
from undegrade.imaging.resize import reflected
from undegrade.runtime import make_grid, open_network, process

SIZES = st.one_of(st.sampled_from([1, 2, 3, 7, 31, 37, 53, 64, 67, 101]), st.integers(1, 120))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["same", "deep", "x2", "x4"]),
    height=SIZES,
    width=SIZES,
    tile=st.integers(16, 70),
    channels=st.sampled_from([1, 3]),
    seed=st.integers(0, 2**32 - 1),
)
def test_tiled_equals_whole(networks, name, height, width, tile, channels, seed):
    network = networks[name]
    rng = np.random.default_rng(seed)
    fine = rng.integers(0, 65536, (height, width, channels), dtype=np.uint16)
    levels = [0.1, 0.05][: len(network.card.levels)]

    whole = process(network, fine, levels).astype(int)
    tiled = process(network, fine, levels, tile=tile).astype(int)

    scale = network.card.scale
    assert whole.shape == (height * scale, width * scale, channels)
    assert np.abs(tiled - whole).max() <= math.ceil(1e-4 * 65535)

    coarse = (fine >> 8).astype(np.uint8)
    whole8, tiled8 = (process(network, coarse, levels, tile=t).astype(int) for t in (None, tile))
    differing = whole8 != tiled8
    if differing.any():  # only where the exact value lies on the edge between two levels
        assert np.abs(whole8 - tiled8).max() == 1
        assert differing.mean() < 1e-3


@settings(max_examples=100, deadline=None)
@given(
    height=SIZES,
    width=SIZES,
    radius=st.integers(0, 30),
    multiple=st.sampled_from([1, 2, 4, 8]),
    extra=st.integers(0, 60),
)
def test_grid_covers_every_pixel_once(height, width, radius, multiple, extra):
    core = max(radius, multiple) + extra
    grid = make_grid(height, width, radius, multiple, core)
    covered = np.zeros((height, width), int)
    for tile in grid:
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
        assert tile.top % multiple == tile.left % multiple == 0
        window = grid.read(np.zeros((height, width, 3), np.uint8), tile)
        assert window.shape[:2] == grid.window
    assert (covered == 1).all()
    assert all(side % multiple == 0 for side in grid.window)
    assert grid.margin >= radius
    assert len(list(grid)) == len(grid)


@given(size=st.integers(1, 9), before=st.integers(0, 30), after=st.integers(0, 30))
def test_reflection_is_numpys_symmetric_padding(size, before, after):
    values = np.arange(size)
    padded = np.pad(values, (before, after), mode="symmetric")
    assert (values[reflected(-before, size + after, size)] == padded).all()


@pytest.mark.parametrize("name", Catalog(user_folder() / "none").enhancing)
def test_shipped_models_have_no_seams(name):
    network = open_network(Catalog().find(name), threads=1, device="cpu")
    side = 32 * math.ceil(network.card.radius / 32)
    size = (2 * side + 19, 2 * side + 33, 3)
    fine = np.random.default_rng(0).integers(0, 65536, size, dtype=np.uint16)
    levels = [0.5] * len(network.card.levels)
    whole, tiled = (process(network, fine, levels, tile=t).astype(int) for t in (None, side))
    assert np.abs(tiled - whole).max() <= math.ceil(1e-4 * 65535)


def test_tile_below_the_radius_is_refused(networks):
    pixels = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(UsageError, match=r"tile of 8 pixels .* radius of 15.*--tile 64"):
        process(networks["deep"], pixels, tile=8)


def test_non_finite_output_names_the_tile(tmp_path):
    network = open_network(tiny_model(tmp_path, identity=True, poison=True), threads=1)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[25, 45] = 255
    with pytest.raises(ComputeError, match=r"tile 6 of 6 \(row 20, column 40\)"):
        process(network, pixels, tile=20)


def test_cancel_between_tiles_and_progress(networks):
    pixels = np.zeros((64, 64, 3), np.uint8)
    calls = []
    process(networks["x2"], pixels, tile=32, progress=lambda *call: calls.append(call))
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]
    seen = []
    with pytest.raises(Cancelled):
        process(
            networks["x2"],
            pixels,
            tile=32,
            progress=lambda done, _: seen.append(done),
            cancelled=lambda: len(seen) == 2,
        )
    assert seen == [1, 2]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_identity_network_is_bit_exact(tmp_path, dtype):
    network = open_network(tiny_model(tmp_path, identity=True), threads=1)
    peak = np.iinfo(dtype).max
    ramp = np.linspace(0, peak, 256 * 257, dtype=dtype).reshape(256, 257, 1)
    pixels = np.repeat(ramp, 3, 2)
    assert (process(network, pixels, tile=100) == pixels).all()


def test_colour_conversion_wraps_each_tile(tmp_path):
    network = open_network(tiny_model(tmp_path, identity=True), threads=1)
    pixels = np.random.default_rng(0).integers(0, 256, (30, 30, 3), dtype=np.uint8)
    seen = []

    def to_srgb(values):
        seen.append(values.shape)
        return values / 2

    result = process(network, pixels, tile=15, to_srgb=to_srgb, from_srgb=lambda v: v * 2)
    assert (result == pixels).all()
    assert seen == [(19, 19, 3)] * 4
