"""``undegrade data``, ``degrade`` and ``align``: photos to train and to test with."""

from __future__ import annotations

import json as as_json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from undegrade.cli.options import Json
from undegrade.cli.wording import bar, plural, print_json, tell

if TYPE_CHECKING:
    from undegrade.training.data.check import Report
    from undegrade.training.data.gather import Gathering

data = typer.Typer(
    help="Training data: check it, gather free photos, list known layouts.", no_args_is_help=True
)


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
    from undegrade.training.data.sources import Reading

    with bar("checking") as progress:
        report = look_through(
            sources, Reading(pairs=pairs, match=match), against or [], progress=progress
        )
    if json:
        print_json(report.as_dict(), indent=1)
    else:
        for finding in report.findings:
            row = (finding.kind, finding.source, finding.name, finding.what)
            typer.echo("\t".join(" ".join(cell.split()) for cell in row))
    _show(report)
    if not report.sound:
        raise typer.Exit(3)


@data.command()
def gather(
    clones: Annotated[
        list[str] | None,
        typer.Argument(help="Clones, folders of clones, or OWNER/NAME=CLONE.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the set.", show_default=False)
    ] = None,
    reduce: Annotated[float, typer.Option(help="Least factor by which photos are reduced.")] = 2.0,
    longest: Annotated[
        int, typer.Option(help="Longer photos are reduced further; 0 for any length.")
    ] = 2000,
    smallest: Annotated[int, typer.Option(help="Shorter side of a reduced photo, at least.")] = 224,
    noise: Annotated[float, typer.Option(help="Noise of a reduced photo, 0..255, at most.")] = 2.0,
    only: Annotated[
        list[str] | None, typer.Option(help="A collection of the table; all without.")
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="A test set of which nothing may be in the set.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(help="A table of collections of your own, TOML.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Threads.")] = 2,
    json: Json = False,
) -> None:
    """Build a set of free photos from clones of public repositories, with terms and counts.

    The same command goes on where it stopped. Exit code 1 where a picture could not be read.
    """
    from undegrade.errors import UsageError
    from undegrade.training.data.collections import load_collections
    from undegrade.training.data.decoding import Reduction
    from undegrade.training.data.gather import gather as build

    if output is None:
        raise UsageError("no folder for the set was given", "name one with -o")
    how = Reduction(reduce, longest, smallest, noise)
    collections = load_collections(table)
    with bar("gathering") as progress:
        made = build(
            clones or [],
            output,
            collections,
            how,
            only=only or [],
            against=against or [],
            threads=workers,
            progress=progress,
        )
    if json:
        print_json(made.as_dict(), indent=1)
    else:
        typer.echo(made.sentence())
    _show_gathering(made)
    if any(row.why == "unreadable" for row in made.rows):
        raise typer.Exit(1)


@data.command("list")
def list_layouts(json: Json = False) -> None:
    """List the public sets whose layout is known, as in `check div2k:valid:sets/DIV2K`."""
    from undegrade.training.data.layouts import LAYOUTS

    if json:
        rows = [{"name": name, **layout.as_dict()} for name, layout in LAYOUTS.items()]
        print_json(rows, indent=1)
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


def _show_gathering(made: Gathering) -> None:
    """A table on stderr: how many photos of each collection are in the set, and why others not."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for column in ("collection", "terms"):
        table.add_column(column, overflow="fold")
    table.add_column("photos", justify="right")
    table.add_column("left out", overflow="fold")
    for name, one in made.collections.items():
        photos = sum(row.collection == name for row in made.kept)
        reasons = made.left_out(name).most_common()
        out = ", ".join(f"{count} {why}" for why, count in reasons)
        table.add_row(Text(name), Text(one.terms), str(photos), Text(out))
    Console(stderr=True).print(table)
    for note in made.notes:
        typer.echo(note, err=True)
    for row in made.rows:
        if row.why == "unreadable":
            typer.echo(f"unreadable: {row.path} of {row.collection}: {row.what}", err=True)


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
    from undegrade.errors import InputError

    summary = make_pairs(inputs, output, [_operator(text) for text in operators], seed)
    for failure in summary.failed:
        tell(f"{failure.name}: {failure.reason}")
    typer.echo(f"{plural(summary.written, 'pair')} written, {len(summary.failed)} failed", err=True)
    typer.echo(summary.manifest)
    if not summary.written:
        raise InputError("no pair was made", "see the reasons above")
    if summary.failed:
        raise typer.Exit(1)


def _operator(text: str) -> dict[str, Any]:
    """``jpeg:quality=20,subsampling=4:4:4`` as a step of a chain; values are JSON or words."""
    from undegrade.errors import UsageError

    name, _, rest = text.partition(":")
    step: dict[str, Any] = {"operator": name}
    for setting in filter(None, rest.split(",")):
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(f"--with {text!r}: {setting!r} has no '='", "write NAME:key=value")
        try:
            step[key] = as_json.loads(value)
        except ValueError:
            step[key] = value
    return step


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
    from undegrade.errors import InputError

    summary = align_pairs(phone, dslr, output, WindowSettings(size, search, threshold))
    for failure in summary.failed:
        tell(f"{failure.name}: {failure.reason}")
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
