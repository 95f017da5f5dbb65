"""A run whose driver is inside the cluster: Ray Data does not work through Ray's client."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from undegrade.errors import UndegradeError

if TYPE_CHECKING:
    from undegrade.cluster.cluster import Cluster
    from undegrade.cluster.tally import Tally

EVERY = 1.0
"""Seconds between two looks at how far it is."""

Answer = tuple[str, Any]
"""``done``, ``stopped`` or ``failed``, with the tally and its seconds, or with the error."""


class Driver:
    """An actor that runs a run where it is."""

    def __init__(self, run: Callable[..., Tally]) -> None:
        self._run = run
        self._tally: Tally | None = None
        self._stopped = False

    def work(self, arguments: tuple[Any, ...], wishes: dict[str, Any]) -> Answer:
        """The whole run; ``on_rows`` is this actor's own."""
        try:
            tally = self._run(*arguments, **wishes, on_rows=self._note)
        except KeyboardInterrupt:
            return "stopped", self.look()
        except UndegradeError as error:
            return "failed", error
        return "done", (tally, tally.seconds)

    def look(self) -> tuple[Tally, float] | None:
        """How far it is, and the seconds since its start: clocks of machines differ."""
        return (self._tally, self._tally.seconds) if self._tally else None

    def stop(self) -> None:
        """End it as a Ctrl-C would."""
        self._stopped = True

    def _note(self, tally: Tally) -> None:
        self._tally = tally
        if self._stopped:
            raise KeyboardInterrupt


def run_inside(
    run: Callable[..., Tally],
    at: tuple[Any, ...],
    cluster: Cluster,
    wishes: dict[str, Any],
    on_rows: Callable[[Tally], None] | None,
) -> Tally:
    """*run* in the *cluster* that Ray's client is connected to.

    *at* and *wishes* are its other arguments, by position and by name; addresses must mean the
    same in the cluster as here.

    Raises
    ------
    UndegradeError: whatever the run raised.
    """
    import ray

    # Several threads: it must answer while it works.
    remote: Any = ray.remote
    actor = remote(num_cpus=0, max_concurrency=4)(Driver).remote(run)
    answer = actor.work.remote((*at, replace(cluster, address="auto")), wishes)
    try:
        while not ray.wait([answer], timeout=EVERY)[0]:
            seen = ray.get(actor.look.remote())
            if seen and on_rows:
                on_rows(_here(*seen))
    except KeyboardInterrupt:
        ray.get(actor.stop.remote())
        _, seen = ray.get(answer)
        if seen and on_rows:
            on_rows(_here(*seen))
        raise
    kind, result = ray.get(answer)
    if kind == "failed":
        raise result
    tally = _here(*result)
    if on_rows:
        on_rows(tally)
    return tally


def _here(tally: Tally, seconds: float) -> Tally:
    """The *tally* by this machine's clock."""
    tally.started = time.monotonic() - seconds
    return tally
