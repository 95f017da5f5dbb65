"""Many photos: each is enhanced or fails on its own, and the rest goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from undegrade.batch.jobs import Job
from undegrade.batch.manifest import Manifest, settings_hash, sha256
from undegrade.diagnosis import NAME
from undegrade.enhancer import Enhancer, Result
from undegrade.errors import Cancelled, InputError, LimitError, UndegradeError, UsageError
from undegrade.picture import check_target, format_of, losses, write_atomic
from undegrade.plan import model_names
from undegrade.runtime import find_model

PAUSE = 0.01
"""Seconds between two looks for finished photos."""

Status = Literal["enhanced", "unchanged", "skipped", "failed", "stopped"]


@dataclass(frozen=True)
class Writing:
    """How outputs are written."""

    quality: int | None = None
    strip: bool = False

    def __post_init__(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"a quality of {self.quality} is not possible", "choose 1 to 100")


@dataclass(frozen=True)
class Outcome:
    """What became of one photo."""

    job: Job
    status: Status
    seconds: float = 0.0
    report: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    exit_code: int = 0

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
    jobs: Sequence[Job],
    enhancer: Enhancer,
    writing: Writing | None = None,
    *,
    manifest: Manifest | None = None,
    resume: bool = False,
    workers: int = 1,
    on_part: Callable[[Job, float], None] | None = None,
    on_done: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Enhance *jobs* with *workers* threads; the outcomes stand in the order of the jobs.

    A ``KeyboardInterrupt`` stops after the tiles in flight: what is finished stays, nothing is
    half-written, and the outcomes of the rest say ``stopped``.

    Parameters
    ----------
    manifest: where finished outputs are recorded.
    resume: pass over what the manifest calls done and is whole.
    on_part: called from worker threads with the part done of a job, 0 to 1.
    on_done: called from this thread with each outcome as it comes.
    """
    writing = writing or Writing()
    stop = threading.Event()

    def work(job: Job) -> Outcome:
        if stop.is_set():
            return Outcome(job, "stopped", exit_code=Cancelled.exit_code)
        part = (lambda done: on_part(job, done)) if on_part else None
        return _one(job, enhancer, writing, manifest, resume, part, stop.is_set)

    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        try:
            futures = [pool.submit(work, job) for job in jobs]
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
        finally:
            # Where a callback fails, as when nobody reads stdout any more, the pool must not work
            # through the rest before the error is heard.
            stop.set()
    return [future.result() for future in futures]


def _one(
    job: Job,
    enhancer: Enhancer,
    writing: Writing,
    manifest: Manifest | None,
    resume: bool,
    part: Callable[[float], None] | None,
    cancelled: Callable[[], bool],
) -> Outcome:
    started = time.perf_counter()

    def failed(error: UndegradeError) -> Outcome:
        status: Status = "stopped" if isinstance(error, Cancelled) else "failed"
        seconds = time.perf_counter() - started
        return Outcome(job, status, seconds, error=str(error), exit_code=error.exit_code)

    try:
        # What makes the output impossible is told before the work, not behind it.
        format = format_of(job.target)
        check_target(job.target, protect=[job.source])
        data = read(job.source)
        before = sha256(data)
        settings = settings_hash(decisive(enhancer, writing)) if manifest else ""
        if resume and manifest and manifest.done(job.target, before, settings):
            return Outcome(job, "skipped", time.perf_counter() - started)
        result = enhancer(job.source, part, cancelled)
        if cancelled():
            raise Cancelled
        output = encoded(result, data, format, writing)
        write_atomic(job.target, output)
        report = result.as_dict()
        report["notes"] += losses(result.picture, format)
        if manifest:
            row = {"input": str(job.source), "input_sha256": before, "settings": settings}
            manifest.add(job.target, {**row, "output_sha256": sha256(output), **report})
    except UndegradeError as error:
        return failed(error)
    except MemoryError:
        name = job.source.name
        return failed(LimitError(f"{name!r} does not fit into memory", "use a smaller --tile"))
    except Exception as error:
        # Our own mistake, not the user's; it must still not stop the other photos.
        what = f"internal error on {job.source.name!r}: {type(error).__name__}: {error}"
        return failed(UndegradeError(what, "please report it"))
    status: Status = "unchanged" if result.unchanged else "enhanced"
    return Outcome(job, status, time.perf_counter() - started, report)


def read(path: Path) -> bytes:
    """The bytes of a file; raises :class:`InputError`."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"cannot read {str(path)!r}: it is no file", "give a picture file")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}", "check the path") from None


def encoded(result: Result, data: bytes, format: str | None, writing: Writing) -> bytes:
    """The file to write: for an untouched photo the input *data*, byte for byte.

    *format* ``None`` is the input's own.
    """
    untouched = result.unchanged and format in (None, result.picture.encoding.format)
    if untouched and writing == Writing():
        return data
    return result.encode(format=format, quality=writing.quality, strip=writing.strip)


def decisive(enhancer: Enhancer, writing: Writing) -> dict[str, Any]:
    """Everything but the input that decides an output: wishes, format, and the weights."""
    wishes, catalog = enhancer.wishes, enhancer.catalog
    # A step whose model is missing is left out. What is found decides what is done, so the network
    # that diagnoses counts, too.
    names = [NAME] if wishes.model else [*model_names(wishes), NAME]
    used = [find_model(wishes.model, catalog)] if wishes.model else []
    used += [catalog.models[name] for name in names if name in catalog.models]
    if wishes.detail:
        used += [vivid for model in list(used) if (vivid := catalog.vivid_of(model))]
    return {
        "wishes": wishes.as_dict(),
        "writing": vars(writing),
        "precision": enhancer.precision,
        "weights": [catalog.sha256(model) for model in used],
    }
