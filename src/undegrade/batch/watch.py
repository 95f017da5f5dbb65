"""A folder that is watched: what comes in is enhanced, for as long as the program runs.

Looking again every few seconds works on network drives and in containers too, where the notices of
an operating system do not arrive. What is done stands in the manifest of the output folder, so a
watcher that was killed goes on where it stopped.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from undegrade.batch.jobs import FileJob, photos_in, real, renamed
from undegrade.batch.manifest import Manifest
from undegrade.batch.run import Outcome, run
from undegrade.enhancer import Enhancer
from undegrade.errors import InputError, OutputError, UsageError
from undegrade.work import Order

RETRY = 30
"""Looks after which an output that could not be written, as on a full disk, is tried again."""

TOLD = ("enhanced", "unchanged", "failed")
"""Of outcomes: not those passed over as done before."""

State = tuple[int, int]
"""Size in bytes, and time of the last change in nanoseconds."""


def watch(
    folder: Path,
    output: Path,
    enhancer: Enhancer,
    order: Order | None = None,
    *,
    recursive: bool = False,
    suffix: str | None = None,
    workers: int = 1,
    every: float = 2.0,
    stop: threading.Event | None = None,
    on_done: Callable[[Outcome], None] | None = None,
) -> None:
    """Enhance every photo that is or comes to lie in *folder* into *output*, until *stop* is set.

    A photo is taken once two looks in a row find it unchanged, so that none is read while it is
    still being copied, and again when it has changed. A photo whose suffix changes keeps its whole
    name (``a.heic.jpg``), so that no two have the same output whenever they come.

    Parameters
    ----------
    suffix: of all outputs, as in ``".png"``; None is the photo's own, or what its format becomes.
    every: seconds between two looks.
    on_done: called with each outcome but those passed over as done before.

    Raises
    ------
    KeyboardInterrupt: while photos were being worked on; what is finished stays.
    InputError: *folder* cannot be looked into. UsageError: *output* is *folder*.
    """
    if not folder.is_dir():
        raise InputError(f"cannot watch {str(folder)!r}: it is no folder", "name a folder")
    if real(output) == real(folder):
        raise UsageError(f"{str(folder)!r} would be its own output", "name another folder")
    stop, manifest = stop or threading.Event(), Manifest(output)
    interrupted = threading.Event()
    before: dict[Path, State] = {}
    settled: dict[Path, tuple[State, int]] = {}  # what was done, and looks until it is tried anew
    while not stop.is_set():
        now = _states(photos_in(folder, recursive, output))
        settled = {
            path: (state, left - 1)
            for path, (state, left) in settled.items()
            if now.get(path) == state and left != 1
        }
        jobs = [
            FileJob(path, output / renamed(path.relative_to(folder), suffix, whole=True))
            for path, state in now.items()
            if before.get(path) == state and path not in settled
        ]
        before = now
        outcomes = run(
            *(jobs, enhancer, order),
            manifest=manifest,
            resume=True,
            workers=workers,
            on_done=lambda one: on_done(one) if on_done and one.status in TOLD else None,
            interrupted=interrupted,
        )
        if interrupted.is_set():
            raise KeyboardInterrupt
        for outcome in outcomes:
            again = outcome.exit_code == OutputError.exit_code
            settled[outcome.job.source] = now[outcome.job.source], RETRY if again else 0
        stop.wait(every)


def _states(paths: list[Path]) -> dict[Path, State]:
    found = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            continue  # gone since the look
        found[path] = status.st_size, status.st_mtime_ns
    return found
