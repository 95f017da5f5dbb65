"""For those who run the service: is it alive, is it ready, what does it count."""

from __future__ import annotations

from fastapi import APIRouter, Response

from undegrade.service import schemas
from undegrade.service.metrics import MEDIA_TYPE
from undegrade.service.problems import Problem
from undegrade.service.state import Here

router = APIRouter(tags=["operations"])


@router.get("/healthz", responses=schemas.problems())
async def healthz() -> dict[str, str]:
    """The service answers."""
    return {"status": "ok"}


@router.get("/readyz", responses=schemas.problems("unready"))
async def readyz(here: Here) -> dict[str, str]:
    """The service takes photos: a worker has started, and it is not about to stop."""
    if here.stopping or not here.pool.ready:
        reason = "it is about to stop" if here.stopping else "no worker has started"
        raise Problem("unready", reason, "try again", {"Retry-After": "2"})
    return {"status": "ready"}


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **schemas.problems(),
    },
)
async def metrics(here: Here) -> Response:
    """Counts for Prometheus."""
    return Response(here.metrics.text(), media_type=MEDIA_TYPE)
