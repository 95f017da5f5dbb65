"""Jobs: a queue with an end, states, progress, events, results."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from undegrade.service.photos import ById, Folder, Photo, new_id, stamp
from undegrade.service.problems import Problem
from undegrade.service.responses import result_name
from undegrade.service.settings import Settings
from undegrade.service.workers import Pool

log = logging.getLogger("undegrade.service")

State = Literal["queued", "running", "done", "failed", "cancelled"]
SURE = 0.1
"""Progress from which the time left is told by it, and no longer by the plan."""
FORGOTTEN = 0.8
"""What the pace of earlier jobs still counts after one more."""


@dataclass(eq=False)
class Job:
    """One photo to be enhanced."""

    id: str
    photo: Photo
    wishes: dict[str, Any]
    output: dict[str, Any]
    planned: float
    """Seconds that the plan expects."""
    estimate: float
    """Seconds that it should take here, by the jobs before it."""
    megapixels: float
    """Of the photo or the result, whichever is larger."""
    created: float = field(default_factory=time.time)
    state: State = "queued"
    progress: float = 0.0
    started: float | None = None
    """On the monotonic clock."""
    ended: float | None = None
    """Seconds since 1970."""
    report: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None
    path: Path | None = None
    """The result's file."""
    name: str | None = None
    """What the result is called."""
    bytes: int | None = None
    fetched: bool = False
    deleted: bool = False
    ahead: int = 0
    """Jobs before it, while it waits."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set, and replaced, whenever something has changed."""

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in ("done", "failed", "cancelled")

    @property
    def seconds_left(self) -> float | None:
        """An estimate while it runs."""
        if self.state == "queued":
            return round(self.estimate, 1)
        if self.state != "running" or self.started is None:
            return None
        spent = time.monotonic() - self.started
        if self.progress > SURE:
            return round(spent * (1 - self.progress) / self.progress, 1)
        return round(max(self.estimate - spent, 0.1), 1)

    def notify(self) -> None:
        """Wake all who follow it."""
        self.changed.set()
        self.changed = asyncio.Event()

    def brief(self) -> dict[str, Any]:
        """What a progress event says."""
        return {
            "state": self.state,
            "progress": round(self.progress, 3),
            "seconds_left": self.seconds_left,
            "ahead": self.ahead,
        }

    def as_dict(self) -> dict[str, Any]:
        """For the client."""
        return {
            "id": self.id,
            **self.brief(),
            "created": stamp(self.created),
            "photo": None if self.photo.deleted else self.photo.id,
            "report": self.report,
            "result": f"/api/v1/jobs/{self.id}/result" if self.state == "done" else None,
            "name": self.name,
            "bytes": self.bytes,
            "problem": self.problem,
        }


