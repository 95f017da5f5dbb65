"""``undegrade enhance``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from undegrade.batch import FileJob, Outcome
    from undegrade.enhancer import Enhancer
    from undegrade.work import Elsewhere, Order

Inputs = Annotated[
    list[str], typer.Argument(help="Photos, folders or globs; - reads one photo from stdin.")
]
Output = Annotated[
    str | None,
    typer.Option("-o", "--output", help="File or folder to write; - writes to stdout."),
]


def enhance(
    inputs: Inputs,
    output: Output = None,
    task: Annotated[
        str,
        typer.Option(
            help="auto does what the photo needs; or one of restore, denoise, dejpeg, lowlight, "
            "phone, sr, face."
        ),
    ] = "auto",
    scale: Annotated[int | None, typer.Option(help="Enlarge 1, 2 or 4 times.")] = None,
    strength: Annotated[
        float, typer.Option(help="0 leaves the pixels untouched, 1 is as measured, up to 1.5.")
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
    detail: Annotated[
        float | None,
        typer.Option(help="0 is faithful, 1 is vivid: crisper, but partly made up; default: 0."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="grain: leave most of the noise, soften and sharpen less."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="Leave a step out: restore, lowlight, phone, resharpen, sr; repeatable."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            help="Take a step whatever was found: restore, lowlight, phone, resharpen; repeatable."
        ),
    ] = None,
    format: Annotated[
        str | None, typer.Option(help="Write jpg, png, webp, tif or avif instead of the input's.")
    ] = None,
    quality: Annotated[
        int | None, typer.Option(help="Quality of lossy outputs, 1..100; default: as the input.")
    ] = None,
    strip: Annotated[bool, typer.Option("--strip", help="Leave EXIF, XMP and IPTC out.")] = False,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark/--no-mark", help="Say in the file that it was enhanced, and by what, or not."
        ),
    ] = True,
    frame: Annotated[
        int | None,
        typer.Option(help="Take this frame or page, 1 is the first; default: all pages of a TIFF."),
    ] = None,
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
    precision: Annotated[
        str, typer.Option(help="auto, fp32 or int8: faster, where a network has such weights.")
    ] = "auto",
    max_megapixels: Annotated[
        float, typer.Option(help="Refuse larger pictures before decoding them.")
    ] = 200.0,
    server: Annotated[
        str | None, typer.Option(help="Address of a service that does the work: http://HOST:PORT.")
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token that the service asks for.")
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the plan with reasons, size, memory and time; write nothing."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON line a photo.")] = False,
) -> None:
    """Find out what photos have lost and give it back."""
    from undegrade.batch import Manifest, collect, run
    from undegrade.enhancer import Enhancer
    from undegrade.errors import UsageError
    from undegrade.plan import DETAIL, Wishes
    from undegrade.runtime import Networks, cores
    from undegrade.work import Order

    detail = DETAIL if detail is None else detail
    wishes = Wishes(
        *(task, scale, strength, model, noise, jpeg, detail),
        keep=tuple(keep or ()),
        skip=tuple(skip or ()),
        add=tuple(add or ()),
    )
    order = Order(
        wishes,
        quality=quality,
        strip=strip,
        max_megapixels=max_megapixels,
        mark=mark,
        frame=frame,
    )
    if server is not None:
        if dry_run or tile is not None or (device, precision) != ("auto", "auto"):
            raise UsageError(
                "--dry-run, --tile, --device and --precision do not go with --server",
                "leave them away: that is for the service to say",
            )
        enhancer: Enhancer | Elsewhere = _server(server, token_file)
    elif token_file is not None:
        raise UsageError("a token is for a service", "name one with --server")
    else:
        threads = max(1, cores() // workers)
        networks = Networks(threads=threads, device=device, precision=precision, tile=tile)
        enhancer = Enhancer(networks)
    if "-" in inputs or (output == "-"):
        if dry_run or json:
            raise UsageError("--dry-run and --json do not go with -", "name files instead")
        _pipe(inputs, output, enhancer, format, order)
        return

    jobs, folder = collect(inputs, output, recursive=recursive, suffix=_suffix(format))
    if dry_run and isinstance(enhancer, Enhancer):
        raise typer.Exit(_dry_run(jobs, enhancer, order, workers, json))
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
            order,
            manifest=manifest,
            resume=resume,
            workers=workers,
            on_part=screen.part,
            on_done=done,
        )
    raise typer.Exit(_conclude(outcomes))


def _server(url: str, token_file: Path | None) -> Elsewhere:
    from undegrade.client import Server
    from undegrade.service.settings import read_token

    return Server(url, read_token(token_file) if token_file else None)


def _suffix(format: str | None) -> str | None:
    if format is None:
        return None
    from undegrade.picture import format_of

    suffix = "." + format.lower().lstrip(".")
    format_of(Path("name" + suffix))  # refuses what cannot be written
    return suffix


def _pipe(
    inputs: list[str],
    output: str | None,
    enhancer: Enhancer | Elsewhere,
    format: str | None,
    order: Order,
) -> None:
    """One photo through stdin and stdout, or between one of them and a file."""
    from dataclasses import replace

    from undegrade.errors import UsageError
    from undegrade.picture import check_target, format_of, read, write_atomic
    from undegrade.work import work

    if len(inputs) != 1:
        raise UsageError("stdin and stdout take one photo", "name one input, or an output folder")
    target = None if output in (None, "-") else Path(str(output))
    if target is None and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal", "redirect stdout or use -o FILE")
    suffix = _suffix(format)
    name = format_of("name" + suffix) if suffix else None
    if target is not None:
        check_target(target)
        name = name or format_of(target)
    if inputs[0] == "-":
        stdin = sys.stdin.buffer
        data, source = read(stdin, name="<stdin>", max_megapixels=order.max_megapixels)
    else:
        data, source = read(inputs[0], max_megapixels=order.max_megapixels)
    done = work(enhancer, data, source, replace(order, format=name))
    if target is not None:
        write_atomic(target, done.data)
    else:
        _to_stdout(done.data)


def _to_stdout(data: bytes) -> None:
    """All of *data*: with PYTHONUNBUFFERED, stdout is a raw file and takes a part at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[sys.stdout.buffer.write(rest) :]
    sys.stdout.buffer.flush()


