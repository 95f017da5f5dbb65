"""What those who run the service are told: logs, and numbers for Prometheus.

Neither names of files nor metadata nor paths with ids in them: who knows an id may fetch a photo.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from undegrade.service.problems import Problem
from undegrade.service.responses import problem_response

if TYPE_CHECKING:
    from undegrade.service.jobs import Job

OWN = "undegrade.service"
log = logging.getLogger(OWN)

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
JOB_SECONDS = (0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked for every few seconds by machines: counted, not logged."""
OTHER = "other"
"""The route of a request for which there is none: its path may hold anything."""

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """A record and what was passed as ``extra`` as one line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return json.dumps(self.facts(record), default=str)

    def facts(self, record: logging.LogRecord) -> dict[str, Any]:
        """Of a library's record without what was filled in: clients may have sent it."""
        own = record.name.partition(".")[0] in ("undegrade", "uvicorn", "py")
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{record.msecs:03.0f}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage().strip() if own else str(record.msg),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _KNOWN}
        if not own:
            line["library"] = record.name
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = _where(record)
        return line


class ForPeople(JsonLines):
    """The same in words, for a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = self.facts(record)
        del line["time"]
        level, event = line.pop("level"), line.pop("event")
        if event == "request":
            told = "{method} {route}: {status}, {seconds:.1f} s".format(**line)
        else:
            told = ", ".join([event, *(f"{name} {value}" for name, value in line.items())])
        mark = "" if level == "info" else f"{level}: "
        return time.strftime("%H:%M:%S", time.localtime(record.created)) + f"  {mark}{told}"


def _is_news(record: logging.LogRecord) -> bool:
    """Whether somebody at a terminal wants to know it: not that the page has fetched something."""
    if record.name.startswith("uvicorn"):
        return record.levelno >= logging.WARNING
    facts = vars(record)
    return facts.get("method") not in ("GET", "HEAD") or facts["status"] >= 400


def set_up_logs() -> None:
    """Send every record, warnings too, to stderr: ours, and what libraries warn of.

    A terminal gets words, and what is news; all else gets everything as JSON.
    """
    shown = sys.stderr.isatty()
    handler = logging.StreamHandler()
    handler.setFormatter(ForPeople() if shown else JsonLines())
    if shown:
        handler.addFilter(_is_news)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    for name in (OWN, "uvicorn.error"):
        logging.getLogger(name).setLevel(logging.INFO)


def _where(record: logging.LogRecord) -> str:
    """Files and lines of an exception, without its text: that may hold what a client sent."""
    trace = record.exc_info[2] if record.exc_info else None
    places = []
    while trace:
        code = trace.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(places[-6:])


class Metrics:
    """The numbers of one service; several in one process do not mix."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self.requests = Counter(
            "undegrade_requests", "Requests", ["method", "route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "undegrade_request_seconds", "Seconds to a response", ["route"], registry=registry
        )
        self._jobs = Counter("undegrade_jobs", "Jobs that are over", ["state"], registry=registry)
        self._job_seconds = Histogram(
            "undegrade_job_seconds",
            "Seconds from queue to end",
            buckets=JOB_SECONDS,
            registry=registry,
        )
        self._megapixels = Counter(
            "undegrade_megapixels", "Megapixels of results", registry=registry
        )
        self._deaths = Counter(
            "undegrade_worker_deaths", "Workers that died at work", registry=registry
        )

    def watch(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        """Report what *gauges* say whenever somebody asks: by name a text and a value."""
        for name, (text, value) in gauges.items():
            Gauge(name, text, registry=self._registry).set_function(value)

    def job_over(self, job: Job) -> None:
        """Count a job that is done, failed or cancelled."""
        self._jobs.labels(job.state).inc()
        if job.ended is not None:
            self._job_seconds.observe(job.ended - job.created)
        if job.report is not None:
            self._megapixels.inc(job.report["width"] * job.report["height"] / 1e6)

    def worker_died(self) -> None:
        """Count a worker that was lost."""
        self._deaths.inc()

    def text(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self._registry)


class Watch:
    """Around the whole application: every request is counted, timed and logged."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status, sent, method = time.perf_counter(), 0, 0, scope["method"]

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
            route = getattr(scope.get("route"), "path", OTHER)
            method = method if method in ("GET", "HEAD", "POST", "DELETE") else OTHER
            seconds = time.perf_counter() - started
            self._metrics.requests.labels(method, route, status).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            if route not in QUIET:
                facts = {"method": method, "route": route, "status": status, "bytes": sent}
                log.info("request", extra=facts | {"seconds": round(seconds, 4)})
