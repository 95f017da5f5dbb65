"""``undegrade enhance``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from undegrade.batch import Job, Outcome
    from undegrade.enhancer import Enhancer

Inputs = Annotated[
    list[str], typer.Argument(help="Photos, folders or globs; - reads one photo from stdin.")
]
Output = Annotated[
    Path | None,
    typer.Option("-o", "--output", help="File or folder to write; - writes to stdout."),
]


def enhance(
    inputs: Inputs,
    output: Output = None,
    task: Annotated[
        str, typer.Option(help="auto does what the photo needs; or denoise, dejpeg, sr.")
    ] = "auto",
    scale: Annotated[int | None, typer.Option(help="Enlarge 1, 2 or 4 times.")] = None,
    strength: Annotated[
        float, typer.Option(help="0 leaves the photo untouched, 1 is as measured, up to 1.5.")
    ] = 1.0,
    model: Annotated[
        str | None, typer.Option(help="Run this model only: a name or your own .onnx file.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Sigma of the noise, 0..255 units, if you know it.")
    ] = None,
    jpeg: Annotated[
        float | None, typer.Option(help="JPEG quality the photo has gone through, if you know it.")
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Write jpg, png, webp, tif or avif instead of the input's.")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="Quality of lossy outputs, 1..100; default: as the input.")
    ] = None,
    strip: Annotated[bool, typer.Option("--strip", help="Leave EXIF, XMP and IPTC out.")] = False,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into sub-folders and mirror them.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Pass over what is already done and whole.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Photos worked on at the same time.", min=1)] = 1,
    tile: Annotated[
        int | None, typer.Option(help="Side of a tile in pixels; smaller takes less memory.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse larger pictures before decoding them.")
    ] = 200.0,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print plan, size, memory and time; write nothing.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a photo.")] = False,
) -> None:
    """Find out what photos have lost and give it back."""
    from undegrade.enhancer import Enhancer
    from undegrade.plan import Wishes
    from undegrade.runtime import cores

    wishes = Wishes(task, scale, strength, model, noise, jpeg)
    threads = max(1, cores() // workers)
    enhancer = Enhancer(wishes, tile, threads, device, max_megapixels)
    if "-" in inputs or (output is not None and str(output) == "-"):
        _pipe(inputs, output, enhancer, format, quality, strip)
        return

    from undegrade.batch import Manifest, Writing, collect, run

    jobs, folder = collect(inputs, output, recursive=recursive, suffix=_suffix(format))
    if dry_run:
        raise typer.Exit(_dry_run(jobs, enhancer, json))
    if folder is not None:
        manifest = Manifest(folder)
    elif resume:
        manifest = Manifest(jobs[0].target.parent)
    else:
        manifest = None
    from undegrade.cli.progress import show_progress

    with show_progress(jobs, quiet=json) as screen:

        def done(outcome: Outcome) -> None:
            screen.finished(outcome)
            if json:
                _print_json(outcome.as_dict())

        outcomes = run(
            jobs,
            enhancer,
            Writing(quality, strip),
            manifest=manifest,
            resume=resume,
            workers=workers,
            on_part=screen.part,
            on_done=done,
        )
    raise typer.Exit(_conclude(outcomes))


def _suffix(format: str | None) -> str | None:
    if format is None:
        return None
    from undegrade.picture import format_of

    suffix = "." + format.lower().lstrip(".")
    format_of(Path("name" + suffix))  # refuses what cannot be written
    return suffix


def _pipe(
    inputs: list[str],
    output: Path | None,
    enhancer: Enhancer,
    format: str | None,
    quality: int | None,
    strip: bool,
) -> None:
    """One photo through stdin and stdout, or between one of them and a file."""
    from undegrade.errors import InputError, UsageError
    from undegrade.picture import format_of, write_atomic

    if len(inputs) != 1:
        raise UsageError("stdin and stdout take one photo", "name one input, or an output folder")
    to_stdout = output is None or str(output) == "-"
    if to_stdout and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal", "redirect stdout or use -o FILE")
    data = sys.stdin.buffer.read() if inputs[0] == "-" else None
    if data == b"":
        raise InputError("stdin is empty", "pipe a photo into it")
    result = enhancer(data if data is not None else Path(inputs[0]))
    suffix = _suffix(format)
    if suffix is None and not to_stdout and output is not None:
        suffix = output.suffix
    name = format_of(Path("name" + suffix)) if suffix else None
    same_format = name in (None, result.picture.encoding.format)
    if result.unchanged and data is not None and same_format and quality is None and not strip:
        encoded = data
    else:
        encoded = result.encode(format=name, quality=quality, strip=strip)
    if to_stdout:
        sys.stdout.buffer.write(encoded)
        sys.stdout.buffer.flush()
    else:
        assert output is not None
        write_atomic(output, encoded)


def _dry_run(jobs: list[Job], enhancer: Enhancer, json: bool) -> int:
    from undegrade.cli.wording import describe_levels, describe_steps
    from undegrade.errors import UndegradeError

    code = 0
    for job in jobs:
        try:
            forecast = enhancer.forecast(job.source)
        except UndegradeError as error:
            typer.echo(f"undegrade: {error}", err=True)
            code = error.exit_code if len(jobs) == 1 else 1
            continue
        if json:
            _print_json({"input": str(job.source), "output": str(job.target)} | forecast.as_dict())
            continue
        before = forecast.picture
        typer.echo(f"{job.source} -> {job.target}")
        typer.echo(f"  found   {describe_levels(forecast.found)}")
        typer.echo(f"  plan    {describe_steps(forecast.steps)}")
        typer.echo(
            f"  size    {before.width} x {before.height} -> {forecast.width} x {forecast.height}"
        )
        if forecast.steps:
            typer.echo(f"  memory  at most {forecast.memory / 1e6:.0f} MB, {forecast.tiles} tiles")
            typer.echo(f"  time    about {forecast.seconds:.1f} s")
    return code


def _print_json(row: dict[str, object]) -> None:
    import json

    typer.echo(json.dumps(row, ensure_ascii=False))


def _conclude(outcomes: list[Outcome]) -> int:
    """Exit code of a batch: that of the one photo, or 1 if some of several failed."""
    if any(o.status == "stopped" for o in outcomes):
        return 130
    failed = [o for o in outcomes if o.status == "failed"]
    if not failed:
        return 0
    return failed[0].exit_code if len(outcomes) == 1 else 1
