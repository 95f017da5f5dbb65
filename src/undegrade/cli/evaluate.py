"""``undegrade evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli.wording import bar, tell

if TYPE_CHECKING:
    from undegrade.evaluation.rows import Row

PROTOCOLS = (
    "sr-bicubic, sr-real, denoise-color, denoise-gray, denoise-real, real-noise, camera, "
    "jpeg-color, jpeg-gray, lol, detect, phone, phone-synthetic, fade, face-x4, face-x8, "
    "noref"
)


def evaluate(
    protocol: Annotated[str, typer.Option(help=f"One of: {PROTOCOLS}.")],
    data: Annotated[
        Path, typer.Option(help="Test set: a folder or an uncompressed .tar of pictures or pairs.")
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A model's name, an .onnx file, or auto: what enhance does, told the size; may be "
            "repeated. The input itself (none, or bicubic where a protocol enlarges) is always "
            "measured."
        ),
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Such as 2,4; of 2, 3, 4 and 8.")] = None,
    noise: Annotated[
        str | None,
        typer.Option(
            help="Such as 15,25,50: noise in 0..255 units that is added or, in real-noise, told."
        ),
    ] = None,
    jpeg: Annotated[str | None, typer.Option(help="Such as 10,20,40: JPEG qualities.")] = None,
    iso: Annotated[
        str | None, typer.Option(help="Such as 800,3200: a made-up camera's sensitivity.")
    ] = None,
    effort: Annotated[
        str, typer.Option(help="Such as normal,best: measured beside each other; or fast.")
    ] = "normal",
    detail: Annotated[
        str, typer.Option(help="Such as 0,1: with how much of it auto is measured, 0 to 1.")
    ] = "0",
    metrics: Annotated[
        str | None, typer.Option(help="Such as psnr,ssim,lpips-alex; default: the protocol's.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only the first N images; gates are not checked then.")
    ] = None,
    blind: Annotated[
        bool, typer.Option("--blind", help="Tell networks estimated levels, not the true ones.")
    ] = False,
    json: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Write rows with per-image values as JSON.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Folder for a page with tables, plots and pictures.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps values: a run that was killed goes on.")
    ] = None,
) -> None:
    """Measure models on a test set, side by side, under a stated protocol.

    The untouched input comes first: where it misses its published value on a known set, nothing
    else is measured (exit code 3). Means go to stdout as lines of tab-separated cells.
    """
    from undegrade.evaluation import (
        Cache,
        Samples,
        evaluate,
        make_plan,
        to_json,
        to_tsv,
        write_rows,
    )
    from undegrade.picture import check_target

    target = Path(json) if json not in (None, "-") else None
    if target is not None:
        check_target(target)
    plan = make_plan(
        model or [],
        protocol,
        data,
        parameters={
            "scale": _numbers(scale, "scale"),
            "noise": _numbers(noise, "noise"),
            "jpeg": _numbers(jpeg, "jpeg"),
            "iso": _numbers(iso, "iso"),
        },
        efforts=_words(effort),
        details=_numbers(detail, "detail") or [0.0],
        metrics=_words(metrics),
        blind=blind,
        limit=limit,
    )
    samples = Samples()
    with bar("measuring") as progress:
        outcome = evaluate(
            plan,
            cache=Cache(cache),
            keep=samples.keep if report else None,
            failed=tell,
            progress=progress,
        )
    show(outcome.rows, outcome.notes)
    typer.echo(to_json(outcome.rows) if json == "-" else to_tsv(outcome.rows), nl=False)
    if target is not None:
        write_rows(outcome.rows, target)
    if report is not None:
        from undegrade.evaluation.report import write

        page = write(outcome.rows, samples.pictures(outcome.rows), report)
        typer.echo(f"report: {page}", err=True)
    if outcome.failures:
        raise typer.Exit(1)


def _words(text: str | None) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


def _numbers(text: str | None, option: str) -> list[float]:
    """The numbers in ``1,2,3``; raises :class:`UsageError`."""
    from undegrade.errors import UsageError

    try:
        return [float(part) for part in (text or "").split(",") if text]
    except ValueError:
        raise UsageError(f"--{option} {text!r} is no list of numbers", "write 5,10,15") from None


def show(rows: list[Row], notes: list[str]) -> None:
    """Tables and what should be known of them, on stderr."""
    from rich.console import Console

    from undegrade.evaluation.scoreboard import scoreboard

    console = Console(stderr=True)
    console.print(rows[0].protocol, markup=False, highlight=False)
    for table in scoreboard(rows):
        console.print(table)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
