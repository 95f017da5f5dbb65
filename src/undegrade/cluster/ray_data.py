"""Where the work is done: with Ray Data, actors keep networks open, and units survive deaths."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undegrade.cluster.ledger import Ledger
from undegrade.cluster.units import Listing, Unit, unit_of
from undegrade.cluster.worker import Batch, Enhance, Row, WorkerSettings
from undegrade.errors import UsageError

if TYPE_CHECKING:
    import ray.data

Hook = Callable[[Any], Any]
"""As :data:`sys.unraisablehook`."""

HERE = "here"
"""Address that needs no Ray: one process, this one."""

CLIENT = "ray://"
"""Beginning of an address from outside a cluster: the driver is then inside it."""

DEATHS = 3
"""Times that a unit is begun again after its worker or its node died."""

FILES = 128
"""Of a listing in one go: for each unit of a go, Ray Data keeps some 4 kB."""

PATIENCE = 10.0
"""Seconds for a cluster to answer."""


COUNTED = ("input", "status", "reason", "error", "megapixels", "seconds")
"""What the driver is told of a row: the whole of it stands in the ledger."""


@dataclass(frozen=True)
class Cluster:
    """Where the work is done and how much of it at a time."""

    address: str = "local"
    """``local``, ``auto``, ``HOST:PORT``, ``ray://HOST:PORT``, or ``here`` for this process."""
    cpus_per_task: float = 1.0
    gpus_per_task: float = 0.0
    batch_megapixels: float = 50.0
    """Of one unit of work: what a killed worker repeats."""
    max_in_flight: int = 2
    """Units at each worker: one in work, the others waiting."""
    workers: int | None = None
    """At most so many; by default as many as the cluster has room for."""

    def __post_init__(self) -> None:
        for name in ("cpus_per_task", "batch_megapixels", "max_in_flight"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                option = "--" + name.removesuffix("_megapixels").replace("_", "-")
                raise UsageError(f"{option} {value:g} is not possible", "give a number above 0")
        if not 0 <= self.gpus_per_task < float("inf"):
            what = f"--gpus-per-task {self.gpus_per_task:g} is not possible"
            raise UsageError(what, "give 0 or a number above")
        if self.workers is not None and self.workers < 1:
            raise UsageError(f"--workers {self.workers} is not possible", "give 1 or more")

    def fitted(self, settings: WorkerSettings) -> WorkerSettings:
        """The *settings* of a worker: Ray lends a GPU only to whom it has promised one.

        Raises :class:`UsageError`: a device is wished for that no worker will have.
        """
        if self.address == HERE:
            return settings
        device = "gpu" if self.gpus_per_task else "cpu"
        if settings.device not in ("auto", device):
            raise UsageError(
                f"--device {settings.device} does not go with "
                f"--gpus-per-task {self.gpus_per_task:g}",
                "say how much of a GPU each worker gets, or leave --device away",
            )
        return replace(settings, device=device)


class EnhanceUnits(Enhance):
    """:class:`Enhance` on units, a column of them as they stand in a listing.

    A unit is done once its rows stand in the *ledger*: where its worker dies after that, before
    the driver has heard of it, the next one finds them there. It comes back as one value, the
    ``COUNTED`` of its rows as JSON, for what Ray Data does for each block takes milliseconds.
    """

    def __init__(self, settings: WorkerSettings, scratch: str, ledger: Ledger) -> None:
        # Not by super(), which a class that was sent as code, not by its name, does not survive.
        Enhance.__init__(self, settings, scratch)
        self.ledger = ledger

    def __call__(self, batch: Batch) -> Batch:
        done = [self.unit(unit_of(text)) for text in batch["unit"]]
        return {"rows": np.array([json.dumps(rows) for rows in done], object)}

    def unit(self, unit: Unit) -> list[Row]:
        """Do one unit, if nobody has."""
        rows = self.ledger.kept([task.output for task in unit])
        if not rows:
            rows = [self.one(*task) for task in unit]
            self.ledger.keep(rows)
        return [{name: row[name] for name in COUNTED} for row in rows]


def on_ray(
    listing: Listing, scratch: str, ledger: Ledger, settings: WorkerSettings, cluster: Cluster
) -> Generator[list[Row], None, None]:
    """Finished rows, a unit at a time; those of units whose workers kept dying are missing.

    Raises :class:`UsageError` where no worker fits into the cluster.
    """
    import ray.data

    workers = cluster.workers or _room(cluster)
    context = ray.data.DataContext.get_current()
    before = context.target_max_block_size
    # A block is what a worker is given: so small that each holds one row of the listing, a unit.
    context.target_max_block_size = 1
    try:
        for start in range(0, len(listing.paths), FILES):
            paths = listing.paths[start : start + FILES]
            arguments = (settings, scratch, ledger)
            results = _enhanced(listing.fs, paths, arguments, cluster, workers)
            for batch in results.iter_batches(
                batch_size=None, batch_format="numpy", prefetch_batches=0
            ):
                for rows in batch["rows"]:
                    yield json.loads(rows)
    finally:
        context.target_max_block_size = before


def _enhanced(
    fs: Any, paths: list[str], arguments: tuple[Any, ...], cluster: Cluster, workers: int
) -> ray.data.Dataset:
    """The plan of Ray Data for some files of a listing; *arguments* are for each worker."""
    import ray.data

    from undegrade.cluster.source import UnitsDatasource

    units = ray.data.read_datasource(
        UnitsDatasource(fs, paths),
        num_cpus=0,  # the workers may have taken all cores
        concurrency=1,
        override_num_blocks=len(paths),
    )
    with warnings.catch_warnings():
        # Without a limit, which has no other name yet, a deadly photo would be tried for ever.
        warnings.filterwarnings("ignore", "`ray_remote_args`")
        planned: ray.data.Dataset = units.map_batches(
            EnhanceUnits,
            fn_constructor_args=arguments,
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=1,
                max_size=workers,
                initial_size=workers,
                max_tasks_in_flight_per_actor=cluster.max_in_flight,
            ),
            num_cpus=cluster.cpus_per_task,
            num_gpus=cluster.gpus_per_task or None,
            max_restarts=-1,
            max_task_retries=DEATHS,
        )
    return planned


