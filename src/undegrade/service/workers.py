"""Worker processes under supervision: what dies is replaced, and only its own task fails.

One process more than there are jobs at a time: uploads and previews never wait behind a long job.
Processes start when they are needed, and all but one end when they are not. A task goes to the
worker that has its photo open, if that one is free.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from undegrade.service import wire
from undegrade.service.problems import Problem
from undegrade.service.settings import Settings

log = logging.getLogger("undegrade.service")

START_SECONDS = 60.0
"""Until a new worker must have reported: libraries may have to come from a cold disk."""
CANCEL_SECONDS = 30.0
"""Until a worker must have heard that its task is cancelled; it asks between tiles, and a tile may
take seconds on a busy machine."""
REMEMBERED = 16
"""Photos of which it is remembered which worker had them last."""

Progress = Callable[[float], None]


class WorkerDiedError(Exception):
    """A worker's process ended, or stopped making sense, in the middle of a task."""


class _Worker:
    """One process, from the service's side."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.started = False
        self.photos: deque[str] = deque(maxlen=REMEMBERED)
        self.since = asyncio.get_running_loop().time()
        """When it became idle."""

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def ready(self) -> None:
        """Wait for its first words; raises :class:`WorkerDiedError`."""
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._receive()
            self.started = True
        except TimeoutError:
            raise WorkerDiedError("it did not start in time") from None

    async def call(
        self, task: wire.Head, seconds: float, progress: Progress | None
    ) -> tuple[wire.Head, bytes]:
        """Have *task* done.

        Raises
        ------
        WorkerDiedError: the process is gone.
        TimeoutError: *seconds* were not enough; the process is gone, too.
        asyncio.CancelledError: the caller was cancelled; the worker has stopped or is gone.
        """
        try:
            async with asyncio.timeout(seconds):
                self._send(task)
                return await self._answer(progress)
        except TimeoutError:
            await self.end()
            raise
        except asyncio.CancelledError:
            stopping = asyncio.ensure_future(self._stop())
            while not stopping.done():  # however often we are cancelled: it must not be left busy
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(stopping)
            raise

    async def _answer(self, progress: Progress | None) -> tuple[wire.Head, bytes]:
        while True:
            head, body = await self._receive()
            if "progress" not in head:
                return head, body
            if progress is not None:
                progress(float(head["progress"]))

    async def _stop(self) -> None:
        """Have the present task given up, by asking or else by force."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                self._send({"cancel": True})
                await self._answer(None)
        except (TimeoutError, WorkerDiedError):
            await self.end()

    def _send(self, head: wire.Head) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(wire.pack(head))  # to a dead one it is lost, and no error

    async def _receive(self) -> tuple[wire.Head, bytes]:
        assert self._process.stdout is not None
        try:
            return await wire.receive(self._process.stdout)
        except (EOFError, OSError, ValueError) as error:
            await self.end()
            raise WorkerDiedError(f"{type(error).__name__} instead of an answer") from error

    async def end(self) -> None:
        """End the process, without asking: it holds nothing that is not also elsewhere."""
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


@dataclass(eq=False)
class _Waiting:
    """A task that waits for a place."""

    heavy: bool
    turn: asyncio.Future[None] = field(default_factory=asyncio.Future)


