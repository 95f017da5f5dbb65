"""One request, one answer: for programs that have one photo and want the better one."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse

from undegrade.service import schemas, wishes
from undegrade.service.jobs import Job, follow
from undegrade.service.problems import Problem
from undegrade.service.responses import TYPES, report_header, result_response
from undegrade.service.state import Here, Service

router = APIRouter(tags=["direct"])

HEARTBEAT = 0.5
"""Seconds after which it is asked whether the client is still there."""

_ERRORS = schemas.problems(
    "cross-site",
    "slow",
    "too-large",
    "not-a-photo",
    "invalid",
    "wishes",
    "time",
    "busy",
    "worker",
    "stopping",
    "storage",
)


@router.post(
    "/diagnose",
    openapi_extra=schemas.file_form(),
    responses={200: {"model": schemas.Facts}, **_ERRORS},
)
async def diagnose(request: Request, here: Here) -> dict[str, Any]:
    """Say what a photo has lost; nothing is kept."""
    photo, _ = await here.receive(request)
    await here.open(photo, {})
    here.photos.remove(photo.id)
    return {key: photo.facts[key] for key in schemas.Facts.model_fields}


@router.post(
    "/enhance",
    response_class=Response,
    openapi_extra=schemas.file_form(wishes.form_properties()),
    responses={
        200: schemas.binary(
            "The enhanced photo; the header Undegrade-Report says what was done, in JSON.",
            *dict.fromkeys(TYPES.values()),
        ),
        202: {"model": schemas.JobState, "description": "It is too large to wait for: a job."},
        **_ERRORS,
    },
)
async def enhance(request: Request, here: Here) -> Response:
    """Enhance a photo: small ones are answered with the result, large ones with a job.

    With `Prefer: respond-async` every photo becomes a job.
    """
    photo, fields = await here.receive(request)
    try:
        order = wishes.from_form(fields)
        asked = wishes.checked(order.wishes, here.catalog.enhancing)
        await here.open(photo, asked)
        job, plan = await here.order(photo, asked, order.output.model_dump())
    except ValidationError as error:
        await here.forget(photo)
        raise RequestValidationError(error.errors()) from None
    except BaseException:
        await here.forget(photo)
        raise
    megapixels = max(plan["width"] * plan["height"], photo.facts["width"] * photo.facts["height"])
    if "respond-async" in request.headers.get("prefer", "") or (
        megapixels > here.settings.sync_megapixels * 1e6
    ):
        location = {"Location": f"/api/v1/jobs/{job.id}"}
        return JSONResponse(job.as_dict(), 202, location)
    return await _answer(request, here, job)


async def _answer(request: Request, here: Service, job: Job) -> Response:
    """Wait for the job and answer with its result; afterwards nothing of it is left."""
    try:
        async for _ in follow(job, HEARTBEAT):
            if await request.is_disconnected():
                await here.jobs.cancel(job)
    except asyncio.CancelledError:
        await here.discard(job)
        raise
    if job.state == "done" and job.report is not None:
        headers = {"Undegrade-Report": report_header(job.report)}
        return result_response(job, headers, BackgroundTask(here.discard, job))
    await here.discard(job)
    if job.problem is not None:
        raise Problem.from_dict(job.problem)
    raise Problem("stopping", "the work was cancelled", "try again", {"Retry-After": "10"})
