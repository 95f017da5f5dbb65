"""The run: list, measure out, hand to Ray Data, record what comes back."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.core import url_to_fs

from undegrade.cluster.ledger import FOLDER, Ledger
from undegrade.cluster.objects import Object, list_objects
from undegrade.cluster.store import joined, write_object
from undegrade.cluster.units import Unit, measure_out
from undegrade.cluster.worker import Batch, Enhance, Settings
from undegrade.errors import UsageError

HERE = "here"
"""Address that needs no Ray: one process, this one."""

UNITS_A_FILE = 256
LISTING = pa.schema(
    [(name, pa.list_(pa.string())) for name in ("inputs", "outputs", "versions")]
    + [("megapixels", pa.float64())]
)


@dataclass(frozen=True)
class Cluster:
    """Where the work is done and how much of it at a time."""

    address: str = "local"
    """``local``, ``auto``, ``ray://HOST:PORT``, or ``here`` for this process without Ray."""
    cpus_per_task: float = 1.0
    gpus_per_task: float = 0.0
    batch_megapixels: float = 50.0
    """Of one unit of work: what a killed worker repeats."""
    max_in_flight: int = 2
    """Units that wait at each worker."""
    workers: int | None = None
    """At most so many; by default as many as the cluster has room for."""

    def __post_init__(self) -> None:
        for name in ("cpus_per_task", "batch_megapixels", "max_in_flight"):
            if getattr(self, name) <= 0:
                option = "--" + name.replace("_", "-").removesuffix("-megapixels")
                raise UsageError(f"{option} must be above 0", "leave it away")
        if self.gpus_per_task < 0 or (self.workers is not None and self.workers < 1):
            raise UsageError("a share of a GPU cannot be below 0, nor workers below 1", "mend it")


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
    expected: float = 0.0
    """Megapixels of these, guessed from sizes."""
    skipped: int = 0
    """Objects that earlier runs have done."""
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> int:
        """Objects that were worked on."""
        return self.objects.total()

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self.started

    def add(self, rows: list[dict[str, Any]]) -> None:
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
    settings: Settings,
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
    the store, and memory here does not grow with the number of objects.

    Parameters
    ----------
    suffix: format of all outputs, as in ``".webp"``; by default each keeps its own.
    retry_failed: try again what failed for reasons that stay, such as a corrupt file.
    on_rows: called as finished objects come back.

    Raises
    ------
    InputError: nothing lies behind *source*. OutputError: the manifest cannot be written.
    UsageError: impossible settings, or Ray is missing or cannot be reached.
    """
    cluster = cluster or Cluster()
    ledger, tally = Ledger(output), Tally()
    done = ledger.done(settings.digest(), retry_failed=retry_failed)

    def known(item: Object, target: str) -> bool:
        found = done(item.uri, item.version, target)
        tally.skipped += found
        return found

    objects = list_objects(source, recursive=recursive)
    units = measure_out(objects, output, cluster.batch_megapixels, suffix, known)
    counted = _counted(units, tally)
    batches = (
        _here(counted, settings)
        if cluster.address == HERE
        else _on_ray(counted, output, settings, cluster)
    )
    try:
        for batch in batches:
            rows = _rows(batch)
            ledger.add(rows)
            tally.add(rows)
            if on_rows:
                on_rows(tally)
    finally:
        ledger.flush()
    return tally


def _counted(units: Iterable[Unit], tally: Tally) -> Iterator[Unit]:
    for unit in units:
        tally.listed += len(unit.inputs)
        tally.expected += unit.megapixels
        yield unit


def _rows(batch: Batch) -> list[dict[str, Any]]:
    columns = {name: [_plain(v) for v in values] for name, values in batch.items()}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _here(units: Iterable[Unit], settings: Settings) -> Iterator[Batch]:
    enhance = Enhance(settings)
    for unit in units:
        yield enhance({"input": unit.inputs, "output": unit.outputs, "version": unit.versions})


class EnhanceUnits(Enhance):
    """:class:`Enhance` on units, one row each with lists of objects."""

    def __call__(self, batch: Batch) -> Batch:
        lists = (batch["inputs"], batch["outputs"], batch["versions"])
        flat = [[str(value) for values in column for value in values] for column in lists]
        return super().__call__({"input": flat[0], "output": flat[1], "version": flat[2]})


def _on_ray(
    units: Iterable[Unit], output: str, settings: Settings, cluster: Cluster
) -> Iterator[Batch]:
    """Finished rows, as Ray Data's workers return them."""
    folder = joined(output, f"{FOLDER}/listing-{time.time_ns():020d}")
    paths = _write_listing(units, folder)
    if not paths:
        return
    ray_data = _connect(cluster)
    fs, _ = url_to_fs(folder)
    try:
        listing = ray_data.read_parquet(
            paths, filesystem=pa.fs.PyFileSystem(pa.fs.FSSpecHandler(fs)), shuffle=None
        )
        size = (1, cluster.workers or _room(cluster))
        results = listing.repartition(target_num_rows_per_block=1).map_batches(
            EnhanceUnits,
            fn_constructor_args=(settings,),
            batch_size=1,
            compute=ray_data.ActorPoolStrategy(
                min_size=size[0],
                max_size=size[1],
                max_tasks_in_flight_per_actor=cluster.max_in_flight,
            ),
            num_cpus=cluster.cpus_per_task,
            num_gpus=cluster.gpus_per_task or None,
        )
        yield from results.iter_batches(batch_size=None, batch_format="numpy", prefetch_batches=0)
    finally:
        for path in paths:
            fs.rm_file(path)


def _write_listing(units: Iterable[Unit], folder: str) -> list[str]:
    """The units as Parquet files in the store, from which workers read theirs; their paths."""
    root = url_to_fs(folder)[1]
    paths: list[str] = []
    rows: list[dict[str, Any]] = []

    def write() -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, LISTING), sink, compression="zstd")
        name = f"part-{len(paths):06d}.parquet"
        write_object(joined(folder, name), sink.getvalue().to_pybytes())
        paths.append(f"{root}/{name}")
        rows.clear()

    for unit in units:
        rows.append(vars(unit))
        if len(rows) == UNITS_A_FILE:
            write()
    if rows:
        write()
    return paths


def _connect(cluster: Cluster) -> Any:
    """Ray's data module, on the cluster that was asked for."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        import ray.data
    except ModuleNotFoundError:
        raise UsageError(
            "several machines need Ray, which is not installed",
            "pip install 'undegrade[cluster]', or use --address here",
        ) from None
    if not ray.is_initialized():
        address = None if cluster.address == "local" else cluster.address
        try:
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UsageError(
                f"there is no Ray cluster at {cluster.address!r}: {error}",
                "start one with `ray start`, or use --address local",
            ) from None
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    # A unit comes back even if its worker, or the whole node, was killed; its outputs are written
    # whole and again the same.
    context.max_errored_blocks = 0
    return ray.data


def _room(cluster: Cluster) -> int:
    """Workers that fit into the cluster as it is now."""
    import ray

    have: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    room = have.get("CPU", 1.0) / cluster.cpus_per_task
    if cluster.gpus_per_task:
        room = min(room, have.get("GPU", 0.0) / cluster.gpus_per_task)
    if room < 1:
        raise UsageError(
            f"no worker fits: it asks for {cluster.cpus_per_task:g} CPUs and "
            f"{cluster.gpus_per_task:g} GPUs, the cluster has {have.get('CPU', 0):g} and "
            f"{have.get('GPU', 0):g}",
            "ask for less",
        )
    return int(room)
