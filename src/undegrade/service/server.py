"""The server: uvicorn, with patience for running jobs and none for clients that stall."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from undegrade.errors import UsageError
from undegrade.service import logs
from undegrade.service.app import create_app
from undegrade.service.settings import Settings
from undegrade.service.state import Service

log = logging.getLogger("undegrade.service")

KEEP_ALIVE = 15
"""Seconds that an idle connection stays open."""
BACKLOG = 256
CLOSE_SECONDS = 10
"""How long answers on their way may take once jobs have ended."""


class _Protocol(H11Protocol):
    """HTTP/1.1 that does not wait forever for a request's headers."""

    seconds = 15.0
    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._done_waiting()
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.seconds, self.transport.abort)

    def _done_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class Server(uvicorn.Server):
    """Stops in two steps: running jobs end, then connections. A second signal stops at once."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self.service = service
        self._draining: asyncio.Task[None] | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called with a signal, in the main thread, between two steps of the loop."""
        if self._draining is not None or not self.started:
            super().handle_exit(sig, frame)
            return
        log.info("stopping", extra={"running": self.service.jobs.count("running")})
        self._draining = asyncio.get_running_loop().create_task(self._drain(sig, frame))

    async def _drain(self, sig: int, frame: FrameType | None) -> None:
        await self.service.drain()
        super().handle_exit(sig, frame)


def make_server(settings: Settings) -> Server:
    """A server for a new service; ``run`` serves until it is told to stop."""
    app = create_app(settings)
    protocol = type("Protocol", (_Protocol,), {"seconds": settings.stall_seconds})
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=CLOSE_SECONDS,
    )
    return Server(config, app.state.service)


def listen(settings: Settings) -> list[socket.socket]:
    """Sockets at every address of the settings' host.

    Raises
    ------
    UsageError: there is no such address, or something else listens there.
    """
    host, port = settings.host, settings.port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        places = dict.fromkeys((family, address[:2]) for family, _, _, _, address in found)
        return [
            socket.create_server(address, family=family, backlog=BACKLOG)
            for family, address in places
        ]
    except OSError as error:
        raise UsageError(
            f"cannot listen at {host}, port {port}: {error.strerror}",
            "choose another --port or --host, or end what listens there",
        ) from None


def serve(settings: Settings, sockets: Sequence[socket.socket]) -> None:
    """Run a service at *sockets* until it is told to stop; logs go to stderr."""
    logs.set_up()
    with suppress(KeyboardInterrupt):
        make_server(settings).run(sockets=list(sockets))
