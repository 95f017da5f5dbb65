"""What can be asked for here: networks and limits."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from undegrade.plan import KEEPS, SCALES, STEPS, TASK_STEPS
from undegrade.service import schemas
from undegrade.service.state import Here
from undegrade.service.wishes import FORMATS

router = APIRouter(tags=["about"])


@router.get("/models", responses={200: {"model": schemas.Models}, **schemas.problems()})
async def get_models(here: Here) -> dict[str, Any]:
    """The cards of all networks that enhance."""
    return {"models": [model.card.as_dict() for model in here.catalog.enhancing.values()]}


@router.get("/limits", responses={200: {"model": schemas.Limits}, **schemas.problems()})
async def get_limits(here: Here) -> dict[str, Any]:
    """What may be sent and asked for."""
    settings = here.settings
    return {
        "max_upload": settings.max_upload,
        "max_megapixels": settings.max_megapixels,
        "sync_megapixels": settings.sync_megapixels,
        "queue": settings.queue,
        "keep_seconds": settings.keep,
        "tasks": list(TASK_STEPS),
        "scales": list(SCALES),
        "steps": list(STEPS),
        "keeps": list(KEEPS),
        "formats": list(FORMATS),
    }