class Pool:
    """Workers, and who is next; *on_death* is called when one dies at work, or has to be ended."""

    def __init__(self, settings: Settings, on_death: Callable[[], None]) -> None:
        self._settings, self._on_death = settings, on_death
        self._workers: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._places = settings.workers + 1
        self._taken = 0
        self._heavy = 0
        self._waiting: deque[_Waiting] = deque()
        self._reaper: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the first worker in the background; tasks may be given at once."""
        self._reaper = asyncio.create_task(self._reap())

    async def close(self) -> None:
        """End all workers."""
        tasks = [task for task in (self._reaper, self._warming) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(worker.end() for worker in self._workers))

    @property
    def ready(self) -> bool:
        """Whether some worker has started."""
        return any(worker.started for worker in self._workers)

    @property
    def pids(self) -> list[int]:
        """The processes that are alive."""
        return [worker.pid for worker in self._workers if worker.alive]

    async def look(self, task: wire.Head) -> tuple[wire.Head, bytes]:
        """A short task that a client waits for.

        Raises :class:`Problem`: the worker's, or that it died or took too long, or too many wait.
        """
        if sum(not waiting.heavy for waiting in self._waiting) >= self._settings.queue:
            raise Problem("busy", "too many photos are being looked at", "try again", retry=2)
        await self._turn(heavy=False)
        return await self._do(task, self._settings.look_seconds, None, heavy=False)

    async def work(
        self, task: wire.Head, begin: Callable[[], None], progress: Progress
    ) -> wire.Head:
        """A job, of which any number may wait; *begin* is called when its turn has come.

        Raises as :meth:`look` does.
        """
        await self._turn(heavy=True)
        begin()
        head, _ = await self._do(task, self._settings.job_seconds, progress, heavy=True)
        return head

    async def _do(
        self, task: wire.Head, seconds: float, progress: Progress | None, *, heavy: bool
    ) -> tuple[wire.Head, bytes]:
        """Have it done by some worker, in a place that is taken already, and free the place."""
        worker: _Worker | None = None
        try:
            worker = await self._take(task["path"])
            head, body = await worker.call(task, seconds, progress)
        except WorkerDiedError as error:
            self._lost(str(error))
            raise Problem(
                "worker", "the process that worked on the photo died", "the photo may be damaged"
            ) from None
        except TimeoutError:
            self._lost("it took too long")
            raise Problem(
                "time", f"it was stopped after {seconds:g} seconds", "send a smaller photo"
            ) from None
        finally:
            self._release(worker, heavy)
        if "problem" in head:
            problem = Problem.from_dict(head["problem"])
            if problem.kind == "internal":
                log.error("worker met an error", extra={"reason": problem.detail})
            raise problem
        done: wire.Head = head.get("done", {})
        return done, body

    def _lost(self, reason: str) -> None:
        log.warning("worker lost", extra={"reason": reason})
        self._on_death()

    async def _turn(self, *, heavy: bool) -> None:
        """Wait until a place is free for a task of this kind, and take it."""
        waiting = _Waiting(heavy)
        self._waiting.append(waiting)
        self._next()
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting in self._waiting:
                self._waiting.remove(waiting)
            else:
                self._release(None, heavy)
            raise

    def _next(self) -> None:
        """Give free places to who waits: first to those that a client waits for."""
        for waiting in sorted(self._waiting, key=lambda waiting: waiting.heavy):
            if self._taken == self._places:
                return
            if waiting.heavy and self._heavy == self._settings.workers:
                return
            self._waiting.remove(waiting)
            self._taken += 1
            self._heavy += waiting.heavy
            waiting.turn.set_result(None)

    async def _take(self, photo: str) -> _Worker:
        """An idle worker, best the one that knows the photo, or a new one."""
        if not self._idle and self._warming is not None:
            await asyncio.wait([self._warming])
        self._idle = [worker for worker in self._idle if worker.alive]
        known = [worker for worker in self._idle if photo in worker.photos]
        if self._idle:
            worker = (known or self._idle)[-1]
            self._idle.remove(worker)
        else:
            worker = await self._spawn()
        worker.photos.append(photo)
        return worker

    def _release(self, worker: _Worker | None, heavy: bool) -> None:
        if worker is not None and worker.alive:
            worker.since = asyncio.get_running_loop().time()
            self._idle.append(worker)
        self._workers = {worker for worker in self._workers if worker.alive}
        self._taken -= 1
        self._heavy -= heavy
        self._next()

    async def _spawn(self) -> _Worker:
        settings = self._settings
        options = {
            "threads": settings.threads,
            "max_megapixels": settings.max_megapixels,
            "idle_seconds": settings.idle_seconds,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "undegrade.service.worker",
            json.dumps(options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Fewer pools of free memory: what one thread frees, another can use.
            env=os.environ | {"MALLOC_ARENA_MAX": "2"},
            # Ctrl-C is for the service, which lets jobs finish.
            start_new_session=True,
        )
        worker = _Worker(process)
        self._workers.add(worker)
        try:
            await worker.ready()
        except BaseException:
            await worker.end()
            raise
        log.info("worker started", extra={"pid": worker.pid})
        return worker

    async def _warm(self) -> None:
        """Start a worker before anybody needs it."""
        try:
            self._idle.append(await self._spawn())
        except WorkerDiedError as error:
            log.error("worker does not start", extra={"reason": str(error)})

    async def _reap(self) -> None:
        """Keep one worker warm, and end those that nobody has needed for a while."""
        loop = asyncio.get_running_loop()
        while True:
            if not self._workers:
                self._warming = asyncio.create_task(self._warm())
                await asyncio.wait([self._warming])
            for worker in self._idle[:-1]:
                if loop.time() - worker.since > self._settings.idle_seconds:
                    self._idle.remove(worker)
                    self._workers.discard(worker)
                    await worker.end()
            await asyncio.sleep(1)
