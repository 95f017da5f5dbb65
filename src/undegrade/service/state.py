"""What one service holds while it lives."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request

from undegrade.catalog import Catalog
from undegrade.service import uploads
from undegrade.service.jobs import Job, Jobs
from undegrade.service.metrics import Metrics
from undegrade.service.photos import Folder, Photo, PhotoStore, every
from undegrade.service.problems import Problem
from undegrade.service.settings import Settings
from undegrade.service.workers import Pool

LINGER_SECONDS = 5.0
"""How long the service waits at its end for results to be fetched."""


class Service:
    """Folder, photos, jobs and workers of one service, from its start to its end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.catalog = Catalog()
        self.stopping = False
        """Whether nothing new is taken any more."""
        self._receiving = 0

    async def start(self) -> None:
        """Make the folder, start a worker."""
        settings = self.settings
        self.folder = Folder(settings)
        self.pool = Pool(settings, self.metrics.worker_died)
        self.photos = PhotoStore(settings, self.folder)
        self.jobs = Jobs(settings, self.pool, self.folder, self.metrics.job_over)
        self.metrics.watch(self)
        self._janitor = asyncio.create_task(
            every(min(5.0, settings.keep / 4), self.jobs.expire, self.photos.expire)
        )
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
            raise Problem("stopping", "nothing new is taken", "try again", {"Retry-After": "10"})

    async def receive(self, request: Request) -> tuple[Photo, dict[str, str]]:
        """Take an upload in, without looking at it; the photo, and the other fields."""
        self.check_open()
        if self._receiving >= self.settings.queue:
            raise Problem(
                "busy", "too many uploads at a time", "try again later", {"Retry-After": "2"}
            )
        self._receiving += 1
        try:
            upload = await uploads.receive(request, self.settings, self.folder)
        finally:
            self._receiving -= 1
        return self.photos.add(upload.path, upload.name), upload.fields

    async def open(self, photo: Photo, wishes: dict[str, Any]) -> None:
        """Have a new photo looked at; it is deleted where it is none."""
        task = {"do": "open", "path": str(photo.path), "wishes": wishes}
        try:
            photo.facts, _ = await self.pool.look(task)
        except BaseException:
            self.photos.remove(photo.id)
            raise

    async def order(
        self, photo: Photo, wishes: dict[str, Any], output: dict[str, Any]
    ) -> tuple[Job, dict[str, Any]]:
        """Queue a job, once a plan shows that it can be done; the job and the plan.

        Raises
        ------
        Problem: the wishes cannot be met on this photo, the queue is full, or there is no room.
        """
        self.jobs.check_room()
        task = {"do": "plan", "path": str(photo.path), "wishes": wishes}
        plan, _ = await self.pool.look(task)
        need, most = plan["memory_bytes"], self.settings.max_memory
        if need > most:
            raise Problem(
                "too-large",
                f"it may take {need / 1e6:.0f} MB of memory, {most / 1e6:.0f} MB are allowed",
                "choose a smaller scale",
            )
        if photo.deleted:
            raise Problem("gone", "this photo has been deleted", "send the photo again")
        return self.jobs.add(photo, wishes, output, plan["seconds_estimated"]), plan

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


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Here = Annotated[Service, Depends(_service)]
"""A parameter of a route that is given the service."""
