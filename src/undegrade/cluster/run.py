"""The run: list, measure out, hand to the workers, record what comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace

from fsspec.core import url_to_fs

from undegrade.cluster import ray_data
from undegrade.cluster.cluster import CLIENT, HERE, Cluster
from undegrade.cluster.ledger import Done, Ledger
from undegrade.cluster.listing import Listing
from undegrade.cluster.objects import Object, list_objects
from undegrade.cluster.remote import run_inside
from undegrade.cluster.scratch import Scratch
from undegrade.cluster.store import absolute, joined, protocols
from undegrade.cluster.tally import Tally
from undegrade.cluster.units import Unit, measure_out
from undegrade.cluster.worker import ROW, Enhance, Row, WorkerSettings, failed
from undegrade.errors import OutputError, UsageError


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
    cluster = cluster or Cluster()
    settings = cluster.fitted(settings)
    output = _checked(source, output, cluster)
    # Before the listing, which may take an hour.
    ours = cluster.address != HERE and ray_data.connect(cluster)
    scratch = Scratch(output)
    try:
        if cluster.address.startswith(CLIENT):
            wishes = {"recursive": recursive, "suffix": suffix, "retry_failed": retry_failed}
            asked = (absolute(source), output, settings)
            return run_inside(run, asked, cluster, wishes, on_rows)
        for dead in scratch.left():
            Ledger(output, dead).compact()
            dead.remove()
        at = (source, output, scratch.uri, Ledger(output, scratch))
        return _run(*at, settings, cluster, recursive, suffix, retry_failed, on_rows)
    finally:
        if ours:
            ray_data.disconnect()
        scratch.remove()


def _run(
    source: str,
    output: str,
    scratch: str,
    ledger: Ledger,
    settings: WorkerSettings,
    cluster: Cluster,
    recursive: bool,
    suffix: str | None,
    retry_failed: bool,
    on_rows: Callable[[Tally], None] | None,
) -> Tally:
    tally, digest = Tally(), settings.order.digest(settings.networks())
    done = ledger.done(digest, retry_failed=retry_failed)

    def known(item: Object, target: str) -> bool:
        found = done(item.uri, item.version, target)
        tally.skipped += found
        return found

    objects = list_objects(source, recursive=recursive, without=output)
    units = measure_out(objects, output, cluster.batch_megapixels, suffix, known)
    listing, alone = (Listing(joined(scratch, name)) for name in ("listing", "alone"))

    def count(finished: Generator[list[Row], None, None]) -> None:
        with closing(finished):
            for rows in finished:
                tally.add(rows)
                if on_rows:
                    on_rows(tally)

    try:
        listing.write(_counted(units, tally, on_rows))
        tally.started = time.monotonic()
        count(_work(listing, scratch, ledger, settings, cluster))
        if tally.done < tally.listed:
            # Workers died of some units, time and again: of which object shows when each is alone,
            # with no other waiting at its worker.
            alone.write(_missing(listing, ledger.recorded(digest)))
            single = replace(cluster, max_in_flight=1)
            count(_work(alone, scratch, ledger, settings, single))
        if tally.done < tally.listed:
            count(_deadly(_missing(alone, ledger.recorded(digest)), ledger, digest))
    finally:
        ledger.compact()
        tally.recount(ledger)
    return tally


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


def _counted(
    units: Iterable[Unit], tally: Tally, on_rows: Callable[[Tally], None] | None
) -> Iterator[Unit]:
    for unit in units:
        tally.listed += len(unit.inputs)
        tally.expected += unit.megapixels
        if on_rows:
            on_rows(tally)
        yield unit


def _work(
    listing: Listing, scratch: str, ledger: Ledger, settings: WorkerSettings, cluster: Cluster
) -> Generator[list[Row], None, None]:
    if not listing.paths:
        return
    if cluster.address == HERE:
        enhance = Enhance(settings, scratch)
        for unit in listing.units():
            rows: list[Row] = []
            try:
                for row in zip(unit.inputs, unit.outputs, unit.versions, strict=True):
                    rows.append(enhance.one(*row))
                    yield rows[-1:]
            finally:  # a Ctrl-C loses the one in work
                if rows:
                    ledger.keep(unit.outputs, rows)
    else:
        yield from ray_data.on_ray(listing, scratch, ledger, settings, cluster)


def _missing(listing: Listing, recorded: Done) -> Iterator[Unit]:
    """The objects of *listing* that have no row yet, each in a unit of its own."""
    for unit in listing.units():
        for one in unit.singles():
            if not recorded(one.inputs[0], one.versions[0], one.outputs[0]):
                yield one


def _deadly(units: Iterable[Unit], ledger: Ledger, digest: str) -> Generator[list[Row], None, None]:
    """Rows for objects whose workers died each time."""
    for unit in units:
        row: Row = {key: kind() for key, kind in ROW.items()}
        row |= {"input": unit.inputs[0], "output": unit.outputs[0], "version": unit.versions[0]}
        what = f"workers died of {unit.inputs[0]!r}, perhaps for want of memory; look at it alone"
        row |= {"settings": digest, **failed(what, "crash")}
        ledger.keep(unit.outputs, [row])
        yield [row]
