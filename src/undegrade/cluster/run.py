"""The run: list, measure out, hand to the workers, record what comes back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from fsspec.core import url_to_fs

from undegrade.cluster import ray_data
from undegrade.cluster.ledger import Done, Ledger, Scratch
from undegrade.cluster.objects import Object, list_objects
from undegrade.cluster.ray_data import CLIENT, COUNTED, HERE, Cluster
from undegrade.cluster.store import absolute, joined, protocols
from undegrade.cluster.units import Listing, Unit, measure_out
from undegrade.cluster.worker import Enhance, Row, WorkerSettings, begun, failed
from undegrade.errors import OutputError, UndegradeError, UsageError

EVERY = 1.0
"""Seconds between two looks at how far it is."""


@dataclass
class Tally:
    """What a run has done so far."""

    objects: Counter[str] = field(default_factory=Counter)
    """By status: ``enhanced``, ``unchanged``, ``failed``."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Failures by kind."""
    failures: list[tuple[str, str]] = field(default_factory=list)
    """The first hundred failed objects with their errors; all are in the manifest."""
    megapixels: float = 0.0
    worker_seconds: float = 0.0
    listed: int = 0
    """Objects to be done, as far as is known."""
    skipped: int = 0
    """Objects that earlier runs have done."""
    seconds: float = 0.0
    """Since the workers were called."""

    @property
    def done(self) -> int:
        """Objects that were worked on."""
        return self.objects.total()

    def recount(self, ledger: Ledger) -> None:
        """Count what the run has recorded: a worker may have died before it could say so."""
        self.objects.clear()
        self.reasons.clear()
        self.failures.clear()
        self.megapixels = self.worker_seconds = 0.0
        for part in ledger.parts(list(COUNTED), own=True):
            self.add(part.to_pylist())

    def add(self, rows: list[Row]) -> None:
        """Count finished objects."""
        for row in rows:
            self.objects[row["status"]] += 1
            self.megapixels += row["megapixels"]
            self.worker_seconds += row["seconds"]
            if row["status"] == "failed":
                self.reasons[row["reason"]] += 1
                if len(self.failures) < 100:
                    self.failures.append((row["input"], row["error"]))


def run(
    source: str,
    output: str,
    settings: WorkerSettings,
    cluster: Cluster | None = None,
    *,
    recursive: bool = True,
    suffix: str | None = None,
    retry_failed: bool = False,
    on_rows: Callable[[Tally], None] | None = None,
) -> Tally:
    """Enhance every photo behind the URI *source* into the prefix *output*.

    What the manifest below *output* calls done with the same settings is passed over, so that a
    run that was killed goes on. Ray holds the work in flight; the listing and the manifest lie in
    the store, and memory here does not grow with the number of objects. Whatever stops the run,
    Ctrl-C included, what a worker has finished is recorded.

    Parameters
    ----------
    suffix: format of all outputs, as in ``".webp"``; by default each keeps its own.
    retry_failed: try again what failed for reasons that stay, such as a corrupt file.
    on_rows: called as objects are listed and as finished ones come back.

    Raises
    ------
    InputError: nothing lies behind *source*. OutputError: the manifest cannot be written, or
    outputs would fall among the inputs. UsageError: impossible settings, or Ray is missing or
    cannot be reached.
    """
    cluster, on_rows = cluster or Cluster(), on_rows or (lambda tally: None)
    settings = cluster.fitted(settings)
    output = _checked(source, output, cluster)
    # Before the listing, which may take an hour.
    ours = cluster.address != HERE and ray_data.connect(cluster)
    scratch = Scratch(output)
    try:
        if cluster.address.startswith(CLIENT):
            wishes = {"recursive": recursive, "suffix": suffix, "retry_failed": retry_failed}
            return _run_inside((absolute(source), output, settings), cluster, wishes, on_rows)
        for dead in scratch.left():
            Ledger(output, dead).compact()
            dead.remove()
        one = _Run(
            output,
            scratch=scratch.uri,
            ledger=Ledger(output, scratch),
            settings=settings,
            cluster=cluster,
            on_rows=on_rows,
        )
        return one.work(source, recursive=recursive, suffix=suffix, retry_failed=retry_failed)
    finally:
        if ours:
            ray_data.disconnect()
        scratch.remove()


