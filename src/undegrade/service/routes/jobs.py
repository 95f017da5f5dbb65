"""Jobs: how far they are, and what came out; and one request, one answer, for who waits."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, StreamingResponse

from undegrade.service import schemas
from undegrade.service.jobs import Job, follow
from undegrade.service.problems import Problem
from undegrade.service.responses import (
    SANDBOX,
    TYPES,
    archive,
    attachment,
    distinct,
    report_header,
)
from undegrade.service.routes.photos import KNOWN, SENT, BoxQuery, Side, view
from undegrade.service.state import Here, Key, Service

direct = APIRouter(tags=["direct"])
router = APIRouter(prefix="/jobs", tags=["jobs"])

HEARTBEAT = 15.0
"""Seconds of silence after which an event stream says that it lives: proxies cut silent ones."""
LOOK_SECONDS = 0.5
"""How often it is asked whether a client that waits is still there."""
MOST_RESULTS = 500

_FILE_TYPES = (*dict.fromkeys(TYPES.values()), "application/octet-stream")
_DONE = schemas.problems(
    *("not-found", "gone", "not-ready", "invalid", "wishes", "model", "not-a-photo", "too-large"),
    *("time", "worker", "storage", "stopping"),
)
_EVENTS = {
    "description": "`progress` whenever it has changed, and `end` with the job at last.",
    "headers": schemas.headers("X-Accel-Buffering"),
    "content": {
        "text/event-stream": {
            "example": 'event: progress\ndata: {"state": "running", "progress": 0.5, '
            '"seconds_left": 1.2}\n\nevent: end\ndata: {"id": "...", "state": "done"}\n\n',
        }
    },
}


@direct.post(
    "/diagnose",
    openapi_extra=schemas.photo_body(schemas.Upload),
    responses={200: {"model": schemas.Facts}, **SENT},
)
async def diagnose(request: Request, here: Here) -> dict[str, Any]:
    """Say what a photo has lost; nothing is kept."""
    photo, _ = await here.receive(request, schemas.Upload)
    await here.open(photo, {})
    here.photos.remove(photo.id)
    return photo.facts


@direct.post(
    "/enhance",
    response_class=Response,
    openapi_extra=schemas.photo_body(schemas.EnhanceForm),
    responses={
        200: schemas.binary(
            "The enhanced photo.",
            *_FILE_TYPES,
            names=("Content-Disposition", "Undegrade-Report"),
        ),
        202: schemas.answer(
            schemas.JobState,
            "It is too large, or would take too long, to wait for: a job.",
            *("Location", "Retry-After"),
        ),
        **SENT,
    },
)
async def enhance(
    request: Request,
    here: Here,
    key: Key = None,
    prefer: Annotated[str, Header(description="`respond-async`, or `wait=SECONDS`.")] = "",
) -> Response:
    """Enhance a photo: what is soon done is answered with the result, anything else with a job."""
    photo, form = await here.receive(request, schemas.EnhanceForm)

    async def make() -> Job:
        try:
            asked = schemas.checked(form, here.catalog.enhancing)
            await here.open(photo, asked)
            output = {name: getattr(form, name) for name in schemas.Output.model_fields}
            return await here.order(photo, asked, output)
        except BaseException:
            await here.forget(photo)
            raise

    job = await here.once(key, photo, ("enhance", form.model_dump()), make)
    patience = _patience(here, job, prefer)
    end = asyncio.get_running_loop().time() + patience
    try:
        async for _ in follow(job, LOOK_SECONDS, end):
            if key is None and await request.is_disconnected():
                await here.jobs.cancel(job)
    except asyncio.CancelledError:
        if key is None:
            await here.discard(job)
        raise
    if not patience or not job.is_over:
        return JSONResponse(job.as_dict(), 202, here.jobs.place(job))
    then = BackgroundTask(here.discard, job) if key is None else None
    if job.state == "done" and job.report is not None:
        return _result(job, {"Undegrade-Report": report_header(job.report)}, then)
    await here.discard(job)
    if job.problem is not None:
        raise Problem.from_dict(job.problem)
    raise Problem("stopping", "the work was cancelled", "try again", retry=10)


def _patience(here: Service, job: Job, prefer: str) -> float:
    """Seconds to wait for *job* within a request; 0 where it would not be done by then."""
    wished = re.search(r"\bwait=(\d{1,6})\b", prefer)
    most = min(here.settings.sync_seconds, float(wished[1]) if wished else float("inf"))
    large = job.megapixels > here.settings.sync_megapixels
    return 0.0 if "respond-async" in prefer or large or here.jobs.wait(job) > most else most


@router.get(
    "/archive",
    response_class=Response,
    responses={
        200: schemas.binary("All results.", "application/zip", names=("Content-Disposition",)),
        **_DONE,
    },
)
async def get_archive(
    here: Here,
    ids: Annotated[str, Query(min_length=1, max_length=20_000, description="Joined by commas.")],
) -> Response:
    """The results of several jobs as one ZIP file; of those that are done."""
    wanted = list(dict.fromkeys(id for id in ids.split(",") if id))
    if not 0 < len(wanted) <= MOST_RESULTS:
        told = f"names {len(wanted)} jobs, but 1 to {MOST_RESULTS} are possible"
        raise schemas.refusal([{"field": "ids", "detail": told}])
    jobs = [_done(here.jobs.find(id)) for id in wanted]
    names = distinct(str(job.name) for job in jobs)
    members = [(name, job.path) for job, name in zip(jobs, names, strict=True) if job.path]
    for job in jobs:
        job.fetched = True
    headers = {"Content-Disposition": attachment("enhanced.zip")}
    return StreamingResponse(archive(members), headers=headers, media_type="application/zip")


@router.get("/{id}", responses={200: {"model": schemas.JobState}, **KNOWN})
async def get_job(id: str, here: Here) -> dict[str, Any]:
    """How far a job is."""
    return here.jobs.find(id).as_dict()


@router.get("/{id}/events", response_class=Response, responses={200: _EVENTS, **KNOWN})
async def get_events(id: str, here: Here) -> Response:
    """Follow a job: server-sent events."""
    job = here.jobs.find(id)
    # No proxy may hold them back until they are many.
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_events(job), headers=headers, media_type="text/event-stream")


@router.get(
    "/{id}/result",
    response_class=Response,
    responses={
        200: schemas.binary("The file.", *_FILE_TYPES, names=("Content-Disposition",)),
        **_DONE,
        **schemas.problems("range"),
    },
)
async def get_result(id: str, here: Here) -> Response:
    """The enhanced photo, as a file to be saved."""
    job = _done(here.jobs.find(id))
    job.fetched = True
    return _result(job)


@router.get(
    "/{id}/view",
    response_class=Response,
    responses={200: schemas.binary("The result in sRGB.", "image/jpeg", "image/webp"), **_DONE},
)
async def view_result(id: str, here: Here, size: Side = 1600) -> Response:
    """The result as any browser shows it."""
    job = _done(here.jobs.find(id))
    return await view(here, {"do": "view", "path": str(job.path), "side": size})


@router.get(
    "/{id}/crop",
    response_class=Response,
    responses={200: schemas.binary("The pixels.", "image/png"), **_DONE},
)
async def crop_result(id: str, here: Here, box: BoxQuery) -> Response:
    """A part of the result, pixel by pixel; less at its border."""
    job = _done(here.jobs.find(id))
    return await view(here, {"do": "crop", "path": str(job.path), "box": box})


@router.delete("/{id}", status_code=204, responses={**KNOWN, **schemas.problems("cross-site")})
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


def _result(
    job: Job, headers: dict[str, str] | None = None, then: BackgroundTask | None = None
) -> Response:
    """The file of a *job* that is done, to be saved under its name."""
    assert job.path is not None
    name = str(job.name)
    own = {"Content-Disposition": attachment(name), "Content-Security-Policy": SANDBOX}
    kind = TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    return FileResponse(job.path, media_type=kind, headers=own | (headers or {}), background=then)


async def _events(job: Job) -> AsyncIterator[str]:
    yield _event("progress", job.brief())
    async for changed in follow(job, HEARTBEAT):
        yield _event("progress", job.brief()) if changed else ": still there\n\n"
    yield _event("end", job.as_dict())


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
