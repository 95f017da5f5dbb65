"""Progress on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import typer

from undegrade.cli.wording import describe_report, plural, show

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from undegrade.batch import FileJob, Outcome


class Screen(Protocol):
    """Where a batch shows how far it is."""

    def part(self, job: FileJob, done: float) -> None:
        """The part done of one photo, 0 to 1; called from worker threads."""

    def finished(self, outcome: Outcome) -> None:
        """One photo's outcome."""


def outcome_line(outcome: Outcome) -> str:
    """One line on one photo that was not stopped."""
    source, target = show(outcome.job.source), show(outcome.job.target)
    match outcome.status:
        case "enhanced":
            done = describe_report(outcome.report)
            return f"{source} -> {target}: {done}, {outcome.seconds:.1f} s{_notes(outcome)}"
        case "unchanged":
            left = "left as it is" if outcome.copied else "written anew"
            return f"{source} -> {target}: nothing to do, {left}{_notes(outcome)}"
        case "skipped":
            return f"{source}: already done"
    return f"undegrade: {outcome.error}"


def _notes(outcome: Outcome) -> str:
    """What could not be kept, and how the output was named."""
    named = [outcome.job.note] if outcome.job.note else []
    return "".join(f"; {note}" for note in [*outcome.report["notes"], *named])


class PlainScreen:
    """Lines, for pipes and log files."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def part(self, job: FileJob, done: float) -> None:
        pass

    def finished(self, outcome: Outcome) -> None:
        if outcome.status == "failed" or not (self._quiet or outcome.status == "stopped"):
            typer.echo(outcome_line(outcome), err=True)


class BarScreen:
    """A bar over all photos, moving with the tiles of each."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._task: TaskID = progress.add_task("enhancing", total=total)
        self._parts: dict[FileJob, float] = {}

    def part(self, job: FileJob, done: float) -> None:
        self._parts[job] = done
        self._progress.update(self._task, completed=sum(self._parts.values()))

    def finished(self, outcome: Outcome) -> None:
        if outcome.status == "stopped":
            return
        self.part(outcome.job, 1.0)
        self._progress.console.print(outcome_line(outcome), markup=False, highlight=False)


@contextmanager
def show_progress(jobs: Sequence[FileJob], quiet: bool) -> Iterator[Screen]:
    """Show a batch's progress while the block runs, and a summary of several photos behind it."""
    counts: Counter[str] = Counter()
    if quiet or not sys.stderr.isatty():
        inner: Screen = PlainScreen(quiet)
        yield _Counting(inner, counts)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            yield _Counting(BarScreen(progress, len(jobs)), counts)
    if len(jobs) > 1 and not quiet:
        order = ("enhanced", "unchanged", "skipped", "failed", "stopped")
        parts = [f"{counts[status]} {status}" for status in order if counts[status]]
        typer.echo(f"{plural(len(jobs), 'photo')}: {', '.join(parts)}", err=True)


class _Counting:
    def __init__(self, inner: Screen, counts: Counter[str]) -> None:
        self._inner, self._counts = inner, counts

    def part(self, job: FileJob, done: float) -> None:
        self._inner.part(job, done)

    def finished(self, outcome: Outcome) -> None:
        self._counts[outcome.status] += 1
        self._inner.finished(outcome)