@dataclass
class _Run:
    """One run, from the listing to the last row."""

    output: str
    scratch: str
    ledger: Ledger
    settings: WorkerSettings
    cluster: Cluster
    on_rows: Callable[[Tally], None]
    tally: Tally = field(default_factory=Tally)
    started: float = field(default_factory=time.monotonic)

    def work(
        self, source: str, *, recursive: bool, suffix: str | None, retry_failed: bool
    ) -> Tally:
        """List, do what is not done, record; see :func:`run`."""
        tally, ledger = self.tally, self.ledger
        digest = self.settings.order.digest(self.settings.networks())
        done = ledger.done(digest, retry_failed=retry_failed)

        def known(item: Object, target: str) -> bool:
            found = done(item.uri, item.version, target)
            tally.skipped += found
            return found

        objects = list_objects(source, recursive=recursive, without=self.output)
        units = measure_out(objects, self.output, self.cluster.batch_megapixels, suffix, known)
        listing, alone = (Listing(joined(self.scratch, name)) for name in ("listing", "alone"))
        try:
            listing.write(self._listed(units))
            self.started = time.monotonic()
            self._count(self._enhanced(listing, self.cluster))
            if tally.done < tally.listed:
                # Workers died of some units, time and again: of which object shows when each is
                # alone, with no other waiting at its worker.
                alone.write(_missing(listing, ledger.recorded(digest)))
                self._count(self._enhanced(alone, replace(self.cluster, max_in_flight=1)))
            if tally.done < tally.listed:
                self._count(self._deadly(_missing(alone, ledger.recorded(digest)), digest))
        finally:
            ledger.compact()
            tally.recount(ledger)
            tally.seconds = time.monotonic() - self.started
        return tally

    def _listed(self, units: Iterable[Unit]) -> Iterator[Unit]:
        for unit in units:
            self.tally.listed += len(unit)
            self._tell()
            yield unit

    def _count(self, finished: Generator[list[Row], None, None]) -> None:
        with closing(finished):
            for rows in finished:
                self.tally.add(rows)
                self._tell()

    def _tell(self) -> None:
        self.tally.seconds = time.monotonic() - self.started
        self.on_rows(self.tally)

    def _enhanced(self, listing: Listing, cluster: Cluster) -> Generator[list[Row], None, None]:
        if not listing.paths:
            return
        if cluster.address != HERE:
            yield from ray_data.on_ray(listing, self.scratch, self.ledger, self.settings, cluster)
            return
        enhance = Enhance(self.settings, self.scratch)
        for unit in listing.units():
            rows: list[Row] = []
            try:
                for task in unit:
                    rows.append(enhance.one(*task))
                    yield rows[-1:]
            finally:  # a Ctrl-C loses the one in work
                if rows:
                    self.ledger.keep(rows)

    def _deadly(self, units: Iterable[Unit], digest: str) -> Generator[list[Row], None, None]:
        """Rows for objects whose workers died each time."""
        for unit in units:
            rows: list[Row] = []
            for source, target, version in unit:
                what = f"workers died of {source!r}, perhaps for want of memory; look at it alone"
                rows.append(begun(source, target, version, digest) | failed(what, "crash"))
            self.ledger.keep(rows)
            yield rows


def _checked(source: str, output: str, cluster: Cluster) -> str:
    """The output's address in full, if outputs cannot fall among the inputs."""
    whole, start = absolute(output), absolute(source)
    if whole == start:
        raise OutputError(
            f"the output {output!r} is the input, too", "name another prefix for the outputs"
        )
    shared = protocols(url_to_fs(whole)[0]) | protocols(url_to_fs(start)[0])
    if "memory" in shared and cluster.address != HERE:
        raise UsageError("no worker sees the memory of this process", "use --address here")
    return whole


def _missing(listing: Listing, recorded: Done) -> Iterator[Unit]:
    """The objects of *listing* that have no row yet, each in a unit of its own."""
    for unit in listing.units():
        for task in unit:
            if not recorded(task.input, task.version, task.output):
                yield [task]


class Driver:
    """An actor that runs a run where it is: Ray Data does not work through Ray's client."""

    def __init__(self) -> None:
        self._tally: Tally | None = None
        self._stopped = False

    def work(
        self, arguments: tuple[Any, ...], wishes: dict[str, Any]
    ) -> tuple[Tally | None, BaseException | None]:
        """The whole run by its own ``on_rows``: how far it came, and what ended it early."""
        try:
            return run(*arguments, **wishes, on_rows=self._note), None
        except (KeyboardInterrupt, UndegradeError) as error:
            return self._tally, error

    def look(self) -> Tally | None:
        """How far it is."""
        return self._tally

    def stop(self) -> None:
        """End it as a Ctrl-C would."""
        self._stopped = True

    def _note(self, tally: Tally) -> None:
        self._tally = tally
        if self._stopped:
            raise KeyboardInterrupt


def _run_inside(
    at: tuple[Any, ...],
    cluster: Cluster,
    wishes: dict[str, Any],
    told: Callable[[Tally], None],
) -> Tally:
    """:func:`run` in the *cluster* that Ray's client is connected to.

    *at* and *wishes* are its other arguments, by position and by name; addresses must mean the
    same in the cluster as here. Raises whatever the run raised.
    """
    import ray

    # Several threads: it must answer while it works.
    remote: Any = ray.remote
    actor = remote(num_cpus=0, max_concurrency=4)(Driver).remote()
    answer = actor.work.remote((*at, replace(cluster, address="auto")), wishes)
    try:
        while not ray.wait([answer], timeout=EVERY)[0]:
            if seen := ray.get(actor.look.remote()):
                told(seen)
    except KeyboardInterrupt:
        ray.get(actor.stop.remote())
    tally: Tally
    tally, error = ray.get(answer)
    if tally:
        told(tally)
    if error:
        raise error
    return tally