class Jobs(ById[Job]):
    """Every job by its id, until its time is over; *on_end* is called with each that has ended."""

    def __init__(
        self, settings: Settings, pool: Pool, folder: Folder, on_end: Callable[[Job], None]
    ) -> None:
        super().__init__("job")
        self._settings, self._pool, self._folder, self._on_end = settings, pool, folder, on_end
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._planned = self._taken = 1.0
        """Seconds of earlier jobs, as planned and as they were; older ones count less."""

    def count(self, state: State) -> int:
        """How many are in *state*."""
        return sum(job.state == state for job in self._kept.values())

    def check_room(self) -> None:
        """Raises :class:`Problem` ``busy`` where the queue is full."""
        if self.count("queued") >= self._settings.queue:
            left = [job.seconds_left or 1 for job in self._kept.values() if job.state == "running"]
            retry = round(min(max(min(left, default=1.0), 1), 60))
            what = f"{self._settings.queue} jobs wait already"
            raise Problem("busy", what, "try again later", retry=retry)

    def add(
        self,
        photo: Photo,
        wishes: dict[str, Any],
        output: dict[str, Any],
        planned: float,
        megapixels: float,
    ) -> Job:
        """Queue a job *planned* to take so many seconds; raises as :meth:`check_room` does."""
        self.check_room()
        self._folder.check_room(photo.bytes)
        estimate = planned * self._taken / self._planned
        job = Job(new_id(), photo, wishes, output, planned, estimate, megapixels)
        photo.users += 1
        self._kept[job.id] = job
        self._count_ahead()
        target = self._folder.new_path()
        task = self._tasks[job.id] = asyncio.create_task(self._run(job, target))
        task.add_done_callback(lambda _: self._end(job, target))
        return job

    def wait(self, job: Job) -> float:
        """Seconds until *job* should be over: what is before it, and itself."""
        ahead = 0.0
        if job.state == "queued":
            known = [one for one in self._kept.values() if one.created < job.created]
            ahead = sum(one.seconds_left or 0 for one in known) / self._settings.workers
        return ahead + (job.seconds_left or 0)

    def place(self, job: Job) -> dict[str, str]:
        """Headers that say where *job* is, and when to come again."""
        seconds = min(max(math.ceil(self.wait(job)), 1), 60)
        return {"Location": f"/api/v1/jobs/{job.id}", "Retry-After": str(seconds)}

    def _count_ahead(self) -> None:
        """Tell those that wait how many come before them."""
        unfinished = [job for job in self._kept.values() if not job.is_over]
        for ahead, job in enumerate(unfinished):
            now = ahead if job.state == "queued" else 0
            if now != job.ahead:
                job.ahead = now
                job.notify()

    def of(self, photo: Photo) -> list[Job]:
        """The jobs on *photo*."""
        return [job for job in self._kept.values() if job.photo is photo]

    async def cancel(self, job: Job) -> None:
        """Stop it, if it is not over."""
        task = self._tasks.get(job.id)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def remove(self, id: str) -> None:
        """Cancel and delete one; raises as :meth:`find` does."""
        job = self.find(id)
        await self.cancel(job)
        self.forget(job)

    def expire(self) -> None:
        """Delete what has been over for too long."""
        oldest = time.time() - self._settings.keep
        for job in list(self._kept.values()):
            if job.ended is not None and job.ended < oldest:
                self.forget(job)

    async def drain(self, seconds: float) -> None:
        """Drop what waits, and let what runs go on for up to *seconds*."""
        waiting = [job for job in self._kept.values() if job.state == "queued"]
        await asyncio.gather(*map(self.cancel, waiting))
        if running := list(self._tasks.values()):
            await asyncio.wait(running, timeout=seconds)

    async def close(self) -> None:
        """Cancel everything."""
        await asyncio.gather(*map(self.cancel, list(self._kept.values())))

    @property
    def unfetched(self) -> int:
        """Results that nobody has asked for yet."""
        return sum(job.state == "done" and not job.fetched for job in self._kept.values())

    def forget(self, job: Job) -> None:
        """Delete one that is over, with its result."""
        if job.id in self._kept:
            self._drop(job.id).deleted = True
            if job.path is not None:
                self._folder.remove(job.path)

    async def _run(self, job: Job, target: Path) -> None:
        def begin() -> None:
            job.state, job.started = "running", time.monotonic()
            self._count_ahead()
            job.notify()

        def progress(part: float) -> None:
            job.progress = part
            job.notify()

        asked = {"wishes": job.wishes, "output": job.output, "target": str(target)}
        task = job.photo.task("enhance", **asked)
        try:
            done = await self._pool.work(task, begin, progress)
        except Problem as problem:
            job.state, job.problem = "failed", problem.as_dict()
        except Exception as error:
            log.exception("job broke off")
            broken = Problem("internal", type(error).__name__, "please report it")
            job.state, job.problem = "failed", broken.as_dict()
        else:
            job.report, job.bytes, job.path = done["report"], done["bytes"], target
            job.name = result_name(job.photo.name, done["suffix"])
            self._folder.added(done["bytes"])
            job.state, job.progress = "done", 1.0
            spent = time.monotonic() - (job.started or time.monotonic())
            self._planned = FORGOTTEN * self._planned + job.planned
            self._taken = FORGOTTEN * self._taken + spent

    def _end(self, job: Job, target: Path) -> None:
        """Once its task is over, however it came to that: a task may end before it begins."""
        if not job.is_over:
            job.state = "cancelled"
        if job.path is None:
            target.unlink(missing_ok=True)
        job.ended = time.time()
        job.photo.users -= 1
        del self._tasks[job.id]
        self._on_end(job)
        self._count_ahead()
        job.notify()


async def follow(job: Job, heartbeat: float, end: float = math.inf) -> AsyncIterator[bool]:
    """Yields whenever the job has changed, or false after *heartbeat* seconds without.

    It ends with the job, or at *end* on the loop's clock.
    """
    clock = asyncio.get_running_loop().time
    while not job.is_over and clock() < end:
        changed = job.changed
        try:
            async with asyncio.timeout_at(min(clock() + heartbeat, end)):
                await changed.wait()
            yield True
        except TimeoutError:
            yield False
