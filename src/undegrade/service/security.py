"""Who may ask, from where, and what browsers may do with the answer."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import time
from collections import OrderedDict
from contextlib import suppress
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
WRONG_TOKENS, FORGIVEN_SECONDS = 10, 6.0
"""Wrong tokens that an address may show in a row, and after how long one is forgiven."""
REMEMBERED = 10_000
"""Addresses whose wrong tokens are counted."""


class Guard:
    """The outermost gate: host, origin and token; safe headers on every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = settings.allowed_hosts
        self._token = None if settings.token is None else settings.token.encode()
        self._guesses: OrderedDict[str, float] = OrderedDict()
        """When all wrong tokens of an address will be forgiven."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope)
        unread = given.get("content-length", "0") != "0" or "transfer-encoding" in given

        async def received() -> Message:
            nonlocal unread
            message = await receive()
            unread = unread and bool(message.get("more_body", False))
            return message

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if unread:  # what is still on its way must not be taken for the next request
                    headers["Connection"] = "close"
            await send(message)

        try:
            self._check(scope, given)
        except Problem as problem:
            response = problem_response(problem, scope["path"])
            await response(scope, received, send_safely)
            return
        await self._app(scope, received, send_safely)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "")
        if self._hosts is not None and _name(host) not in self._hosts:
            raise Problem(
                "host", "the Host header is not a name of this service", "see --allow-host"
            )
        if scope["method"] not in SAFE:
            origin = headers.get("origin")
            foreign = origin is not None and origin.partition("//")[2].lower() != host.lower()
            if foreign or headers.get("sec-fetch-site", "none") in ("cross-site", "same-site"):
                raise Problem("cross-site", "the request comes from another site's page")
        if self._token is not None and scope["path"].startswith(PROTECTED):
            self._check_token(headers.get("authorization", ""), (scope.get("client") or ("",))[0])

    def _check_token(self, authorization: str, address: str) -> None:
        now, kind_and_token = time.monotonic(), authorization.partition(" ")
        wait = self._guesses.get(address, 0.0) - now - (WRONG_TOKENS - 1) * FORGIVEN_SECONDS
        if wait > 0:
            what = "too many wrong tokens came from this address"
            raise Problem("busy", what, "try again later", retry=int(wait) + 1)
        known = secrets.compare_digest(kind_and_token[2].strip().encode(), self._token or b"")
        if kind_and_token[0].lower() == "bearer" and known:
            return
        # None at all is no guess, and whoever comes by loopback may be a proxy for many.
        if authorization and not _is_loopback(address):
            self._guesses[address] = max(self._guesses.pop(address, 0.0), now) + FORGIVEN_SECONDS
            if len(self._guesses) > REMEMBERED:
                self._guesses.popitem(last=False)
        raise Problem(
            "token",
            "the Authorization header holds no valid token",
            "send Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )


class Bodies:
    """Bodies that are no uploads are read whole here, if they are small and come soon.

    And HEAD is answered as GET is, without a body.
    """

    def __init__(self, app: ASGIApp, settings: Settings, uploads: frozenset[str]) -> None:
        self._app, self._settings, self._uploads = app, settings, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope["method"] = "GET"
            with suppress(_Enough):
                await self._app(scope, receive, _head_only(send))
            return
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
        body = bytearray()
        try:
            async with asyncio.timeout(self._settings.stall_seconds):
                while True:
                    message = await receive()
                    body += message.get("body", b"")
                    if len(body) > SMALL_BODY:
                        raise Problem("too-large", f"the body has more than {SMALL_BODY} bytes")
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise Problem("slow", "the body did not come in time") from None


class _Enough(BaseException):
    """The head of an answer has been sent: nobody needs the rest."""


def _head_only(send: Send) -> Send:
    async def head(message: Message) -> None:
        await send(message)
        await send({"type": "http.response.body"})
        raise _Enough

    return head


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
