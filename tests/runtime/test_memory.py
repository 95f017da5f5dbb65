"""The bound is computed from the card and the picture, before anything runs."""

from __future__ import annotations

import pytest

from undegrade.catalog import Card
from undegrade.runtime import Stage, make_grid, memory_bound, tile_need, tile_side
from undegrade.runtime.memory import BASE


def card(**changes):
    facts = {"radius": 20, "bytes_per_pixel": 1024} | changes
    return Card(name="c", task="restore", file="c.onnx", sha256="", **facts)


def bound(**changes):
    facts = {"file": 0, "photo": 0, "reading": 0, "stages": (), "writing": 0} | changes
    return memory_bound(**facts)


NOTHING = bound()
MUCH = 10**9


def test_a_program_that_does_nothing_takes_memory():
    assert NOTHING > 100_000_000


def test_file_and_photo_stay_to_the_end():
    stage = Stage(MUCH, MUCH, MUCH)
    for others in ({}, {"reading": MUCH}, {"stages": [stage]}, {"writing": MUCH}):
        assert bound(file=7, photo=11, **others) == bound(**others) + 18


def test_what_comes_one_after_the_other_is_not_added():
    stages = [Stage(MUCH, 4 * MUCH, 0), Stage(4 * MUCH, 1, 9 * MUCH)]
    most = max(bound(stages=stages), bound(reading=3 * MUCH), bound(stages=stages, writing=MUCH))
    assert bound(stages=stages, reading=3 * MUCH, writing=MUCH) == most


def test_a_stage_holds_two_pictures_and_a_tile_or_another_copy():
    assert bound(stages=[Stage(MUCH, 2 * MUCH, 5 * MUCH)]) == BASE + 8 * MUCH
    assert bound(stages=[Stage(MUCH, 6 * MUCH, 5 * MUCH)]) == BASE + 13 * MUCH


def test_what_was_made_is_there_while_it_is_encoded():
    assert bound(stages=[Stage(0, MUCH, 0)], writing=2 * MUCH) == BASE + 3 * MUCH


@pytest.mark.parametrize("scale", [1, 4])
def test_a_mean_needs_a_sum_and_a_turned_window(scale):
    grid = make_grid(100, 100, 20, 1, 256)
    once, mean = (tile_need(card(scale=scale), grid, averages=a) for a in (False, True))
    assert mean - once == grid.window_pixels * 3 * 4 * (1 + scale**2)


def test_workers_multiply_the_need():
    one, two, three = (bound(file=MUCH, writing=MUCH, workers=count) for count in (1, 2, 3))
    assert three - two == two - one == 2 * MUCH


@pytest.mark.parametrize("bytes_per_pixel", [64, 256, 1024, 4096])
def test_tile_keeps_to_the_budget(bytes_per_pixel):
    chosen = card(bytes_per_pixel=bytes_per_pixel)
    budget = 300_000_000
    side = tile_side(chosen, budget=budget)
    assert tile_need(chosen, make_grid(4000, 4000, 20, 1, side)) <= max(budget, 296**2 * 4096)


def test_smaller_budget_never_means_a_larger_tile():
    sides = [tile_side(card(), budget=budget) for budget in (10**8, 2 * 10**8, 4 * 10**8, 10**9)]
    assert sides == sorted(sides)
    assert sides[0] < sides[-1]


def test_tile_is_never_below_the_radius():
    assert tile_side(card(radius=300, bytes_per_pixel=10**6)) == 384
    assert tile_side(card(radius=2000, bytes_per_pixel=10**6)) == 2000


def test_unmeasured_network_is_taken_for_a_wide_one():
    grid = make_grid(400, 400, 20, 1, 256)
    assert tile_need(card(bytes_per_pixel=0), grid) > tile_need(card(bytes_per_pixel=4000), grid)


def test_less_memory_in_8_bit_means_larger_tiles():
    chosen = card(bytes_per_pixel=800, int8_bytes_per_pixel=500)
    assert tile_side(chosen, "int8") > tile_side(chosen) == tile_side(chosen, "fp32")
    assert tile_side(card(bytes_per_pixel=800), "int8") == tile_side(chosen)
    grid = make_grid(400, 400, 20, 1, 256)
    assert tile_need(chosen, grid, "int8") < tile_need(chosen, grid)
