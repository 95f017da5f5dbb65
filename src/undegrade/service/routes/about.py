"""The page, what can be asked for here, and what those who run the service ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from undegrade.plan import EFFORTS, KEEPS, SCALES, STEPS, TASK_STEPS
from undegrade.service import schemas
from undegrade.service.problems import Problem
from undegrade.service.state import Here
from undegrade.service.watch import METRICS_TYPE

PAGE = Path(__file__).parents[1] / "page"
NO_PAGE = "undegrade serves its REST interface under /api/v1; this installation has no page.\n"

router = APIRouter(tags=["about"])
operations = APIRouter(tags=["operations"])
site = APIRouter(include_in_schema=False)


@router.get("/models", responses={200: {"model": schemas.Models}, **schemas.problems()})
async def get_models(here: Here) -> dict[str, Any]:
    """The cards of all networks that enhance."""
    return {"models": [model.card.as_dict() for model in here.catalog.enhancing.values()]}


@router.get("/limits", responses={200: {"model": schemas.Limits}, **schemas.problems()})
async def get_limits(here: Here) -> dict[str, Any]:
    """What may be sent and asked for."""
    settings = here.settings
    same = ("max_upload", "max_megapixels", "sync_megapixels", "sync_seconds", "queue")
    return {name: getattr(settings, name) for name in same} | {
        "keep_seconds": settings.keep,
        "tasks": list(TASK_STEPS),
        "scales": list(SCALES),
        "steps": list(STEPS),
        "keeps": list(KEEPS),
        "efforts": list(EFFORTS),
        "formats": list(schemas.FORMATS),
    }


@operations.get("/healthz", responses=schemas.problems())
async def healthz() -> dict[str, str]:
    """The service answers."""
    return {"status": "ok"}


@operations.get("/readyz", responses=schemas.problems("unready"))
async def readyz(here: Here) -> dict[str, str]:
    """The service takes photos: a worker has started, and it is not about to stop."""
    if here.stopping or not here.pool.ready:
        reason = "it is about to stop" if here.stopping else "no worker has started"
        raise Problem("unready", reason, "try again", retry=2)
    return {"status": "ready"}


@operations.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **schemas.problems(),
    },
)
async def metrics(here: Here) -> Response:
    """Counts for Prometheus."""
    return Response(here.metrics.text(), media_type=METRICS_TYPE)


class _Files(StaticFiles):
    """Files that browsers keep, but ask about each time: an update must not meet old ones."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


_FILES = _Files(directory=PAGE, check_dir=False)


@site.get("/")
async def index(request: Request) -> Response:
    """The page."""
    if not (PAGE / "index.html").is_file():
        return PlainTextResponse(NO_PAGE)
    return await _FILES.get_response("index.html", request.scope)


def add(app: FastAPI, api: str) -> None:
    """Serve the page at / and /static/, what can be asked below *api*, the rest at the root."""
    app.include_router(router, prefix=api)
    app.include_router(operations)
    app.include_router(site)
    app.mount("/static", GZipMiddleware(_FILES))  # a third of it is to be sent
