"""Answers that are more than JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from undegrade.service.jobs import Job
from undegrade.service.names import attachment
from undegrade.service.problems import MEDIA_TYPE, Problem

SANDBOX = "default-src 'none'; sandbox"
"""For files of strangers: whatever a browser takes them for, nothing in them may run."""

TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "tif": "image/tiff",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "gif": "image/gif",
    "heic": "image/heic",
    "jp2": "image/jp2",
}
"""Media types by suffix; anything else is just bytes."""


def problem_response(problem: Problem, path: str) -> Response:
    """The document for *problem*, met on the way to *path*."""
    return Response(
        json.dumps(problem.as_dict(path)),
        status_code=problem.status,
        headers=problem.headers,
        media_type=MEDIA_TYPE,
    )


def picture_response(data: bytes, kind: str) -> Response:
    """A picture for the page."""
    return Response(data, media_type=kind, headers={"Content-Security-Policy": SANDBOX})


def result_response(
    job: Job, headers: dict[str, str] | None = None, then: BackgroundTask | None = None
) -> FileResponse:
    """The result's file, to be saved under its name."""
    assert job.path is not None
    assert job.name is not None
    return FileResponse(
        Path(job.path),
        media_type=TYPES.get(job.name.rpartition(".")[2], "application/octet-stream"),
        headers={
            "Content-Disposition": attachment(job.name),
            "Content-Security-Policy": SANDBOX,
            **(headers or {}),
        },
        background=then,
    )


def report_header(report: dict[str, Any]) -> str:
    """A report short enough for a header: proxies allow some 4 kB."""
    brief = dict(report)
    for key in ("found", "left"):
        if isinstance(found := brief.get(key), dict):
            brief[key] = [
                finding["words"]
                for finding in found.values()
                if isinstance(finding, dict) and finding.get("found")
            ]
    return json.dumps(brief)