def connect(cluster: Cluster) -> bool:
    """Make Ray ready on the cluster that was asked for; whether it was not ready before.

    Raises :class:`UsageError`: Ray is missing, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise UsageError(
            "several machines need Ray, which is not installed",
            "pip install 'undegrade[cluster]', or use --address here",
        ) from None
    fresh = not ray.is_initialized()
    if fresh:
        try:
            _knock(cluster.address)
            with _hushed():
                ray.init(
                    address=cluster.address,
                    include_dashboard=False if cluster.address == "local" else None,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise UsageError(
                f"there is no Ray cluster at {cluster.address!r}: {error}",
                "start one with `ray start --head`, or use --address local; a cluster that asks "
                "for a token needs RAY_AUTH_MODE=token here, too",
            ) from None
        sys.unraisablehook = unheard(sys.unraisablehook)
    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # A unit that cannot be done must not stop the others; who runs it looks for what is missing.
    context.max_errored_blocks = -1
    return fresh


def disconnect() -> None:
    """Leave the cluster, and end it where it is this process's own."""
    import ray

    ray.shutdown()


def unheard(hook: Hook) -> Hook:
    """*hook* but for the handle of an actor that Ctrl-C left half made.

    Its ``__del__`` looks for what was not set yet, over and over in its ``__getattr__``, and Python
    prints that with half a page of Ray.
    """

    def heard(what: Any) -> None:
        half_made = getattr(what.object, "__qualname__", "") == "ActorHandle.__del__"
        if not (half_made and isinstance(what.exc_value, AttributeError | RecursionError)):
            hook(what)

    return heard


def _knock(address: str) -> None:
    """Raise an error if nobody answers there: Ray itself would wait for a quarter of an hour."""
    host, colon, port = address.removeprefix(CLIENT).rpartition(":")
    if colon:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Nothing on stderr: Ray's C++ part tells how loud it is, whatever it was told."""
    sys.stderr.flush()
    before = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


def _room(cluster: Cluster) -> int:
    """Workers that fit into the cluster as it is now."""
    import ray

    have: dict[str, Any] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cpus, gpus = have.get("CPU", 0.0), have.get("GPU", 0.0)
    room = cpus / cluster.cpus_per_task
    if cluster.gpus_per_task:
        room = min(room, gpus / cluster.gpus_per_task)
    if room < 1:
        raise UsageError(
            f"no worker fits: it asks for {cluster.cpus_per_task:g} CPUs and "
            f"{cluster.gpus_per_task:g} GPUs, the cluster has {cpus:g} and {gpus:g}",
            "ask for less, or name --workers where the cluster grows on demand",
        )
    return int(room)
