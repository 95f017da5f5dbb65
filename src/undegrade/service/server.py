"""The server: uvicorn, with patience for running jobs and none for clients that stall."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from undegrade.errors import UsageError
from undegrade.service import watch
from undegrade.service.app import create_app
from undegrade.service.problems import MEDIA_TYPE, Problem
from undegrade.service.settings import Settings
from undegrade.service.state import Service

log = logging.getLogger("undegrade.service")

KEEP_ALIVE = 15
"""Seconds that an idle connection stays open."""
BACKLOG = 1024
FIRST_SECONDS = 1.0
"""For which a client that has sent nothing yet makes no room for others of its address."""
CLOSE_SECONDS = 10
"""How long answers on their way may take once jobs have ended."""
LINGER_SECONDS = 5.0
"""How long what a refused client still sends is thrown away: most read no answer before they have
sent everything, and a connection that is closed meanwhile takes the answer with it."""


class _Crowd:
    """All connections of one service; where there are too many, a slow one makes room."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._here: dict[str, dict[_Connection, None]] = {}
        """By address; who came or was answered last stands last."""

    def add(self, new: _Connection) -> bool:
        """Whether there is room, if need be by ending who has let us wait longest.

        Where many come at once, an address may have too many until what they sent has been read:
        whoever has asked something by then stays.
        """
        self.thin(new.address, 1)
        own = self._here.get(new.address, {})
        if len(own) >= self.settings.connections_per_address and all(one.heard for one in own):
            return False
        if sum(map(len, self._here.values())) >= self.settings.connections:
            largest = max(self._here.values(), key=len)
            if not (self._end_one(largest) or self._end_one(largest, unheard=True)):
                return False
        self._here.setdefault(new.address, {})[new] = None
        return True

    def thin(self, address: str, more: int = 0) -> None:
        """End those of an address that are too many, with room for so many *more*."""
        own = self._here.get(address, {})
        while len(own) + more > self.settings.connections_per_address and self._end_one(own):
            pass

    def answered(self, connection: _Connection) -> None:
        """It begins anew."""
        own = self._here.get(connection.address, {})
        if connection in own:
            own[connection] = own.pop(connection)

    def remove(self, connection: _Connection) -> None:
        """It is closed."""
        own = self._here.get(connection.address, {})
        own.pop(connection, None)
        if not own:
            self._here.pop(connection.address, None)

    def _end_one(self, among: dict[_Connection, None], *, unheard: bool = False) -> bool:
        last = None
        for one in among:
            if (unheard or one.heard) and one.owes:
                last = last or one
                if not one.is_fast:
                    last = one
                    break
        if last is None:
            return False
        self.remove(last)
        last.transport.abort()
        return True


class _Transport:
    """A transport that is closed only once the client had a chance to read what was said."""

    def __init__(self, inner: asyncio.Transport, connection: _Connection) -> None:
        self._inner, self._connection = inner, connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def is_closing(self) -> bool:
        return self._connection.leaving or self._inner.is_closing()

    def close(self) -> None:
        self._connection.leave(self._inner)


class _Connection(H11Protocol):
    """HTTP/1.1 that waits for nobody forever: not for heads, not for readers, not for the end."""

    crowd: _Crowd
    leaving = False
    """Whether all is said; what still comes is thrown away."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = _Transport(transport, self)  # type: ignore[assignment]
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._since, self._bytes = self.loop.time(), 0
        self.address = self.client[0] if self.client else ""
        # A socket that was made with protocol 0 gets this from no loop, and every answer of two
        # packets waits for the client's delayed acknowledgement: 40 ms.
        if (own := transport.get_extra_info("socket")) is not None and self.client:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.crowd.add(self):
            self._expect("head", self.crowd.settings.stall_seconds)
        else:
            self._refuse(Problem("busy", "too many connections are open", "try again later"))

    @property
    def owes(self) -> bool:
        """Whether it is the client's turn: to ask, to send, to read or to hang up."""
        sending = self.conn.their_state in (h11.IDLE, h11.SEND_BODY)
        return sending or bool(self._due)

    @property
    def heard(self) -> bool:
        """Whether anything has been read since it was connected or answered, or long could be."""
        return self._bytes > 0 or self.loop.time() - self._since > FIRST_SECONDS

    @property
    def is_fast(self) -> bool:
        """Whether what came since it was connected or answered came fast enough."""
        spent = self.loop.time() - self._since
        return self._bytes >= spent * self.crowd.settings.least_rate

    def data_received(self, data: bytes) -> None:
        first, self._bytes = not self._bytes, self._bytes + len(data)
        if self.leaving:
            return
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._settled("head")
        elif not self.leaving:
            self._expect("head", self.crowd.settings.stall_seconds)
        if first:
            self.crowd.thin(self.address)

    def on_response_complete(self) -> None:
        self._since, self._bytes = self.loop.time(), 0
        self.crowd.answered(self)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect("reading", self.crowd.settings.stall_seconds)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._settled("reading")

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.crowd.remove(self)
        for what in list(self._due):
            self._settled(what)

    def leave(self, transport: asyncio.Transport) -> None:
        """Close, once the answer has been read, or the client has had time enough to."""
        if self.leaving:
            return
        self.leaving = True
        self._unset_keepalive_if_required()
        self._settled("head")
        # Closing with bytes unread resets the connection, and the answer may be lost.
        unread = self.conn.their_state is h11.SEND_BODY or self.conn.our_state is not h11.CLOSED
        if unread and not transport.is_closing():
            transport.write_eof()
            self.flow.resume_reading()
            self._expect("end", min(LINGER_SECONDS, self.crowd.settings.stall_seconds))
        else:
            transport.close()
            self._expect("end", self.crowd.settings.stall_seconds)

    def send_400_response(self, msg: str) -> None:
        """What the parser refuses is a problem, too."""
        self._refuse(Problem("bad-request", "this is no HTTP request"))

    def _refuse(self, problem: Problem) -> None:
        body = json.dumps(problem.as_dict()).encode()
        head = f"HTTP/1.1 {problem.status} {problem.title}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        head += f"Content-Length: {len(body)}\r\nRetry-After: 2\r\nConnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()

    def _expect(self, what: str, seconds: float) -> None:
        """End the connection if *what* has not come to pass in time."""
        if what not in self._due:
            self._due[what] = self.loop.call_later(seconds, self.transport.abort)

    def _settled(self, what: str) -> None:
        if (timer := self._due.pop(what, None)) is not None:
            timer.cancel()


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
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=type("Connection", (_Connection,), {"crowd": _Crowd(settings)}),
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

    Raises :class:`UsageError`: there is no such address, or something else listens there.
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
    watch.set_up_logs()
    with suppress(KeyboardInterrupt):
        make_server(settings).run(sockets=list(sockets))
