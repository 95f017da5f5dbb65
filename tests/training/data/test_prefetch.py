"""Batches that threads make ahead are those that would be made in turn."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.data import Prefetcher, step_generator  # noqa: E402
from undegrade.training.data.prefetch import map_tensors  # noqa: E402


def make(step):
    """A batch whose making takes longer for some steps, so that threads overtake each other."""
    time.sleep(0.004 if step % 3 == 0 else 0.0)
    return step, torch.rand(5, generator=step_generator(7, step))


def taken(count, start=0, **settings):
    with Prefetcher(make, **settings) as ahead:
        return list(islice(ahead.batches(start), count))


def equal(a, b):
    pairs = zip(a, b, strict=True)
    return all(one[0] == other[0] and torch.equal(one[1], other[1]) for one, other in pairs)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [1, 5])
def test_batches_are_those_made_in_turn(workers, depth):
    assert equal(taken(20, workers=workers, depth=depth), [make(step) for step in range(20)])


def test_a_start_in_the_middle_gives_the_tail():
    assert equal(taken(6, start=14), taken(20)[14:])


def test_generators_differ_by_seed_and_step():
    draws = {
        torch.rand(1, generator=step_generator(seed, step)).item()
        for seed in range(5)
        for step in range(5)
    }
    assert len(draws) == 25


def test_an_error_comes_at_its_step():
    def fails(step):
        if step >= 3:
            raise ValueError(f"step {step}")
        return step

    with Prefetcher(fails, workers=3, depth=6) as ahead:
        batches = ahead.batches()
        assert [next(batches) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="step 3"):
            next(batches)
        assert list(batches) == []
        assert next(ahead.batches(1)) == 1


def test_no_more_is_made_than_asked_for():
    made = []
    with Prefetcher(lambda step: made.append(step), workers=2, depth=3) as ahead:
        next(ahead.batches())
        time.sleep(0.05)
        assert len(made) <= 4


def test_closing_while_full_leaves_no_thread():
    before = set(threading.enumerate())
    started = threading.Event()

    def slow(step):
        started.set()
        time.sleep(0.01)
        return step

    ahead = Prefetcher(slow, workers=4, depth=50)
    batches = ahead.batches()
    assert next(batches) == 0
    assert started.is_set()
    begin = time.monotonic()
    ahead.close()
    ahead.close()
    assert time.monotonic() - begin < 0.4, "fifty batches would take longer"
    assert set(threading.enumerate()) == before


def test_leaving_by_an_error_leaves_no_thread():
    before = set(threading.enumerate())

    def leave():
        with Prefetcher(make) as ahead:
            next(ahead.batches())
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        leave()
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("settings", [{"workers": 0}, {"depth": 0}])
def test_impossible_settings(settings):
    with pytest.raises(ValueError, match="must be at least 1"):
        Prefetcher(make, **settings)


@dataclass(frozen=True)
class Batch:
    inputs: tuple
    note: str = "kept"


class Both(NamedTuple):
    a: object
    b: object


def test_tensors_are_found_wherever_they_are():
    one = torch.ones(2)
    batch = Batch((one, [one, {"x": one}], Both(one, 3)), "note")
    doubled = map_tensors(lambda tensor: tensor * 2, batch)
    assert doubled.note == "note"
    first, (second, table), both = doubled.inputs
    assert all(torch.equal(part, one * 2) for part in (first, second, table["x"], both.a))
    assert both.b == 3
    assert isinstance(both, Both)
    assert torch.equal(one, torch.ones(2))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_batches_are_pinned():
    with Prefetcher(make, pin=True) as ahead:
        assert next(ahead.batches())[1].is_pinned()
