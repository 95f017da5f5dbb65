"""The course of the rates against its formulas, and whose turn it is."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.loop import rate_factor, whose_turn  # noqa: E402
from undegrade.training.recipe import Stage  # noqa: E402

LOSSES = {"l1": 1.0}


def stage(**settings):
    return Stage(**{"losses": LOSSES} | settings)


def adversarial(**settings):
    return stage(kind="adversarial", **settings)


def test_cosine_ends_at_zero():
    course = [rate_factor(stage(), 0, p) for p in (0.0, 0.25, 0.5, 1.0, 1.3)]
    assert course == pytest.approx([1, (1 + math.sqrt(0.5)) / 2, 0.5, 0, 0])


def test_constant():
    assert [rate_factor(stage(schedule="constant"), 9, p) for p in (0.0, 0.5, 1.0)] == [1, 1, 1]


def test_milestones_are_tenths():
    steps = stage(schedule="milestones", milestones=(0.25, 0.5))
    course = [rate_factor(steps, 0, p) for p in (0.0, 0.24, 0.25, 0.49, 0.5, 1.0)]
    assert course == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])


def test_one_cycle_rises_and_falls():
    cycle = stage(schedule="one-cycle")
    course = [rate_factor(cycle, 0, p) for p in (0.0, 0.15, 0.3, 0.65, 1.0)]
    assert course == pytest.approx([1 / 25, (1 + 1 / 25) / 2, 1, 0.5, 0])


@pytest.mark.parametrize("schedule", ["cosine", "constant", "one-cycle"])
def test_the_warm_up_rises_by_steps(schedule):
    warm, cold = stage(schedule=schedule, warmup=10), stage(schedule=schedule)
    for step, part in ((0, 0.1), (4, 0.5), (9, 1.0), (50, 1.0)):
        assert rate_factor(warm, step, 0.4) == pytest.approx(part * rate_factor(cold, step, 0.4))


def test_one_learns_alone():
    assert whose_turn(stage(), 3, math.inf) == (False, True)
    assert whose_turn(Stage(kind="critic"), 3, math.inf) == (True, False)
    assert whose_turn(adversarial(), 3, 0.1) == (True, True)


def test_fixed_turns():
    turns = adversarial(turns=(5, 2))
    order = "".join("cg"[whose_turn(turns, step, 0.1)[1]] for step in range(15))
    assert order == "cccccgg" * 2 + "c"
    assert all(sum(whose_turn(turns, step, 0.1)) == 1 for step in range(15))


def test_the_critics_turn_lasts_until_its_loss_is_low():
    turns = adversarial(turns=(1, 1), threshold=0.65)
    assert whose_turn(turns, 7, math.inf) == (True, False)
    assert whose_turn(turns, 7, 0.65) == (True, False)
    assert whose_turn(turns, 7, 0.64) == (False, True)


def test_the_critics_turn_has_an_end():
    turns = adversarial(turns=(1, 1), threshold=0.65, longest=3)
    assert whose_turn(turns, 7, 0.9, 2) == (True, False)
    assert whose_turn(turns, 7, 0.9, 3) == (False, True)
    assert whose_turn(turns, 7, math.inf, 0) == (True, False)
