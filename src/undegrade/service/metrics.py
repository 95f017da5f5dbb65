"""What Prometheus may know: counts, times and sizes, nothing of any photo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from undegrade.service.jobs import Job

if TYPE_CHECKING:
    from undegrade.service.state import Service

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
JOB_SECONDS = (0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)


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

    def watch(self, service: Service) -> None:
        """Report how full *service* is, whenever somebody asks."""
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "undegrade_jobs_queued": ("Jobs waiting", lambda: service.jobs.count("queued")),
            "undegrade_jobs_running": ("Jobs running", lambda: service.jobs.count("running")),
            "undegrade_photos": ("Photos kept", lambda: len(service.photos)),
            "undegrade_stored_bytes": ("Bytes kept", lambda: service.folder.stored),
            "undegrade_workers": ("Worker processes", lambda: len(service.pool.pids)),
        }
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
