"""What one service holds while it lives."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header
from starlette.requests import Request

from undegrade.catalog import Catalog
from undegrade.service import schemas, uploads
from undegrade.service.jobs import Job, Jobs
from undegrade.service.photos import Folder, Photo, PhotoStore
from undegrade.service.problems import Problem
from undegrade.service.settings import Settings
from undegrade.service.watch import Metrics
from undegrade.service.workers import Pool

Made = TypeVar("Made", Photo, Job)

LINGER_SECONDS = 5.0
"""How long the service waits at its end for results to be fetched."""
MOST_KEYS = 10_000


class Service:
    """Folder, photos, jobs and workers of one service, from its start to its end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.catalog = Catalog()
        self.stopping = False
        """Whether nothing new is taken any more."""
        self._receiving = 0
        self._once: OrderedDict[str, _Once] = OrderedDict()

    async def start(self) -> None:
        """Make the folder, start a worker."""
        settings = self.settings
        self.folder = Folder(settings)
        self.pool = Pool(settings, self.metrics.worker_died)
        self.photos = PhotoStore(settings, self.folder)
        self.jobs = Jobs(settings, self.pool, self.folder, self.metrics.job_over)
        self.metrics.watch(
            {
                "undegrade_jobs_queued": ("Jobs waiting", lambda: self.jobs.count("queued")),
                "undegrade_jobs_running": ("Jobs running", lambda: self.jobs.count("running")),
                "undegrade_photos": ("Photos kept", lambda: len(self.photos)),
                "undegrade_stored_bytes": ("Bytes kept", lambda: self.folder.stored),
                "undegrade_workers": ("Worker processes", lambda: len(self.pool.pids)),
            }
        )
        self._janitor = asyncio.create_task(self._clean_up())
        self.pool.start()

    async def drain(self) -> None:
        """Take nothing new, finish what runs, wait a little for its results to be fetched."""
        self.stopping = True
        loop = asyncio.get_running_loop()
        end = loop.time() + self.settings.drain_seconds
        await self.jobs.drain(self.settings.drain_seconds)
        end = min(end, loop.time() + LINGER_SECONDS)
        while self.jobs.unfetched and loop.time() < end:
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """End everything, delete everything."""
        self.stopping = True
        self._janitor.cancel()
        await self.jobs.close()
        await self.pool.close()
        self.folder.close()

    def check_open(self) -> None:
        """Raises :class:`Problem` when the service is about to end."""
        if self.stopping:
            raise Problem("stopping", "nothing new is taken", "try again", retry=10)

    async def receive(
        self, request: Request, form: type[schemas.Form]
    ) -> tuple[Photo, schemas.Form]:
        """Take an upload in, without looking at it; the photo, and the other fields.

        Raises :class:`Problem`: no photo, a limit, or fields that do not fit.
        """
        self.check_open()
        if self._receiving >= self.settings.queue:
            raise Problem("busy", "too many uploads at a time", "try again later", retry=2)
        self._receiving += 1
        try:
            upload = await uploads.receive(request, self.settings, self.folder)
        finally:
            self._receiving -= 1
        try:
            fields = schemas.from_form(form, upload.fields)
        except BaseException:
            upload.path.unlink(missing_ok=True)
            raise
        return self.photos.add(upload.path, upload.name, fields.frame), fields

    async def once(
        self,
        key: str | None,
        photo: Photo | None,
        fields: Any,
        make: Callable[[], Awaitable[Made]],
    ) -> Made:
        """What *make* makes, or what it made when the same *fields* came with the same *key*.

        *photo* is what was sent with it, if anything; it is deleted where it had come before.
        Raises :class:`Problem`: something else was asked with this key.
        """
        if key is None:
            return await make()
        text = json.dumps(fields, sort_keys=True, default=str).encode()
        if photo is not None:
            text += await asyncio.to_thread(_digest, photo.path)
        asked = hashlib.sha256(text).digest()
        known = self._once.get(key)
        if known is None or known.is_stale(self.settings.keep):
            known = self._once[key] = _Once(asked)
            self._once.move_to_end(key)
            if len(self._once) > MOST_KEYS:
                self._once.popitem(last=False)
            known.task = asyncio.ensure_future(make())
            known.task.add_done_callback(lambda task: task.cancelled() or task.exception())
            return await asyncio.shield(known.task)
        if photo is not None:
            self.photos.remove(photo.id)
        if known.asked != asked:
            raise schemas.refusal(
                [{"field": "Idempotency-Key", "detail": "was used for another request"}]
            )
        return await asyncio.shield(known.task)

    async def _clean_up(self) -> None:
        """Let go, again and again, of what is over its time."""
        keep = self.settings.keep
        while True:
            await asyncio.sleep(min(5.0, keep / 4))
            self.jobs.expire()
            self.photos.expire()
            # Keys that may be used anew: each holds what it made, with its report.
            for key in [key for key, one in self._once.items() if one.is_stale(keep)]:
                del self._once[key]

    async def open(self, photo: Photo, wishes: dict[str, Any]) -> None:
        """Have a new photo looked at; it is deleted where it is none."""
        try:
            photo.facts, _ = await self.pool.look(photo.task("open", wishes=wishes))
        except BaseException:
            self.photos.remove(photo.id)
            raise

    async def order(self, photo: Photo, wishes: dict[str, Any], output: dict[str, Any]) -> Job:
        """Queue a job, once a plan shows that it can be done.

        Raises :class:`Problem`: these wishes cannot be met, the queue is full, or there is no room.
        """
        self.jobs.check_room()
        plan, _ = await self.pool.look(photo.task("plan", wishes=wishes))
        need, most = plan["memory_bytes"], self.settings.max_memory
        if need > most:
            raise Problem(
                "too-large",
                f"it may take {need / 1e6:.0f} MB of memory, {most / 1e6:.0f} MB are allowed",
                "choose a smaller scale",
            )
        if photo.deleted:
            raise Problem("gone", "this photo has been deleted", "send the photo again")
        pixels = max(plan["width"] * plan["height"], photo.facts["width"] * photo.facts["height"])
        return self.jobs.add(photo, wishes, output, plan["seconds_estimated"], pixels / 1e6)

    async def forget(self, photo: Photo) -> None:
        """Delete a photo; jobs that still need it are cancelled."""
        for job in self.jobs.of(photo):
            await self.jobs.cancel(job)
        if not photo.deleted:
            self.photos.remove(photo.id)

    async def discard(self, job: Job) -> None:
        """Delete a job, its result and its photo, where they are still there."""
        if not job.photo.deleted:
            await self.forget(job.photo)
        self.jobs.forget(job)


class _Once:
    """A hash of what was asked with a key, and what comes of it."""

    task: asyncio.Future[Any]

    def __init__(self, asked: bytes) -> None:
        self.asked, self._since = asked, time.monotonic()

    def is_stale(self, keep: float) -> bool:
        """Whether the key may be used anew: it failed, or what it made is gone."""
        if not self.task.done():
            return False
        if time.monotonic() - self._since > keep or self.task.cancelled() or self.task.exception():
            return True
        return bool(self.task.result().deleted)


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


async def _service(request: Request) -> Service:
    """Not a plain function: those are called in threads, of which a crowd makes each other wait."""
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
"""A parameter of a route that is given the service."""
Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Asked again with the same key, the same comes of it, and nothing twice.",
    ),
]
