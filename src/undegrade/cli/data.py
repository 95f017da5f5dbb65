"""``undegrade data``: check, list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.wording import plural

if TYPE_CHECKING:
    from undegrade.training.data.check import Report

data = typer.Typer(help="Training data: check it, list known layouts.", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@data.command()
def check(
    sources: Annotated[
        list[str],
        typer.Argument(help="Folders, tar packs, CSV manifests, or LAYOUT[:PART]:PATH."),
    ],
    pairs: Annotated[bool, typer.Option("--pairs", help="Aligned inputs and targets.")] = False,
    match: Annotated[str, typer.Option(help="Only names that match, as in 'low/*'.")] = "*",
    against: Annotated[
        list[str] | None, typer.Option(help="A test set that must share nothing with them.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what is missing, unreadable, misaligned, double, or of a test set.

    Exit code 3 where anything is wrong.
    """
    from undegrade.training.data.check import check as look_through
    from undegrade.training.data.settings import Reading

    with _progress() as progress:
        report = look_through(
            sources, Reading(pairs=pairs, match=match), against or [], progress=progress
        )
    if json:
        _print_json(report.as_dict())
    else:
        for finding in report.findings:
            row = (finding.kind, finding.source, finding.name, finding.what)
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))
    _show(report)
    if not report.sound:
        raise typer.Exit(3)


@data.command("list")
def list_layouts(json: Json = False) -> None:
    """List the public sets whose layout is known, as in `check div2k:valid:sets/DIV2K`."""
    from undegrade.training.data.layouts import LAYOUTS

    if json:
        _print_json([{"name": name, **layout.as_dict()} for name, layout in LAYOUTS.items()])
        return
    typer.echo(f"{'name':<17}{'parts (published pictures)':<46}{'pairs':<7}set")
    for name, layout in LAYOUTS.items():
        parts = ", ".join(
            f"{part} ({split.count})" if split.count else part
            for part, split in layout.splits.items()
        )
        pairs = "-"
        if layout.paired:
            pairs = f"x{layout.scale}" if layout.scale > 1 else "yes"
        typer.echo(f"{name:<17}{parts:<46}{pairs:<7}{layout.title}")


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere; it is called with done and total."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        bar = progress.add_task("checking")
        yield lambda done, total: progress.update(bar, completed=done, total=total)


def _show(report: Report) -> None:
    """A table on stderr: how many findings of each kind each source has."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    kinds = sorted({finding.kind for finding in report.findings})
    table = Table()
    table.add_column("source", overflow="fold")
    for column in ("checked", *kinds):
        table.add_column(column, justify="right")
    for source, checked in report.checked.items():
        counts = (str(report.count(source, kind) or "-") for kind in kinds)
        table.add_row(Text(source), str(checked), *counts)
    Console(stderr=True).print(table)
    wrong = sum(finding.kind != "note" for finding in report.findings)
    typer.echo(f"{plural(wrong, 'thing')} wrong" if wrong else "nothing is wrong", err=True)


def _print_json(value: object) -> None:
    import json

    typer.echo(json.dumps(value, indent=1, ensure_ascii=False))
