"""Jobs: how far they are, and what came out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.responses import StreamingResponse

from undegrade.service import archive, schemas
from undegrade.service.jobs import Job, follow
from undegrade.service.names import attachment, distinct
from undegrade.service.problems import Problem
from undegrade.service.responses import TYPES, result_response
from undegrade.service.routes.photos import At, Length, Side, crop, view
from undegrade.service.state import Here

router = APIRouter(prefix="/jobs", tags=["jobs"])

HEARTBEAT = 15.0
"""Seconds of silence after which an event stream says that it lives: proxies cut silent ones."""
MOST_RESULTS = 500

_ERRORS = schemas.problems("not-found", "gone", "not-ready", "wishes", "busy", "worker")
_EVENTS = {
    "description": "`progress` whenever it has changed, and `end` with the job at last.",
    "content": {
        "text/event-stream": {
            "example": 'event: progress\ndata: {"state": "running", "progress": 0.5, '
            '"seconds_left": 1.2}\n\nevent: end\ndata: {"id": "...", "state": "done"}\n\n',
        }
    },
}


@router.get(
    "/archive",
    response_class=Response,
    responses={200: schemas.binary("All results.", "application/zip"), **_ERRORS},
)
async def get_archive(
    here: Here,
    ids: Annotated[str, Query(min_length=1, max_length=20_000, description="Joined by commas.")],
) -> Response:
    """The results of several jobs as one ZIP file; of those that are done."""
    wanted = list(dict.fromkeys(id for id in ids.split(",") if id))
    if not 0 < len(wanted) <= MOST_RESULTS:
        raise Problem("invalid", f"{len(wanted)} jobs were named", f"name 1 to {MOST_RESULTS}")
    jobs = [_done(here.jobs.find(id)) for id in wanted]
    members = [
        archive.Member(name, job.path)
        for job, name in zip(jobs, distinct(str(job.name) for job in jobs), strict=True)
        if job.path is not None
    ]
    for job in jobs:
        job.fetched = True
    headers = {"Content-Disposition": attachment("enhanced.zip")}
    return StreamingResponse(archive.stream(members), headers=headers, media_type="application/zip")


@router.get("/{id}", responses={200: {"model": schemas.JobState}, **_ERRORS})
async def get_job(id: str, here: Here) -> dict[str, Any]:
    """How far a job is."""
    return here.jobs.find(id).as_dict()


@router.get("/{id}/events", response_class=Response, responses={200: _EVENTS, **_ERRORS})
async def get_events(id: str, here: Here) -> Response:
    """Follow a job: server-sent events."""
    job = here.jobs.find(id)
    # No proxy may hold them back until they are many.
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_events(job), headers=headers, media_type="text/event-stream")


@router.get(
    "/{id}/result",
    response_class=Response,
    responses={200: schemas.binary("The file.", *dict.fromkeys(TYPES.values())), **_ERRORS},
)
async def get_result(id: str, here: Here) -> Response:
    """The enhanced photo, as a file to be saved."""
    job = _done(here.jobs.find(id))
    job.fetched = True
    return result_response(job)


@router.get(
    "/{id}/view",
    response_class=Response,
    responses={200: schemas.binary("The result in sRGB.", "image/jpeg", "image/webp"), **_ERRORS},
)
async def view_result(id: str, here: Here, size: Side = 1600) -> Response:
    """The result as any browser shows it."""
    return await view(here, str(_done(here.jobs.find(id)).path), size)


@router.get(
    "/{id}/crop",
    response_class=Response,
    responses={200: schemas.binary("The pixels.", "image/png"), **_ERRORS},
)
async def crop_result(
    id: str, here: Here, x: At = 0, y: At = 0, width: Length = 512, height: Length = 512
) -> Response:
    """A part of the result, pixel by pixel; less at its border."""
    return await crop(here, str(_done(here.jobs.find(id)).path), x, y, width, height)


@router.delete("/{id}", status_code=204, responses=_ERRORS)
async def delete_job(id: str, here: Here) -> None:
    """Cancel the job if it is not over, and delete its result."""
    await here.jobs.remove(id)


def _done(job: Job) -> Job:
    """The job, if it has a result; else what became of it as a problem."""
    if job.state == "done":
        return job
    if job.problem is not None:
        raise Problem.from_dict(job.problem)
    raise Problem("not-ready", f"the job is {job.state}", "follow its events")


async def _events(job: Job) -> AsyncIterator[str]:
    yield _event("progress", job.brief())
    async for changed in follow(job, HEARTBEAT):
        yield _event("progress", job.brief()) if changed else ": still there\n\n"
    yield _event("end", job.as_dict())


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
