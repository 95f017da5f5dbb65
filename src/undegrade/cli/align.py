"""``undegrade align``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def align(
    phone: Annotated[Path, typer.Argument(help="A phone's photo, or a folder of them.")],
    dslr: Annotated[
        Path, typer.Argument(help="A DSLR's photo of the same scene, or a folder; same names.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the windows.")],
    size: Annotated[int, typer.Option(help="Side of a window, in phone pixels.")] = 100,
    search: Annotated[int, typer.Option(help="Largest shift of a window, in pixels.")] = 5,
    threshold: Annotated[
        float, typer.Option(help="Least cross-correlation of a window that is kept.")
    ] = 0.9,
) -> None:
    """Make training pairs of phone and DSLR photos of one scene; shows them in report.html."""
    from undegrade.alignment import WindowSettings, align_pairs
    from undegrade.cli.wording import plural
    from undegrade.errors import InputError

    summary = align_pairs(phone, dslr, output, WindowSettings(size, search, threshold))
    for failure in summary.failed:
        typer.echo(f"undegrade: {failure.name}: {failure.reason}", err=True)
    typer.echo(
        f"{plural(summary.aligned, 'pair')} aligned, {len(summary.failed)} failed; "
        f"{summary.kept} of {plural(summary.kept + summary.refused, 'window')} kept; "
        f"see {summary.report}",
        err=True,
    )
    typer.echo(summary.manifest)
    if not summary.kept:
        raise InputError("no window was kept", f"see {summary.report}")
    if summary.failed:
        raise typer.Exit(1)
