"""``undegrade watch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli import options

if TYPE_CHECKING:
    from undegrade.batch import Outcome
    from undegrade.work import Order


@options.takes_order
def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that photos come into.")],
    output: Annotated[Path, typer.Argument(help="Folder for the enhanced ones.")],
    *,
    order: Order,
    format: options.Format = None,
    recursive: options.Recursive = False,
    workers: options.Workers = 1,
    tile: options.Tile = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.05)] = 2.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a photo.")] = False,
) -> None:
    """Enhance what comes into a folder, until it is stopped; the next start goes on."""
    from undegrade.batch.watch import watch as look
    from undegrade.cli.progress import outcome_line
    from undegrade.enhancer import Enhancer
    from undegrade.runtime import Networks, cores

    threads = max(1, cores() // workers)
    networks = Networks(threads=threads, device=device, precision=precision, tile=tile)

    def done(outcome: Outcome) -> None:
        if json:
            from json import dumps

            typer.echo(dumps(outcome.as_dict()))
        else:
            typer.echo(outcome_line(outcome), err=True)

    if not json:
        typer.echo(f"undegrade: watching {str(folder)!r} (Ctrl-C to stop)", err=True)
    look(
        *(folder, output, Enhancer(networks), order),
        recursive=recursive,
        suffix=options.suffix_of(format),
        workers=workers,
        every=every,
        on_done=done,
    )
