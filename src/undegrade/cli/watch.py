"""``undegrade watch``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli import options

if TYPE_CHECKING:
    from undegrade.batch import Outcome


def watch(
    folder: Annotated[Path, typer.Argument(help="Folder that photos come into.")],
    output: Annotated[Path, typer.Argument(help="Folder for the enhanced ones.")],
    task: options.Task = "auto",
    scale: options.Scale = None,
    strength: options.Strength = 1.0,
    model: options.Model = None,
    noise: options.Noise = None,
    jpeg: options.Jpeg = None,
    detail: options.Detail = None,
    keep: options.Keep = None,
    skip: options.Skip = None,
    add: options.Add = None,
    effort: options.Effort = "normal",
    format: options.Format = None,
    quality: options.Quality = None,
    strip: options.Strip = False,
    mark: options.Mark = True,
    recursive: options.Recursive = False,
    workers: options.Workers = 1,
    tile: options.Tile = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    max_megapixels: options.MaxMegapixels = 200.0,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.05)] = 2.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a photo.")] = False,
) -> None:
    """Enhance what comes into a folder, until it is stopped; the next start goes on."""
    from undegrade.batch.watch import watch as look
    from undegrade.cli.progress import outcome_line
    from undegrade.enhancer import Enhancer
    from undegrade.runtime import Networks, cores
    from undegrade.work import Order

    wishes = options.wishes_of(
        task=task,
        scale=scale,
        strength=strength,
        model=model,
        noise=noise,
        jpeg=jpeg,
        detail=detail,
        keep=keep,
        skip=skip,
        add=add,
        effort=effort,
    )
    order = Order(wishes, quality=quality, strip=strip, max_megapixels=max_megapixels, mark=mark)
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
