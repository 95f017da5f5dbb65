"""Many workers, a store and a driver as discrete events, for want of machines to measure.

A pure function of measured service times and a stated network; ``benchmarks/cluster.py`` calls it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Network:
    """A store and the way to it, as a public cloud sells it."""

    latency: float = 0.03
    """Seconds of one request."""
    requests: int = 4
    """For each object: HEAD and GET of the input, HEAD and PUT of the output."""
    node_rate: float = 6.25e9 / 8
    """Bytes per second of a machine, half of what is sold as up to 12.5 Gbit/s."""
    node_workers: int = 16
    """Workers of one machine, which share its line."""
    store_rate: float = 12.5e9
    """Bytes per second that the store gives all machines together: 100 Gbit/s."""


@dataclass(frozen=True)
class Work:
    """What every worker is given, and what the driver does for it."""

    units: int = 40
    """For each worker."""
    objects: int = 4
    """In a unit: 12 MP each make up 50 MP."""
    read: float = 4e6
    """Bytes of an input."""
    write: float = 5e6
    """Bytes of an output."""
    dispatch: float = 0.005
    """Seconds of the driver for each unit; it does one after the other."""
    waiting: int = 2
    """Units at each worker, the one in work included (``--max-in-flight``)."""
    start: float = 3.0
    """Seconds until a worker has loaded its networks."""


def simulate(
    workers: int, service: Sequence[float], network: Network, work: Work, seed: int = 0
) -> dict[str, float]:
    """Discrete events of *workers* over *service* times in seconds, drawn with replacement.

    A machine's line and the store's are queues: transfers pass one after the other at full rate.
    A worker reads, computes and writes, one object at a time.

    Returns
    -------
    ``seconds`` of the run; ``efficiency``, objects per second over what as many workers reach that
    wait for nothing; ``driver``, the part of the run that the driver is at work.
    """
    rng = np.random.default_rng(seed)
    total = workers * work.units
    times = rng.choice(np.asarray(service), (total, work.objects))
    lines = [0.0] * -(-workers // network.node_workers)
    store = driver = 0.0
    handed = 0
    ready: list[list[float]] = [[] for _ in range(workers)]
    """When the units that wait at a worker came to it."""

    def hand(now: float, worker: int) -> None:
        nonlocal driver, handed
        if handed < total:
            driver = max(driver, now) + work.dispatch
            ready[worker].append(driver)
            handed += 1

    def carry(now: float, worker: int, size: float) -> float:
        nonlocal store
        node = worker // network.node_workers
        lines[node] = max(lines[node], now) + size / network.node_rate
        store = max(store, now) + size / network.store_rate
        return max(lines[node], store)

    for _ in range(work.waiting):
        for worker in range(workers):
            hand(0.0, worker)
    # (time, order, worker, unit, step); steps of an object: read, compute and write.
    events = [(work.start, worker, worker, -1, 0) for worker in range(workers)]
    order, begun, end = workers, 0, 0.0
    while events:
        now, _, worker, unit, step = heapq.heappop(events)
        if step == 0 or step == 2 * work.objects:  # begin a unit
            if step:
                end = max(end, now)
                hand(now, worker)
            if not ready[worker]:
                continue
            now, unit, step = max(now, ready[worker].pop(0)), begun, 0
            begun += 1
        wait = network.latency * network.requests / 2
        if step % 2 == 0:
            done = carry(now + wait, worker, work.read) + times[unit, step // 2]
        else:
            done = carry(now + wait, worker, work.write)
        order += 1
        heapq.heappush(events, (float(done), order, worker, unit, step + 1))
    ideal = float(times.sum()) / workers
    return {
        "seconds": end,
        "efficiency": ideal / end,
        "driver": total * work.dispatch / end,
    }
