"""The bound is computed from the card and the picture, before anything runs."""

from __future__ import annotations

import pytest

from undegrade.catalog import Card
from undegrade.runtime import make_grid, memory_bound, tile_need, tile_side


def card(**changes):
    facts = {"radius": 20, "bytes_per_pixel": 1024} | changes
    return Card(name="c", task="restore", file="c.onnx", sha256="", **facts)


def test_bound_counts_pictures_and_tiles():
    small = make_grid(100, 100, 20, 1, 256)
    base = memory_bound(card(bytes_per_pixel=1), small, 3, 1)
    assert memory_bound(card(bytes_per_pixel=1), small, 3, 2) - base == 4 * 100 * 100 * 3
    assert (
        memory_bound(card(bytes_per_pixel=1001), small, 3, 1) - base == 1000 * small.window_pixels
    )
    assert memory_bound(card(bytes_per_pixel=1, scale=4), small, 3, 1) - base == 2 * 30_000 * 15


@pytest.mark.parametrize("scale", [1, 4])
def test_a_mean_needs_a_sum_and_a_turned_window(scale):
    grid = make_grid(100, 100, 20, 1, 256)
    once, mean = (memory_bound(card(scale=scale), grid, 3, 1, averages=a) for a in (False, True))
    assert mean - once == grid.window_pixels * 3 * 4 * (1 + scale**2)


def test_workers_multiply_the_need():
    grid = make_grid(100, 100, 20, 1, 256)
    one, two, three = (memory_bound(card(), grid, 3, 1, workers) for workers in (1, 2, 3))
    assert three - two == two - one > 0


@pytest.mark.parametrize("bytes_per_pixel", [64, 256, 1024, 4096])
def test_tile_keeps_to_the_budget(bytes_per_pixel):
    chosen = card(bytes_per_pixel=bytes_per_pixel)
    budget = 300_000_000
    side = tile_side(chosen, budget)
    assert tile_need(chosen, make_grid(4000, 4000, 20, 1, side)) <= max(budget, 296**2 * 4096)


def test_smaller_budget_never_means_a_larger_tile():
    sides = [tile_side(card(), budget) for budget in (10**8, 2 * 10**8, 4 * 10**8, 10**9)]
    assert sides == sorted(sides)
    assert sides[0] < sides[-1]


def test_tile_is_never_below_the_radius():
    assert tile_side(card(radius=300, bytes_per_pixel=10**6)) == 384
    assert tile_side(card(radius=2000, bytes_per_pixel=10**6)) == 2000


def test_unmeasured_network_is_taken_for_a_wide_one():
    grid = make_grid(400, 400, 20, 1, 256)
    assert tile_need(card(bytes_per_pixel=0), grid) > tile_need(card(bytes_per_pixel=4000), grid)
