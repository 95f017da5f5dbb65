"""What people and programs are told: findings, plans and outcomes in words, progress, JSON.

stdout is data, stderr is for people.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from undegrade.batch import FileJob, Outcome
    from undegrade.diagnosis import Diagnosis
    from undegrade.plan import Step

Move = Callable[[float, float], None]
"""Called with how many are done, and how many there are."""

CHANGES = {
    "noise": ("noise", 1),
    "jpeg": ("JPEG quality", 0),
    "blur": ("blur", 1),
    "exposure": ("exposure", 1),
    "red_green": ("red-green cast", 0),
    "yellow_blue": ("yellow-blue cast", 0),
    "flatness": ("lightness spread", 0),
}
"""How before and after of a finding are called, and with how many digits they are shown."""


def show(path: Path) -> str:
    """A file's name on one line; quoted only where it holds what cannot be shown."""
    text = str(path)
    return text if text.isprintable() else repr(text)


def plural(count: int, noun: str) -> str:
    """``1 photo``, ``2 photos``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def tell(what: object) -> None:
    """One line on stderr, by our name: stdout is data."""
    typer.echo(f"undegrade: {what}", err=True)


def print_json(value: object, indent: int | None = None) -> None:
    """A line of JSON on stdout, or an indented text."""
    # A line is plain ASCII: a name may hold bytes that no terminal can be sent.
    typer.echo(json.dumps(value, indent=indent, ensure_ascii=indent is None))


def describe_found(found: Diagnosis) -> str:
    """What was found, in one line."""
    return ", ".join(found.words) or "nothing lost"


def describe_steps(steps: Sequence[Step]) -> str:
    """What is going to be done, in one line."""
    if not steps:
        return "nothing to do: the photo is left as it is"
    return ", then ".join(f"{step.model.card.name} ({step.reason})" for step in steps)


def describe_report(report: dict[str, Any]) -> str:
    """What a finished photo's report says was done, and what came of it where that is known.

    In one line, with before and after of what was found as in ``noise 25.2 -> 1.0``.
    """
    done = ", then ".join(f"{step['model']} ({step['reason']})" for step in report["steps"])
    found, left = report["found"], report["left"]
    changes = ", ".join(
        f"{name} {found[key]['value']:.{digits}f} -> {left[key]['value']:.{digits}f}"
        for key, (name, digits) in CHANGES.items()
        if found[key]["found"] and left[key]["uncertainty"] is not None
    )
    return f"{done}; {changes}" if changes else done


def outcome_line(outcome: Outcome) -> str:
    """One line on one photo that was not stopped: what could not be kept, too, and odd names."""
    source, target = show(outcome.job.source), show(outcome.job.target)
    match outcome.status:
        case "enhanced":
            told = f"{source} -> {target}: {describe_report(outcome.report)}"
            told += f", {outcome.seconds:.1f} s"
        case "unchanged":
            left = "left as it is" if outcome.copied else "written anew"
            told = f"{source} -> {target}: nothing to do, {left}"
        case "skipped":
            return f"{source}: already done"
        case _:
            return f"undegrade: {outcome.error}"
    return "; ".join([told, *outcome.report["notes"], *filter(None, [outcome.job.note])])


@contextmanager
def bar(doing: str, total: int | None = None, *, quiet: bool = False) -> Iterator[Move]:
    """A bar with the time left on a terminal's stderr while the block runs, nothing elsewhere.

    What is written to stderr meanwhile goes above it.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(doing, total=total)
        yield lambda done, total: progress.update(task, completed=done, total=total)


@dataclass
class Screen:
    """How far a batch is: a bar that moves with the tiles of each photo, and a line on each."""

    total: int
    quiet: bool
    """Whether only of failures is told."""
    move: Move
    counts: Counter[str] = field(default_factory=Counter)
    """Photos by what became of them."""
    _parts: dict[FileJob, float] = field(default_factory=dict)

    def part(self, job: FileJob, done: float) -> None:
        """The part done of one photo, 0 to 1; called from worker threads."""
        self._parts[job] = done
        self.move(sum(self._parts.values()), self.total)

    def finished(self, outcome: Outcome) -> None:
        """One photo's outcome."""
        self.counts[outcome.status] += 1
        if outcome.status == "stopped":
            return
        self.part(outcome.job, 1.0)
        if outcome.status == "failed" or not self.quiet:
            typer.echo(outcome_line(outcome), err=True)


@contextmanager
def show_progress(jobs: Sequence[FileJob], quiet: bool) -> Iterator[Screen]:
    """Show a batch's progress while the block runs, and a summary of several photos behind it."""
    with bar("enhancing", len(jobs), quiet=quiet) as move:
        screen = Screen(len(jobs), quiet, move)
        yield screen
    if len(jobs) > 1 and not quiet:
        order = ("enhanced", "unchanged", "skipped", "failed", "stopped")
        parts = [f"{screen.counts[status]} {status}" for status in order if screen.counts[status]]
        typer.echo(f"{plural(len(jobs), 'photo')}: {', '.join(parts)}", err=True)