def _dry_run(
    jobs: list[FileJob], enhancer: Enhancer, order: Order, workers: int, json: bool
) -> int:
    from undegrade.cli.wording import describe_found, describe_steps, show
    from undegrade.errors import UndegradeError
    from undegrade.picture import decode

    code = 0
    for job in jobs:
        try:
            limit = order.max_megapixels
            before = decode(job.source, frame=order.frame, max_megapixels=limit)
            plan = enhancer.plan(before, order.wishes)
        except UndegradeError as error:
            typer.echo(f"undegrade: {error}", err=True)
            code = error.exit_code if len(jobs) == 1 else 1
            continue
        forecast = enhancer.forecast(before, plan, workers)
        if json:
            _print_json({"input": str(job.source), "output": str(job.target)} | forecast.as_dict())
            continue
        typer.echo(f"{show(job.source)} -> {show(job.target)}")
        typer.echo(f"  found   {describe_found(plan.found)}")
        typer.echo(f"  plan    {describe_steps(plan.steps)}")
        for step in plan.steps:
            if step.detail:
                typer.echo(f"  detail  {step.detail:g} in {step.model.card.name}")
        typer.echo(
            f"  size    {before.width} x {before.height} -> {forecast.width} x {forecast.height}"
        )
        if plan.steps:
            bound = "at most" if forecast.promised else "not measured for this network, perhaps"
            typer.echo(f"  memory  {bound} {forecast.memory / 1e6:.0f} MB, {forecast.tiles} tiles")
            typer.echo(f"  time    about {forecast.seconds:.1f} s")
        for note in (*before.notes, *plan.notes):
            typer.echo(f"  note    {note}")
    return code


def _print_json(row: dict[str, object]) -> None:
    import json

    # Plain ASCII: a name may hold bytes that no terminal can be sent.
    typer.echo(json.dumps(row))


def _conclude(outcomes: list[Outcome]) -> int:
    """Exit code of a batch: that of the one photo, or 1 if some of several failed."""
    if any(o.status == "stopped" for o in outcomes):
        return 130
    failed = [o for o in outcomes if o.status == "failed"]
    if not failed:
        return 0
    return failed[0].exit_code if len(outcomes) == 1 else 1
