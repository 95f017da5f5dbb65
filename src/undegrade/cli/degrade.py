"""``undegrade degrade``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def degrade(
    inputs: Annotated[list[Path], typer.Argument(help="Photos or folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the pairs.")],
    operators: Annotated[
        list[str],
        typer.Option(
            "--with",
            help="What goes wrong, in order: NAME to draw its parameters, or NAME:key=value,... "
            "Names: gaussian-noise, poisson-gaussian-noise, jpeg, resample, blur, lowlight, phone, "
            "fade, camera, scan, web.",
        ),
    ],
    seed: Annotated[int, typer.Option(help="The same seed makes the same pairs.")] = 0,
) -> None:
    """Make test pairs: degraded copies of photos with a manifest that replays them exactly."""
    from undegrade.batch.pairs import make_pairs
    from undegrade.cli.wording import plural
    from undegrade.errors import InputError

    summary = make_pairs(inputs, output, [_operator(text) for text in operators], seed)
    for failure in summary.failed:
        typer.echo(f"undegrade: {failure.name}: {failure.reason}", err=True)
    typer.echo(f"{plural(summary.written, 'pair')} written, {len(summary.failed)} failed", err=True)
    typer.echo(summary.manifest)
    if not summary.written:
        raise InputError("no pair was made", "see the reasons above")
    if summary.failed:
        raise typer.Exit(1)


def _operator(text: str) -> dict[str, Any]:
    """``jpeg:quality=20,subsampling=4:4:4`` as a step of a chain; values are JSON or words."""
    import json

    from undegrade.errors import UsageError

    name, _, rest = text.partition(":")
    step: dict[str, Any] = {"operator": name}
    for setting in filter(None, rest.split(",")):
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--with {text!r}: {setting!r} has no '='", "write NAME:key=value")
        try:
            step[key] = json.loads(value)
        except ValueError:
            step[key] = value
    return step
