"""Batches made ahead by threads, the same ones whatever the number of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def prefetched(
    make: Callable[[int], T], start: int = 0, workers: int = 2, depth: int = 4
) -> Iterator[Iterator[T]]:
    """The batches of step *start* and after in order and without end, made ahead by threads.

    What *make* raises for a step is raised when that step is asked for, and ends the iterator. At
    its end the context drops what was made ahead, and waits for the threads to end the batch they
    are at.

    Parameters
    ----------
    make: the batch of a step, a function of the step alone that several threads may call
        at once: hence nothing depends on *workers* and *depth*.
    workers: threads.
    depth: batches that are made or being made beyond the one that was asked for; each takes memory.

    >>> with prefetched(lambda step: step * step) as squares:
    ...     [next(squares) for _ in range(3)]
    [0, 1, 4]
    """
    if workers < 1 or depth < 1:
        raise ValueError(f"workers = {workers} and depth = {depth} must be at least 1")
    pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")

    def batches() -> Iterator[T]:
        pending = deque(pool.submit(make, step) for step in range(start, start + depth))
        for step in count(start + depth):
            pending.append(pool.submit(make, step))
            yield pending.popleft().result()

    try:
        yield batches()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
