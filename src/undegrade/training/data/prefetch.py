"""Batches made ahead by threads, the same ones whatever the number of threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Batches in order, made ahead by threads; a context manager that leaves no thread behind.

    Parameters
    ----------
    make: the batch of a step, a function of the step alone that several threads may call
        at once: hence nothing depends on *workers* and *depth*.
    workers: threads.
    depth: batches that are made or being made beyond the one that was asked for; each takes memory.

    >>> with Prefetcher(lambda step: step * step) as squares:
    ...     batches = squares.batches(3)
    ...     [next(batches) for _ in range(3)]
    [9, 16, 25]
    """

    def __init__(self, make: Callable[[int], T], workers: int = 2, depth: int = 4) -> None:
        if workers < 1 or depth < 1:
            raise ValueError(f"workers = {workers} and depth = {depth} must be at least 1")
        self._make = make
        self._depth = depth
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")

    def batches(self, start: int = 0) -> Iterator[T]:
        """The batches of step *start* and after, without end.

        What *make* raises for a step is raised when that step is asked for, and ends the iterator.
        """
        pending: deque[Future[T]] = deque()
        try:
            for step in range(start, start + self._depth):
                pending.append(self._pool.submit(self._make, step))
            while True:
                step += 1
                pending.append(self._pool.submit(self._make, step))
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Drop what was made ahead, and wait for the threads to end the batch they are at."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Prefetcher[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
