"""Photos: send one, look at it, plan, try a part, delete it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from starlette.requests import Request

from undegrade.service import schemas, wishes
from undegrade.service.photos import Photo
from undegrade.service.responses import picture_response
from undegrade.service.state import Here, Service

router = APIRouter(prefix="/photos", tags=["photos"])

Side = Annotated[int, Query(ge=16, le=4096, description="Longest side in pixels.")]
At = Annotated[int, Query(ge=0, le=1_000_000)]
Length = Annotated[int, Query(ge=1, le=1024)]

_VIEW = schemas.binary("The photo, upright, in sRGB.", "image/jpeg", "image/webp")
_CROP = schemas.binary("The pixels, with their colour profile.", "image/png")
_ERRORS = schemas.problems("not-found", "gone", "wishes", "busy", "worker", "stopping")


@router.post(
    "",
    status_code=201,
    openapi_extra=schemas.file_form(),
    responses={
        201: {"model": schemas.Photo, "description": "It has been looked at."},
        **schemas.problems(
            "cross-site", "slow", "too-large", "not-a-photo", "time", "busy", "stopping", "storage"
        ),
    },
)
async def send_photo(request: Request, response: Response, here: Here) -> dict[str, Any]:
    """Send a photo: the answer says what it has lost, and what would be done."""
    photo, _ = await here.receive(request)
    await here.open(photo, {})
    response.headers["Location"] = f"/api/v1/photos/{photo.id}"
    return photo.as_dict(here.settings.keep)


@router.get("/{id}", responses={200: {"model": schemas.Photo}, **_ERRORS})
async def get_photo(id: str, here: Here) -> dict[str, Any]:
    """What is known of a photo."""
    return here.photos.find(id).as_dict(here.settings.keep)


@router.get("/{id}/view", response_class=Response, responses={200: _VIEW, **_ERRORS})
async def view_photo(id: str, here: Here, size: Side = 1600) -> Response:
    """The photo as any browser shows it, whatever its format."""
    return await view(here, str(here.photos.find(id).path), size)


@router.get("/{id}/crop", response_class=Response, responses={200: _CROP, **_ERRORS})
async def crop_photo(
    id: str, here: Here, x: At = 0, y: At = 0, width: Length = 512, height: Length = 512
) -> Response:
    """A part of the photo as it is, pixel by pixel; less at its border."""
    return await crop(here, str(here.photos.find(id).path), x, y, width, height)


@router.post("/{id}/plan", responses={200: {"model": schemas.Plan}, **_ERRORS})
async def plan_photo(id: str, order: wishes.PlanBody, here: Here) -> dict[str, Any]:
    """What would be done for these wishes."""
    photo, asked = here.photos.find(id), wishes.checked(order.wishes, here.catalog.enhancing)
    plan, _ = await here.pool.look({"do": "plan", "path": str(photo.path), "wishes": asked})
    return plan


@router.post(
    "/{id}/preview",
    response_class=Response,
    responses={200: schemas.binary("The enhanced part.", "image/png"), **_ERRORS},
)
async def preview_photo(id: str, part: wishes.PartBody, here: Here) -> Response:
    """What becomes of a part, by the diagnosis of the whole photo."""
    photo, asked = here.photos.find(id), wishes.checked(part.wishes, here.catalog.enhancing)
    box = {"x": part.x, "y": part.y, "width": part.width, "height": part.height}
    task = {"do": "preview", "path": str(photo.path), "wishes": asked, "box": box}
    _, body = await here.pool.look(task)
    return picture_response(body, "image/png")


@router.post(
    "/{id}/jobs",
    status_code=202,
    tags=["jobs"],
    responses={
        202: {"model": schemas.JobState, "description": "It is in the queue."},
        **_ERRORS,
        **schemas.problems("storage", "cross-site", "too-large"),
    },
)
async def start_job(
    id: str, order: wishes.JobBody, response: Response, here: Here
) -> dict[str, Any]:
    """Enhance the photo, in the background."""
    here.check_open()
    photo, asked = here.photos.find(id), wishes.checked(order.wishes, here.catalog.enhancing)
    job, _ = await here.order(photo, asked, order.output.model_dump())
    response.headers["Location"] = f"/api/v1/jobs/{job.id}"
    return job.as_dict()


@router.delete("/{id}", status_code=204, responses=_ERRORS)
async def delete_photo(id: str, here: Here) -> None:
    """Delete the photo now; its unfinished jobs are cancelled, its results stay."""
    photo: Photo = here.photos.find(id)
    await here.forget(photo)


async def view(here: Service, path: str, size: int) -> Response:
    """A rendering of the photo in the file *path*, of ours."""
    head, body = await here.pool.look({"do": "view", "path": path, "side": size})
    return picture_response(body, head["type"])


async def crop(here: Service, path: str, x: int, y: int, width: int, height: int) -> Response:
    """A part of the photo in the file *path*, of ours."""
    box = {"x": x, "y": y, "width": width, "height": height}
    _, body = await here.pool.look({"do": "crop", "path": path, "box": box})
    return picture_response(body, "image/png")
