"""The application: routes, gates and life span put together."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from undegrade.service import schemas
from undegrade.service.problems import Problem, of_status
from undegrade.service.responses import problem_response
from undegrade.service.routes import about, jobs, photos
from undegrade.service.security import PROTECTED, Bodies, Guard
from undegrade.service.settings import Settings
from undegrade.service.state import Service
from undegrade.service.watch import Watch
from undegrade.version import __version__

API = "/api/v1"
UPLOADS = frozenset(f"{API}/{name}" for name in ("photos", "diagnose", "enhance"))
"""Where bodies are photos, which are streamed."""
DESCRIPTION = """Finds out what photos have lost and gives it back.

Send a photo to `/photos`, look at its diagnosis and plan, start a job and fetch its result; or send
it to `/enhance` and wait. Every error is a problem document (RFC 9457) with a `hint`."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service as an ASGI application; it must be run with its life span."""
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
        generate_unique_id_function=lambda route: route.name,
        # A slash too many is no such route; a redirect would take nobody anywhere else.
        redirect_slashes=False,
    )
    app.state.service = service
    about.add(app, API)
    for router in (photos.router, jobs.direct, jobs.router):
        app.include_router(router, prefix=API)
    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _refuse)
    # The last one added is the outermost.
    app.add_middleware(Bodies, settings=settings, uploads=UPLOADS)
    app.add_middleware(Watch, metrics=service.metrics)
    app.add_middleware(Guard, settings=settings)
    _describe(app, settings)
    return app


async def _refuse(request: Request, error: Exception) -> Response:
    """The problem that *error* is for the client: ours, or the framework's."""
    match error:
        case Problem():
            problem = error
        case RequestValidationError():
            errors = error.errors()
            if any(one["type"] == "json_invalid" for one in errors):
                problem = Problem("bad-request", "the body is no valid JSON", "send an object")
            else:
                problem = schemas.refusal(schemas.told(errors))
        case HTTPException():
            problem = of_status(error.status_code, str(error.detail))
            problem.headers |= error.headers or {}
            if problem.status == 405:
                problem.headers["Allow"] = ", ".join(_allowed(request))
        case _:
            raise error
    return problem_response(problem, request.url.path)


def _allowed(request: Request) -> list[str]:
    """Every method that there is for the path; the framework knows those of one route alone."""
    asked, paths = request.url.path, request.app.openapi()["paths"]
    fitting = [path for path in paths if re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), asked)]
    known = paths[asked if asked in paths else fitting[0]] if fitting else {"get": {}}
    methods = [method.upper() for method in known]
    return [*methods, "HEAD"] if "GET" in methods else methods


def _describe(app: FastAPI, settings: Settings) -> None:
    """Put the schema of problems into the OpenAPI document, and the token where it is needed."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = make()
        known = document.setdefault("components", {}).setdefault("schemas", {})
        known["Problem"] = schemas.Problem.model_json_schema(
            ref_template="#/components/schemas/{model}"
        )
        known |= known["Problem"].pop("$defs", {})
        # The framework's own shape of validation errors, which is never sent.
        for name in ("HTTPValidationError", "ValidationError"):
            known.pop(name, None)
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        needed: list[dict[str, Any]] = [{"token": []}] if settings.token else [{"token": []}, {}]
        for path, methods in document["paths"].items():
            for operation in methods.values():
                operation["security"] = needed if path.startswith(PROTECTED) else []
        return document

    app.openapi = openapi  # type: ignore[method-assign]
