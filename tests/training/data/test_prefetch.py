"""Batches that threads make ahead are those that would be made in turn."""

from __future__ import annotations

import threading
import time
from itertools import islice

import pytest

torch = pytest.importorskip("torch", reason="the make half needs undegrade[train]")

from undegrade.training.data.prefetch import prefetched  # noqa: E402


def make(step):
    """A batch whose making takes longer for some steps, so that threads overtake each other."""
    time.sleep(0.004 if step % 3 == 0 else 0.0)
    return step, torch.rand(5, generator=torch.Generator().manual_seed(step))


def taken(count, start=0, **settings):
    with prefetched(make, start, **settings) as batches:
        return list(islice(batches, count))


def equal(a, b):
    pairs = zip(a, b, strict=True)
    return all(one[0] == other[0] and torch.equal(one[1], other[1]) for one, other in pairs)


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [1, 5])
def test_batches_are_those_made_in_turn(workers, depth):
    assert equal(taken(20, workers=workers, depth=depth), [make(step) for step in range(20)])


def test_a_start_in_the_middle_gives_the_tail():
    assert equal(taken(6, start=14), taken(20)[14:])


def test_an_error_comes_at_its_step():
    def fails(step):
        if step >= 3:
            raise ValueError(f"step {step}")
        return step

    with prefetched(fails, workers=3, depth=6) as batches:
        assert [next(batches) for _ in range(3)] == [0, 1, 2]
        with pytest.raises(ValueError, match="step 3"):
            next(batches)
        assert list(batches) == []
    with prefetched(fails, 1) as again:
        assert next(again) == 1


def test_no_more_is_made_than_asked_for():
    made = []
    with prefetched(lambda step: made.append(step), workers=2, depth=3) as batches:
        next(batches)
        time.sleep(0.05)
        assert len(made) <= 4


def test_closing_while_full_leaves_no_thread():
    before = set(threading.enumerate())
    begun, closing = [], threading.Event()

    def slow(step):
        begun.append(step)
        closing.wait(60 if step else 0)  # only the first batch is there before it closes
        return step

    with prefetched(slow, workers=4, depth=50) as batches:
        assert next(batches) == 0
        later = threading.Timer(1, closing.set)
        later.start()
    later.join()
    assert len(begun) <= 1 + 4, "only what was under way is ended"
    assert set(threading.enumerate()) == before


def test_leaving_by_an_error_leaves_no_thread():
    before = set(threading.enumerate())

    def leave():
        with prefetched(make) as batches:
            next(batches)
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        leave()
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize("settings", [{"workers": 0}, {"depth": 0}])
def test_impossible_settings(settings):
    with pytest.raises(ValueError, match="must be at least 1"), prefetched(make, **settings):
        pass
