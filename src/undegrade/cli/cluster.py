"""``undegrade cluster``."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from undegrade.cluster import Tally


def cluster(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT_URI",
            help="Prefix, glob or object in any store, or a manifest (.parquet, .csv, .jsonl).",
        ),
    ],
    output: Annotated[str, typer.Argument(metavar="OUTPUT_URI", help="Prefix for the outputs.")],
    task: Annotated[
        str, typer.Option(help="auto does what each photo needs; else as for enhance.")
    ] = "auto",
    scale: Annotated[int | None, typer.Option(help="Enlarge 1, 2 or 4 times.")] = None,
    strength: Annotated[
        float, typer.Option(help="0 leaves photos untouched, 1 is as measured, up to 1.5.")
    ] = 1.0,
    model: Annotated[str | None, typer.Option(help="Run this model only.")] = None,
    noise: Annotated[
        float | None, typer.Option(help="Sigma of the noise, 0..255 units, if you know it.")
    ] = None,
    jpeg: Annotated[
        float | None, typer.Option(help="JPEG quality the photos have gone through, if known.")
    ] = None,
    detail: Annotated[float, typer.Option(help="0 is faithful, 1 is vivid.")] = 0.0,
    keep: Annotated[
        list[str] | None, typer.Option(help="Leave this as it is, such as grain; repeatable.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option(help="Leave this planned step out; repeatable.")
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(help="Take this step whatever was found; repeatable."),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Write jpg, png, webp, tif or avif; put behind the name.")
    ] = None,
    quality: Annotated[int | None, typer.Option(help="Quality of lossy outputs, 1..100.")] = None,
    strip: Annotated[bool, typer.Option("--strip", help="Leave EXIF, XMP and IPTC out.")] = False,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark/--no-mark",
            help="Say in the files that they were enhanced, and by what, or not.",
        ),
    ] = True,
    tile: Annotated[
        int | None, typer.Option(help="Side of a tile in pixels; smaller takes less memory.")
    ] = None,
    precision: Annotated[str, typer.Option(help="auto, fp32 or int8.")] = "auto",
    device: Annotated[
        str, typer.Option(help="auto, cpu or gpu; auto is gpu with --gpus-per-task.")
    ] = "auto",
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse larger pictures before decoding them.")
    ] = 200.0,
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
    from undegrade.errors import UsageError

    try:
        from undegrade.cluster import Cluster, WorkerSettings, run
    except ModuleNotFoundError as error:
        raise UsageError(
            f"stores need {error.name}, which is not installed", "pip install 'undegrade[cluster]'"
        ) from None
    from undegrade.plan import Wishes
    from undegrade.work import Order

    wishes = Wishes(
        *(task, scale, strength, model, noise, jpeg, detail),
        keep=tuple(keep or ()),
        skip=tuple(skip or ()),
        add=tuple(add or ()),
    )
    order = Order(wishes, quality=quality, strip=strip, max_megapixels=max_megapixels, mark=mark)
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
                suffix=_suffix(format),
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


def _suffix(format: str | None) -> str | None:
    if format is None:
        return None
    from undegrade.picture import format_of

    suffix = "." + format.lower().lstrip(".")
    format_of("name" + suffix)  # refuses what cannot be written
    return suffix


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
