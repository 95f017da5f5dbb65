"""Batches made ahead by threads, the same ones whatever the number of threads."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

T = TypeVar("T")


def step_generator(seed: int, step: int) -> torch.Generator:
    """A generator that depends on *seed* and *step* alone, for batches made in any order."""
    state = np.random.SeedSequence([seed, step]).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state[0] >> 1))


class Prefetcher(Generic[T]):
    """Batches in order, made ahead by threads; a context manager that leaves no thread behind.

    Parameters
    ----------
    make: the batch of a step, a function of the step alone (see :func:`step_generator`) that
        several threads may call at once: hence nothing depends on *workers* and *depth*.
    workers: threads.
    depth: batches that are made or being made beyond the one that was asked for; each takes memory.
    pin: put tensors of batches into pinned memory, from which they are copied to a GPU without
        waiting. Without CUDA nothing is done.

    >>> with Prefetcher(lambda step: step * step) as squares:
    ...     batches = squares.batches(3)
    ...     [next(batches) for _ in range(3)]
    [9, 16, 25]
    """

    def __init__(
        self, make: Callable[[int], T], workers: int = 2, depth: int = 4, pin: bool = False
    ) -> None:
        if workers < 1 or depth < 1:
            raise ValueError(f"workers = {workers} and depth = {depth} must be at least 1")
        self._make = make
        self._depth = depth
        self._pin = pin and torch.cuda.is_available()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="prefetch")

    def batches(self, start: int = 0) -> Iterator[T]:
        """The batches of step *start* and after, without end.

        What *make* raises for a step is raised when that step is asked for, and ends the iterator.
        """
        pending: deque[Future[T]] = deque()
        try:
            for step in range(start, start + self._depth):
                pending.append(self._pool.submit(self._batch, step))
            while True:
                step += 1
                pending.append(self._pool.submit(self._batch, step))
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """Drop what was made ahead, and wait for the threads to end the batch they are at."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Prefetcher[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _batch(self, step: int) -> T:
        batch = self._make(step)
        if self._pin:
            batch = map_tensors(Tensor.pin_memory, batch)
        return batch


def map_tensors(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """*value* with *function* applied to every tensor in it.

    Nested tuples, lists, dictionaries and dataclasses are made anew; everything else stays.
    """
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(map_tensors(function, part) for part in value))
    if isinstance(value, tuple | list):
        return type(value)(map_tensors(function, part) for part in value)
    if isinstance(value, dict):
        return {key: map_tensors(function, part) for key, part in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return dataclasses.replace(
            value, **{key: map_tensors(function, part) for key, part in parts.items()}
        )
    return value
