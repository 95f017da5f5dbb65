"""Who may ask, from where, and what browsers may do with the answer."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undegrade.service.problems import Problem
from undegrade.service.responses import problem_response
from undegrade.service.settings import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, and may come from other sites: their pages cannot read answers."""
PROTECTED = ("/api/", "/metrics")
"""What needs the token, if there is one; the page itself holds nothing secret."""
SMALL_BODY = 65_536
"""Bytes of a body that is no upload."""


class Guard:
    """The outermost gate: host, origin and token; safe headers on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = settings.allowed_hosts
        self._token = None if settings.token is None else settings.token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope, Headers(scope=scope))
        except Problem as problem:
            response = problem_response(problem, scope["path"])
            await response(scope, receive, send_safely)
            return
        await self._app(scope, receive, send_safely)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Problem(
                "host", "the Host header is not a name of this service", "see --allow-host"
            )
        if scope["method"] not in SAFE:
            origin = headers.get("origin")
            foreign = origin is not None and urlsplit(origin).netloc.lower() != host.lower()
            if foreign or headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
                raise Problem("cross-site", "the request comes from another site's page")
        if self._token is not None and scope["path"].startswith(PROTECTED):
            kind, _, given = headers.get("authorization", "").partition(" ")
            known = secrets.compare_digest(given.strip().encode(), self._token)
            if kind.lower() != "bearer" or not known:
                raise Problem(
                    "token",
                    "the Authorization header holds no valid token",
                    "send Authorization: Bearer TOKEN",
                    {"WWW-Authenticate": "Bearer"},
                )


class SmallBodies:
    """Bodies that are no uploads are read whole here, if they are small and come soon."""

    def __init__(self, app: ASGIApp, settings: Settings, uploads: frozenset[str]) -> None:
        self._app, self._settings, self._uploads = app, settings, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exempt = scope["type"] != "http" or scope["method"] in SAFE
        if exempt or scope["path"] in self._uploads:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(receive)
        except Problem as problem:
            await problem_response(problem, scope["path"])(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes:
        import asyncio

        body = bytearray()
        close = {"Connection": "close"}
        try:
            async with asyncio.timeout(self._settings.stall_seconds):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > SMALL_BODY:
                        raise Problem(
                            "too-large", f"the body has more than {SMALL_BODY} bytes", "", close
                        )
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise Problem("slow", "the body did not come in time", "", close) from None


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
