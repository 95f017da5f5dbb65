"""Many photos: each is enhanced or fails on its own, and the rest goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from undegrade.batch.jobs import FileJob
from undegrade.batch.manifest import Manifest
from undegrade.enhancer import Enhancer
from undegrade.errors import Cancelled
from undegrade.picture import check_target, format_of, read, sweep, write_atomic
from undegrade.work import Elsewhere, Order, failure_of, sha256, work

PAUSE = 0.01
"""Seconds between two looks for finished photos."""

Status = Literal["enhanced", "unchanged", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one photo."""

    job: FileJob
    status: Status
    seconds: float = 0.0
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    exit_code: int = 0
    copied: bool = False
    """Whether the output is the input, byte for byte."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "input": str(self.job.source),
            "output": str(self.job.target) if self.status not in ("failed", "stopped") else None,
            "status": self.status,
            **self.report,
            "seconds": round(self.seconds, 3),
            "error": self.error or None,
        }


def run(
    jobs: Sequence[FileJob],
    enhancer: Enhancer | Elsewhere,
    order: Order | None = None,
    *,
    manifest: Manifest | None = None,
    resume: bool = False,
    workers: int = 1,
    on_part: Callable[[FileJob, float], None] | None = None,
    on_done: Callable[[Outcome], None] | None = None,
    interrupted: threading.Event | None = None,
) -> list[Outcome]:
    """Enhance *jobs* with *workers* threads; the outcomes stand in the order of the jobs.

    A ``KeyboardInterrupt`` stops after the tiles in flight: what is finished stays, nothing is
    half-written, and the outcomes of the rest say ``stopped``.

    Parameters
    ----------
    order: what becomes of every photo; its format follows from each target.
    manifest: where finished outputs are recorded.
    resume: pass over what the manifest calls done and is whole.
    on_part: called from worker threads with the part done of a job, 0 to 1.
    on_done: called from this thread with each outcome as it comes.
    interrupted: set where there was an interrupt, for whoever goes on after the last photo.

    Raises
    ------
    ModelError: outputs are to be recorded, and a model that is asked for is missing.
    UndegradeError: the work is to be done elsewhere, and nobody answers there.
    """
    order = order or Order()
    if isinstance(enhancer, Enhancer):
        settings = order.digest(enhancer.networks) if manifest else ""
    else:
        settings = enhancer.digest(order)  # and whether anybody is there
    for folder in {job.target.parent for job in jobs}:
        sweep(folder)
    stop = threading.Event()

    def one(job: FileJob) -> Outcome:
        if stop.is_set():
            return Outcome(job, "stopped", exit_code=Cancelled.exit_code)
        started = time.perf_counter()
        try:
            # What makes the output impossible is told before the work, not behind it.
            own = replace(order, format=format_of(job.target))
            check_target(job.target, protect=[job.source])
            data, name = read(job.source, max_megapixels=own.max_megapixels)
            before = sha256(data) if manifest else ""
            if resume and manifest and manifest.done(job.target, before, settings):
                return Outcome(job, "skipped", time.perf_counter() - started)
            part = (lambda done: on_part(job, done)) if on_part else None
            done = work(enhancer, data, name, own, progress=part, cancelled=stop.is_set)
            write_atomic(job.target, done.data)
            if manifest:
                made = {"input": str(job.source), "input_sha256": before, "settings": settings}
                made["output_sha256"] = sha256(done.data)
                manifest.add(job.target, made | done.report)
        except Exception as error:
            failure = failure_of(error, job.source.name)
            status: Status = "stopped" if failure.kind == Cancelled.__name__ else "failed"
            seconds, told = time.perf_counter() - started, failure.error
            return Outcome(job, status, seconds, error=str(told), exit_code=told.exit_code)
        seconds = time.perf_counter() - started
        return Outcome(job, done.status, seconds, done.report, copied=done.copied)

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        try:
            futures = [pool.submit(one, job) for job in jobs]
            finished: list[Future[Outcome]] = []
            for future in futures:
                future.add_done_callback(finished.append)
            told = 0
            while told < len(futures):
                try:
                    # Not concurrent.futures.wait: a Ctrl-C while it takes its locks keeps them.
                    time.sleep(PAUSE)
                    while told < len(finished):
                        told += 1
                        if on_done:
                            on_done(finished[told - 1].result())
                except KeyboardInterrupt:
                    stop.set()
                    if interrupted:
                        interrupted.set()
        finally:
            # Where a callback fails, as when nobody reads stdout any more, the pool must not work
            # through the rest before the error is heard.
            stop.set()
    return [future.result() for future in futures]
