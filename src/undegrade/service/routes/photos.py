"""Photos: send one, look at it, plan, try a part, delete it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from starlette.requests import Request

from undegrade.service import schemas
from undegrade.service.jobs import Job
from undegrade.service.photos import Photo
from undegrade.service.responses import SANDBOX
from undegrade.service.state import Here, Key, Service

router = APIRouter(prefix="/photos", tags=["photos"])

Side = Annotated[int, Query(ge=16, le=4096, description="Longest side in pixels.")]
At = Annotated[int, Query(ge=0, le=1_000_000)]
Length = Annotated[int, Query(ge=1, le=1024)]


async def _box(x: At = 0, y: At = 0, width: Length = 512, height: Length = 512) -> dict[str, int]:
    return {"x": x, "y": y, "width": width, "height": height}


BoxQuery = Annotated[dict[str, int], Depends(_box)]
"""Part of a photo, by four parameters of the query."""

_VIEW = schemas.binary("The photo, upright, in sRGB.", "image/jpeg", "image/webp")
_CROP = schemas.binary("The pixels, with their colour profile.", "image/png")
KNOWN = schemas.problems("not-found", "gone", "invalid")
SENT = schemas.problems(
    *("cross-site", "slow", "too-large", "not-a-photo", "invalid", "wishes", "model", "time"),
    *("worker", "stopping", "storage"),
)
_LOOKED = schemas.problems(
    *("not-found", "gone", "invalid", "wishes", "model", "time", "worker", "cross-site"),
    *("too-large", "slow", "storage"),
)


@router.post(
    "",
    status_code=201,
    openapi_extra=schemas.photo_body(schemas.Upload),
    responses={201: schemas.answer(schemas.Photo, "It has been looked at.", "Location"), **SENT},
)
async def send_photo(
    request: Request, response: Response, here: Here, key: Key = None
) -> dict[str, Any]:
    """Send a photo: the answer says what it has lost, and what would be done."""
    sent, fields = await here.receive(request, schemas.Upload)

    async def make() -> Photo:
        await here.open(sent, {})
        return sent

    asked = ("photo", fields.model_dump())
    photo = await here.once(key, sent, asked, make)
    response.headers["Location"] = f"/api/v1/photos/{photo.id}"
    return photo.as_dict(here.settings.keep)


@router.get("/{id}", responses={200: {"model": schemas.Photo}, **KNOWN})
async def get_photo(id: str, here: Here) -> dict[str, Any]:
    """What is known of a photo."""
    return here.photos.find(id).as_dict(here.settings.keep)


@router.get("/{id}/view", response_class=Response, responses={200: _VIEW, **_LOOKED})
async def view_photo(id: str, here: Here, size: Side = 1600) -> Response:
    """The photo as any browser shows it, whatever its format."""
    return await view(here, here.photos.find(id).task("view", side=size))


@router.get("/{id}/crop", response_class=Response, responses={200: _CROP, **_LOOKED})
async def crop_photo(id: str, here: Here, box: BoxQuery) -> Response:
    """A part of the photo as it is, pixel by pixel; less at its border."""
    return await view(here, here.photos.find(id).task("crop", box=box))


@router.post("/{id}/plan", responses={200: {"model": schemas.Plan}, **_LOOKED})
async def plan_photo(id: str, order: schemas.PlanBody, here: Here) -> dict[str, Any]:
    """What would be done for these wishes."""
    photo, asked = here.photos.find(id), schemas.checked(order.wishes, here.catalog.enhancing)
    plan, _ = await here.pool.look(photo.task("plan", wishes=asked))
    return plan


@router.post(
    "/{id}/preview",
    response_class=Response,
    responses={200: schemas.binary("The enhanced part.", "image/png"), **_LOOKED},
)
async def preview_photo(id: str, part: schemas.PartBody, here: Here) -> Response:
    """What becomes of a part, by the diagnosis of the whole photo."""
    photo, asked = here.photos.find(id), schemas.checked(part.wishes, here.catalog.enhancing)
    box = part.model_dump(include={"x", "y", "width", "height"})
    return await view(here, photo.task("preview", wishes=asked, box=box))


@router.post(
    "/{id}/jobs",
    status_code=202,
    tags=["jobs"],
    responses={
        202: schemas.answer(schemas.JobState, "It is in the queue.", "Location", "Retry-After"),
        **_LOOKED,
        **schemas.problems("storage", "stopping"),
    },
)
async def start_job(
    id: str, order: schemas.JobBody, response: Response, here: Here, key: Key = None
) -> dict[str, Any]:
    """Enhance the photo, in the background."""
    here.check_open()
    photo, asked = here.photos.find(id), schemas.checked(order.wishes, here.catalog.enhancing)

    async def make() -> Job:
        return await here.order(photo, asked, order.output.model_dump())

    job = await here.once(key, None, ("job", id, order.model_dump()), make)
    response.headers.update(here.jobs.place(job))
    return job.as_dict()


@router.delete("/{id}", status_code=204, responses={**KNOWN, **schemas.problems("cross-site")})
async def delete_photo(id: str, here: Here) -> None:
    """Delete the photo now; its unfinished jobs are cancelled, its results stay."""
    await here.forget(here.photos.find(id))


async def view(here: Service, task: dict[str, Any]) -> Response:
    """The picture that a worker makes for *task*."""
    head, body = await here.pool.look(task)
    # It is a stranger's picture.
    return Response(body, media_type=head["type"], headers={"Content-Security-Policy": SANDBOX})
