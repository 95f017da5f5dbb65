"""A worker's process: reads tasks from stdin, answers on stdout, one at a time.

    python -m undegrade.service.worker '{"threads": 2, ...}'

It opens strangers' files, so it may die at any time; see :mod:`undegrade.service.workers`.
"""

from __future__ import annotations

import ctypes
import json
import os
import queue
import sys
import threading
from contextlib import suppress
from typing import Any, BinaryIO

from undegrade.errors import Cancelled
from undegrade.service import wire
from undegrade.service.problems import Problem, is_full, of_error
from undegrade.work import failure_of

NICENESS = 5
"""Below the service, so that it answers while networks take every core."""


class Worker:
    """The loop: tasks come through one pipe, progress and answers go through the other."""

    def __init__(self, reading: BinaryIO, writing: BinaryIO, options: dict[str, Any]) -> None:
        from undegrade.service.workbench import Workbench

        self._reading, self._writing = reading, writing
        self._idle_seconds = options.pop("idle_seconds")
        self._workbench = Workbench(**options)
        self._tasks: queue.Queue[wire.Head] = queue.Queue()
        self._cancelled = threading.Event()

    def run(self) -> None:
        """Work until the service hangs up."""
        threading.Thread(target=self._listen, daemon=True).start()
        self._send({"ready": True})
        while True:
            try:
                task = self._tasks.get(timeout=self._idle_seconds)
            except queue.Empty:
                self._workbench.forget()
                _give_memory_back()
                task = self._tasks.get()
            self._cancelled.clear()
            self._workbench.forget_deleted()
            self._send(*self._answer(task))
            if task["do"] == "enhance":
                _give_memory_back()

    def _listen(self) -> None:
        """Beside the work: cancelling must be heard in the middle of it, and the end, too."""
        while (head := wire.read(self._reading)) is not None:
            if "cancel" in head:
                self._cancelled.set()
            else:
                self._tasks.put(head)
        os._exit(0)

    def _answer(self, task: wire.Head) -> tuple[wire.Head, bytes]:
        try:
            made = self._do(**task)
        except Cancelled:
            return {"cancelled": True}, b""
        except Exception as error:
            return {"problem": _problem(error).as_dict()}, b""
        head, body = made if isinstance(made, tuple) else (made, b"")
        return {"done": head}, body

    def _do(self, do: str, **asked: Any) -> wire.Head | tuple[wire.Head, bytes]:
        if do not in self._workbench.TASKS:
            raise ValueError(f"no task is called {do!r}")
        if do == "enhance":
            asked["progress"] = lambda part: self._send({"progress": round(part, 4)})
            asked["cancelled"] = self._cancelled.is_set
        made: wire.Head | tuple[wire.Head, bytes] = getattr(self._workbench, do)(**asked)
        return made

    def _send(self, head: wire.Head, body: bytes = b"") -> None:
        self._writing.write(wire.pack(head, body))
        self._writing.flush()


def _problem(error: Exception) -> Problem:
    """What *error* is for the client."""
    cause: BaseException | None = error
    while cause is not None:
        if is_full(cause):
            return Problem("storage", "there is no room for the result", "try later")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, FileNotFoundError):
        return Problem("gone", "the photo has just been deleted", "send the photo again")
    failure = failure_of(error, "the photo")
    return _internal(error) if failure.kind == "internal" else of_error(failure.error)


def _internal(error: Exception) -> Problem:
    # Where it broke, for the log of the service; a message could hold parts of the photo.
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "?"
    return Problem("internal", f"{type(error).__name__} in {where}", "please report it")


def _give_memory_back() -> None:
    """glibc keeps what was freed; a service shares the machine."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def main() -> None:
    """Take the pipes for ourselves: what libraries print must not end up among the frames."""
    reading = os.fdopen(os.dup(0), "rb")
    writing = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    with suppress(ImportError, ValueError, OSError):
        import resource

        # A core dump would be a copy of somebody's photo.
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(AttributeError, OSError):
        os.nice(NICENESS)
    worker = Worker(reading, writing, json.loads(sys.argv[1]))
    # What decoders say of a strange file is no line of our log.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    worker.run()


if __name__ == "__main__":
    main()
