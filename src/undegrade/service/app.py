"""The application: routes, gates and life span put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from undegrade import __version__
from undegrade.service import schemas
from undegrade.service.problems import Problem, of_status
from undegrade.service.responses import problem_response
from undegrade.service.routes import about, direct, jobs, operations, photos, site
from undegrade.service.security import Guard, SmallBodies
from undegrade.service.settings import Settings
from undegrade.service.state import Service
from undegrade.service.watch import Watch

API = "/api/v1"
UPLOADS = frozenset(f"{API}/{name}" for name in ("photos", "diagnose", "enhance"))
"""Where bodies are photos, which are streamed."""
DESCRIPTION = """Finds out what photos have lost and gives it back.

Send a photo to `/photos`, look at its diagnosis and plan, start a job and fetch its result; or send
it to `/enhance` and wait. Every error is a problem document (RFC 9457) with a `hint`."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application; it must be run with its life span.

    Parameters
    ----------
    settings: limits and places; by default those of :class:`Settings`.
    """
    settings = settings or Settings()
    service = Service(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.start()
        try:
            yield
        finally:
            await service.close()

    app = FastAPI(
        title="undegrade",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        # Their pages load scripts from elsewhere, which the policy forbids, and rightly so.
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    for part in (about, photos, jobs, direct):
        app.include_router(part.router, prefix=API)
    app.include_router(operations.router)
    site.add(app)
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_status)
    # The last one added is the outermost.
    app.add_middleware(SmallBodies, settings=settings, uploads=UPLOADS)
    app.add_middleware(Watch, metrics=service.metrics)
    app.add_middleware(Guard, settings=settings)
    _describe(app)
    return app


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error, request.url.path)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(_invalid(error.errors()), request.url.path)


async def _on_status(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    problem = of_status(error.status_code, str(error.detail))
    problem.headers |= error.headers or {}
    return problem_response(problem, request.url.path)


def _invalid(errors: Sequence[Any]) -> Problem:
    """What of a request does not fit, without repeating what was sent."""
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem("bad-request", "the body is no valid JSON", "send an object")
    told = [
        f"{'.'.join(str(part) for part in error['loc'] if part != 'body')}: {error['msg']}"
        for error in errors
    ]
    return Problem("invalid", "; ".join(told[:5]), "see /api/v1/openapi.json")


def _describe(app: FastAPI) -> None:
    """Put the schema of problems into the OpenAPI document, where every route refers to it."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        document = make()
        known = document.setdefault("components", {}).setdefault("schemas", {})
        known["Problem"] = schemas.Problem.model_json_schema()
        # The framework's own shape of validation errors, which is never sent.
        for name in ("HTTPValidationError", "ValidationError"):
            known.pop(name, None)
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        return document

    app.openapi = openapi  # type: ignore[method-assign]
