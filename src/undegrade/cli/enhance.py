"""``undegrade enhance``, ``watch`` and ``diagnose``: what is done with photos."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from undegrade.cli import options
from undegrade.cli.wording import (
    describe_found,
    describe_steps,
    outcome_line,
    print_json,
    show,
    show_progress,
    tell,
)

if TYPE_CHECKING:
    from undegrade.batch import FileJob, Outcome
    from undegrade.enhancer import Enhancer
    from undegrade.work import Elsewhere, Order


@options.takes_order
def enhance(
    inputs: options.Inputs,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="File or folder to write; - writes to stdout."),
    ] = None,
    *,
    order: Order,
    format: options.Format = None,
    frame: Annotated[
        int | None,
        typer.Option(help="Take this frame or page, 1 is the first; default: all pages of a TIFF."),
    ] = None,
    recursive: options.Recursive = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Pass over what is already done and whole.")
    ] = False,
    workers: options.Workers = 1,
    tile: options.Tile = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
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
    json: options.JsonLines = False,
) -> None:
    """Find out what photos have lost and give it back."""
    from undegrade.batch import Manifest, collect, run
    from undegrade.enhancer import Enhancer
    from undegrade.errors import UsageError

    order = replace(order, frame=frame)
    if server is not None:
        if dry_run or tile is not None or (device, precision) != ("auto", "auto"):
            raise UsageError(
                "--dry-run, --tile, --device and --precision do not go with --server",
                "leave them away: that is for the service to say",
            )
        from undegrade.client import Server
        from undegrade.service.settings import read_token

        token = read_token(token_file) if token_file else None
        enhancer: Enhancer | Elsewhere = Server(server, token)
    elif token_file is not None:
        raise UsageError("a token is for a service", "name one with --server")
    else:
        enhancer = options.local_enhancer(workers, tile, device, precision)
    if "-" in inputs or (output == "-"):
        if dry_run or json:
            raise UsageError("--dry-run and --json do not go with -", "name files instead")
        _pipe(inputs, output, enhancer, format, order)
        return

    jobs, folder = collect(inputs, output, recursive=recursive, suffix=options.suffix_of(format))
    if dry_run and isinstance(enhancer, Enhancer):
        raise typer.Exit(_dry_run(jobs, enhancer, order, workers, json))
    kept = folder or (jobs[0].target.parent if resume else None)
    with show_progress(jobs, quiet=json) as screen:

        def done(outcome: Outcome) -> None:
            screen.finished(outcome)
            if json:
                print_json(outcome.as_dict())

        outcomes = run(
            jobs,
            enhancer,
            order,
            manifest=Manifest(kept) if kept else None,
            resume=resume,
            workers=workers,
            on_part=screen.part,
            on_done=done,
        )
    raise typer.Exit(_conclude(outcomes))


def _pipe(
    inputs: list[str],
    output: str | None,
    enhancer: Enhancer | Elsewhere,
    format: str | None,
    order: Order,
) -> None:
    """One photo through stdin and stdout, or between one of them and a file."""
    from undegrade.errors import OutputError, UsageError
    from undegrade.picture import check_target, format_of, read, write_atomic
    from undegrade.work import work

    if len(inputs) != 1:
        raise UsageError("stdin and stdout take one photo", "name one input, or an output folder")
    target = None if output in (None, "-") else Path(str(output))
    if target is None and sys.stdout is None:
        raise OutputError("cannot write to stdout: it is closed", "use -o FILE")
    if target is None and sys.stdout.isatty():
        raise UsageError("a picture is not written to a terminal", "redirect stdout or use -o FILE")
    suffix = options.suffix_of(format)
    name = format_of("name" + suffix) if suffix else None
    if target is not None:
        check_target(target)
        name = name or format_of(target)
    if inputs[0] == "-":
        stdin = options.stdin()
        if target is not None and _is_stdin(target):
            raise OutputError(
                f"the output {str(target)!r} would overwrite the input, which is stdin",
                "choose another name with -o",
            )
        data, source = read(stdin, name="<stdin>", max_megapixels=order.max_megapixels)
    else:
        data, source = read(inputs[0], max_megapixels=order.max_megapixels)
    done = work(enhancer, data, source, replace(order, format=name))
    if target is not None:
        write_atomic(target, done.data)
    else:
        _to_stdout(done.data)


def _is_stdin(path: Path) -> bool:
    """Whether *path* is the file that the shell reads stdin from."""
    try:
        return os.path.samestat(os.fstat(sys.stdin.fileno()), path.stat())
    except (OSError, ValueError):
        return False


def _to_stdout(data: bytes) -> None:
    """All of *data*: with PYTHONUNBUFFERED, stdout is a raw file and takes a part at a time."""
    from undegrade.errors import OutputError

    rest = memoryview(data)
    try:
        while rest:
            rest = rest[sys.stdout.buffer.write(rest) :]
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise  # nobody reads any more, which is no error of ours
    except OSError as error:
        # What is left in the buffer would be tried again, and fail again, at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputError(
            f"cannot write to stdout: {error.strerror}", "redirect it to a disk with room"
        ) from None


def _dry_run(
    jobs: list[FileJob], enhancer: Enhancer, order: Order, workers: int, json: bool
) -> int:
    from undegrade.errors import UndegradeError
    from undegrade.picture import decode, format_of

    code = 0
    for job in jobs:
        try:
            limit = order.max_megapixels
            before = decode(job.source, frame=order.frame, max_megapixels=limit)
            plan = enhancer.plan(before, order.wishes)
            size, format = job.source.stat().st_size, format_of(job.target)
            forecast = enhancer.forecast(before, plan, workers, file=size, format=format)
        except UndegradeError as error:
            tell(error)
            code = error.exit_code if len(jobs) == 1 else 1
            continue
        if json:
            print_json({"input": str(job.source), "output": str(job.target)} | forecast.as_dict())
            continue
        typer.echo(f"{show(job.source)} -> {show(job.target)}")
        typer.echo(f"  found   {describe_found(plan.found)}")
        typer.echo(f"  plan    {describe_steps(plan.steps)}")
        for step in plan.steps:
            if step.detail:
                typer.echo(f"  detail  {step.detail:g} in {step.model.card.name}")
            if step.effort != "normal":
                typer.echo(f"  effort  {step.effort} in {step.model.card.name}")
        typer.echo(
            f"  size    {before.width} x {before.height} -> {forecast.width} x {forecast.height}"
        )
        bound = "at most" if forecast.promised else "not measured for this network, perhaps"
        tiles = f", {forecast.tiles} tiles" if plan.steps else ""
        typer.echo(f"  memory  {bound} {forecast.memory / 1e6:.0f} MB{tiles}")
        if plan.steps:
            typer.echo(f"  time    about {forecast.seconds:.1f} s")
        for note in (*before.notes, *plan.notes):
            typer.echo(f"  note    {note}")
    return code


def _conclude(outcomes: list[Outcome]) -> int:
    """Exit code of a batch: that of the one photo, or 1 if some of several failed."""
    if any(o.status == "stopped" for o in outcomes):
        return 130
    failed = [o for o in outcomes if o.status == "failed"]
    if not failed:
        return 0
    return failed[0].exit_code if len(outcomes) == 1 else 1


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
    json: options.JsonLines = False,
) -> None:
    """Enhance what comes into a folder, until it is stopped; the next start goes on."""
    from undegrade.batch.watch import watch as look

    def done(outcome: Outcome) -> None:
        if json:
            print_json(outcome.as_dict())
        else:
            typer.echo(outcome_line(outcome), err=True)

    enhancer = options.local_enhancer(workers, tile, device, precision)
    if not json:
        tell(f"watching {str(folder)!r} (Ctrl-C to stop)")
    look(
        *(folder, output, enhancer, order),
        recursive=recursive,
        suffix=options.suffix_of(format),
        workers=workers,
        every=every,
        on_done=done,
    )


def diagnose(
    inputs: options.Inputs,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into sub-folders.")
    ] = False,
    max_megapixels: options.MaxMegapixels = 200.0,
    frame: Annotated[
        int | None, typer.Option(help="Look at this frame or page; 1 is the first.")
    ] = None,
    json: options.JsonLines = False,
) -> None:
    """Say what photos have lost, in words and numbers; nothing is changed."""
    from undegrade.batch import photos
    from undegrade.catalog import Catalog
    from undegrade.diagnosis import BLIND, open_diagnoser
    from undegrade.errors import UndegradeError, UsageError
    from undegrade.picture import decode

    if "-" in inputs and len(inputs) > 1:
        raise UsageError("stdin holds one photo", "name files, or - alone")
    piped = options.stdin() if inputs == ["-"] else None
    sources = [Path("-")] if piped else photos(inputs, recursive=recursive)
    diagnose_one = open_diagnoser(Catalog())
    code = 0
    for source in sources:
        try:
            picture = decode(
                piped or source,
                name="<stdin>" if piped else None,
                frame=frame,
                max_megapixels=max_megapixels,
            )
            found = diagnose_one(picture)
        except UndegradeError as error:
            tell(error)
            code = error.exit_code if len(sources) == 1 else 1
            continue
        if not found.crops:
            tell(f"{show(source)}: {BLIND}")
        if json:
            row = {"input": str(source), "width": picture.width, "height": picture.height}
            print_json(row | found.as_dict())
            continue
        typer.echo(f"{show(source)}: {', '.join(found.words) or 'clean'}")
        for key, finding in found.findings().items():
            mark = "!" if finding.found else " "
            typer.echo(f" {mark} {key.replace('_', ' '):<13}{finding.words}")
    raise typer.Exit(code)
