"""``undegrade cluster``."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli import options

if TYPE_CHECKING:
    from undegrade.cluster import Tally
    from undegrade.work import Order


@options.takes_order
def cluster(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT_URI",
            help="Prefix, glob or object in any store, or a manifest (.parquet, .csv, .jsonl).",
        ),
    ],
    output: Annotated[str, typer.Argument(metavar="OUTPUT_URI", help="Prefix for the outputs.")],
    *,
    order: Order,
    format: options.Format = None,
    tile: options.Tile = None,
    precision: options.Precision = "auto",
    device: Annotated[
        str, typer.Option(help="auto, cpu or gpu; auto is gpu with --gpus-per-task.")
    ] = "auto",
    recursive: Annotated[bool, typer.Option(help="Look into sub-folders.")] = True,
    address: Annotated[
        str, typer.Option(help="local, auto, ray://HOST:PORT, or here: without Ray.")
    ] = "local",
    cpus_per_task: Annotated[float, typer.Option(help="Cores of one worker.")] = 1.0,
    gpus_per_task: Annotated[float, typer.Option(help="GPUs of one worker, or a part.")] = 0.0,
    batch: Annotated[
        float, typer.Option(help="Megapixels of a unit of work: what a killed worker repeats.")
    ] = 50.0,
    max_in_flight: Annotated[int, typer.Option(help="Units waiting at each worker.")] = 2,
    workers: Annotated[int | None, typer.Option(help="At most so many workers.")] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try what failed for good once more, too.")
    ] = False,
    cost_per_core_hour: Annotated[
        float, typer.Option(help="Price of a core for an hour, for the report.")
    ] = 0.04,
) -> None:
    """Enhance a store of photos on one machine or many (needs undegrade[cluster])."""
    with options.needed("a store of photos", "cluster"):
        from undegrade.cluster import Cluster, WorkerSettings, run

    settings = WorkerSettings(
        order, precision, device, threads=max(1, int(cpus_per_task)), tile=tile
    )
    where = Cluster(address, cpus_per_task, gpus_per_task, batch, max_in_flight, workers)
    meter = _Meter()
    try:
        # Ray prints half a page on each worker that dies; its own logs keep that.
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            tally = run(
                source,
                output,
                settings,
                where,
                recursive=recursive,
                suffix=options.suffix_of(format),
                retry_failed=retry_failed,
                on_rows=meter,
            )
    except KeyboardInterrupt:
        if meter.tally:
            report(meter.tally, cpus_per_task * cost_per_core_hour)
        typer.echo("stopped; the same command goes on from here", err=True)
        raise typer.Exit(130) from None
    report(tally, cpus_per_task * cost_per_core_hour)
    raise typer.Exit(1 if tally.objects["failed"] else 0)


class _Meter:
    """A line on stderr every few seconds."""

    EVERY = 2.0

    def __init__(self) -> None:
        self._last = 0.0
        self.tally: Tally | None = None

    def __call__(self, tally: Tally) -> None:
        self.tally = tally
        now = time.monotonic()
        if now - self._last < self.EVERY:
            return
        self._last = now
        rate = tally.done / tally.seconds
        left = max(tally.listed - tally.done, 0) / rate if rate else 0.0
        typer.echo(
            f"{tally.done} of {tally.listed} objects, {rate:.2f} objects/s, "
            f"{tally.megapixels / tally.seconds:.2f} MP/s, {_time(left)} left",
            err=True,
        )


def report(tally: Tally, price: float) -> None:
    """The end of a run on stdout; *price* is that of a worker for an hour."""
    parts = [f"{count} {status}" for status, count in sorted(tally.objects.items())]
    typer.echo(f"{tally.done} objects: {', '.join(parts) or 'nothing to do'}")
    if tally.skipped:
        typer.echo(f"{tally.skipped} were done before")
    if tally.done:
        hours = tally.worker_seconds / 3600
        speed = tally.megapixels / tally.worker_seconds if tally.worker_seconds else 0.0
        typer.echo(
            f"{tally.megapixels:.1f} megapixels in {_time(tally.seconds)}, "
            f"{3600 * speed:.0f} megapixels per worker-hour, "
            f"{1000 * price * hours / tally.done:.4f} per thousand objects"
        )
    for reason, count in tally.reasons.most_common():
        typer.echo(f"failed for {reason}: {count}")
    for name, error in tally.failures:
        typer.echo(f"  {name}: {error}", err=True)
    sys.stdout.flush()


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
