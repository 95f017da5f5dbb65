"""Every request is counted, timed and logged; what breaks becomes a problem, too."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undegrade.service.metrics import Metrics
from undegrade.service.problems import Problem
from undegrade.service.responses import problem_response

log = logging.getLogger("undegrade.service")

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds by machines: counted, not logged."""
OTHER = "other"
"""The route of a request for which there is none: its path may hold anything."""


class Watch:
    """Around the whole application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, sent = time.perf_counter(), 0, 0

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, counted)
        except Exception as error:
            log.exception("request broke off")
            if status:
                raise  # too late for another answer: the server cuts the connection
            problem = Problem("internal", type(error).__name__, "please report it")
            await problem_response(problem, scope["path"])(scope, receive, counted)
        finally:
            self._note(scope, status, time.perf_counter() - started, sent)

    def _note(self, scope: Scope, status: int, seconds: float, sent: int) -> None:
        route = getattr(scope.get("route"), "path", OTHER)
        method = scope["method"] if scope["method"] in ("GET", "POST", "DELETE") else OTHER
        self._metrics.requests.labels(method, route, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        if route not in QUIET:
            facts = {"method": method, "route": route, "status": status, "bytes": sent}
            log.info("request", extra=facts | {"seconds": round(seconds, 4)})
