"""The page and its files."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

PAGE = Path(__file__).parents[1] / "page"
NO_PAGE = "undegrade serves its REST interface under /api/v1; this installation has no page.\n"

router = APIRouter(include_in_schema=False)


class _Files(StaticFiles):
    """Files that browsers keep, but ask about each time: an update must not meet old ones."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


_FILES = _Files(directory=PAGE, check_dir=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """The page."""
    if not (PAGE / "index.html").is_file():
        return PlainTextResponse(NO_PAGE)
    return await _FILES.get_response("index.html", request.scope)


def add(app: FastAPI) -> None:
    """Serve the page at / and its files below /static/."""
    app.include_router(router)
    app.mount("/static", _FILES)
