"""``undegrade diagnose``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from undegrade.diagnosis import Diagnosis
    from undegrade.picture import Picture


def diagnose(
    inputs: Annotated[
        list[str], typer.Argument(help="Photos, folders or globs; - reads one photo from stdin.")
    ],
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into sub-folders.")
    ] = False,
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse larger pictures before decoding them.")
    ] = 200.0,
    frame: Annotated[
        int | None, typer.Option(help="Look at this frame or page; 1 is the first.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a photo.")] = False,
) -> None:
    """Say what photos have lost, in words and numbers; nothing is changed."""
    from undegrade.batch import photos
    from undegrade.catalog import Catalog
    from undegrade.cli.wording import show
    from undegrade.diagnosis import BLIND, open_diagnoser
    from undegrade.errors import InputError, UndegradeError, UsageError
    from undegrade.picture import decode

    if "-" in inputs and len(inputs) > 1:
        raise UsageError("stdin holds one photo", "name files, or - alone")
    if inputs == ["-"] and sys.stdin is None:
        raise InputError("cannot read '<stdin>': it is closed", "give a picture file")
    sources = [Path("-")] if inputs == ["-"] else photos(inputs, recursive=recursive)
    diagnose_one = open_diagnoser(Catalog())
    code = 0
    for source in sources:
        try:
            picture = decode(
                sys.stdin.buffer if inputs == ["-"] else source,
                name="<stdin>" if inputs == ["-"] else None,
                frame=frame,
                max_megapixels=max_megapixels,
            )
            found = diagnose_one(picture)
        except UndegradeError as error:
            typer.echo(f"undegrade: {error}", err=True)
            code = error.exit_code if len(sources) == 1 else 1
            continue
        if not found.crops:
            typer.echo(f"undegrade: {show(source)}: {BLIND}", err=True)
        if json:
            _print_json(source, picture, found)
        else:
            _print(show(source), found)
    raise typer.Exit(code)


def _print(name: str, found: Diagnosis) -> None:
    typer.echo(f"{name}: {', '.join(found.words) or 'clean'}")
    for key, finding in found.findings().items():
        mark = "!" if finding.found else " "
        typer.echo(f" {mark} {key.replace('_', ' '):<13}{finding.words}")


def _print_json(source: Path, picture: Picture, found: Diagnosis) -> None:
    import json

    row = {"input": str(source), "width": picture.width, "height": picture.height}
    # Plain ASCII: a name may hold bytes that no terminal can be sent.
    typer.echo(json.dumps(row | found.as_dict()))
