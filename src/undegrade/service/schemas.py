"""What answers look like, for the OpenAPI document; examples are real ones, shortened."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from undegrade.service.problems import MEDIA_TYPE, TITLES

Responses = dict[int | str, dict[str, Any]]

_STEP = {
    "name": "restore",
    "model": "restore",
    "scale": 1,
    "shrink": 1,
    "levels": {"luma_middle": 0.29, "chroma_middle": 0.41, "jpeg": 0.18, "grain": 0.0},
    "strength": 1.0,
    "detail": 0.0,
    "reason": "noise of sigma 25.2 ± 0.9 and JPEG artefacts of quality 88",
}
_NOISE = {"value": 25.2, "uncertainty": 0.9, "found": True, "words": "noise of sigma 25.2 ± 0.9"}


class Plan(BaseModel):
    """What would be done with a photo, and what it would take."""

    model_config = ConfigDict(extra="allow")

    steps: list[dict[str, Any]] = Field(examples=[[_STEP]])
    unchanged: bool = Field(description="Whether the photo is best left as it is.")
    width: int = Field(description="Of the result.")
    height: int
    memory_bytes: int
    seconds_estimated: float
    notes: list[str] = Field(description="What of the wishes cannot be met.")
    spared: dict[str, str] = Field(
        description="Why steps are not taken, by their names; `add` takes them in any case."
    )


class Facts(BaseModel):
    """What was found out about a photo."""

    width: int = Field(description="Upright.", examples=[2000])
    height: int = Field(examples=[1500])
    format: str = Field(examples=["JPEG"])
    diagnosis: dict[str, Any] = Field(
        description="Every quantity with value, uncertainty, whether it counts as damage, and "
        "words; `clean`, and all words for damage in `words`.",
        examples=[{"clean": False, "noise": _NOISE, "words": [_NOISE["words"]]}],
    )
    plan: Plan


class Photo(Facts):
    """An upload."""

    id: str = Field(examples=["3q2-7wAAAAB9b0kYc1N0ZQ"])
    name: str | None = Field(examples=["cat.jpg"])
    bytes: int
    notes: list[str] = Field(description="What could not be kept while reading.")
    expires: str = Field(examples=["2026-11-21T08:00:00.000Z"])


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(examples=["urn:undegrade:problem:too-large"])
    title: str
    status: int
    detail: str
    hint: str | None = Field(None, description="What can be done about it.")
    instance: str | None = None


class JobState(BaseModel):
    """A photo being enhanced."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    seconds_left: float | None
    created: str
    photo: str | None = Field(description="Null once the photo has been deleted.")
    report: dict[str, Any] | None = Field(description="What was found and done, once it is done.")
    result: str | None = Field(examples=["/api/v1/jobs/Zm9vYmFyYmF6cXV4MTIzNA/result"])
    name: str | None = Field(examples=["cat-enhanced.jpg"])
    bytes: int | None
    problem: Problem | None


class Limits(BaseModel):
    """What may be sent and asked for."""

    max_upload: int = Field(description="Bytes.")
    max_megapixels: float
    sync_megapixels: float
    queue: int
    keep_seconds: float
    tasks: list[str]
    scales: list[int]
    steps: list[str] = Field(description="For `skip`.")
    keeps: list[str] = Field(description="For `keep`.")
    formats: list[str]


class Models(BaseModel):
    """The networks at hand."""

    models: list[dict[str, Any]] = Field(
        examples=[[{"name": "restore", "task": "restore", "scale": 1, "licence": "Apache-2.0"}]]
    )


def problems(*kinds: str) -> Responses:
    """The documented errors of a route; of every route also 400, 401, 421 and 500."""
    found: Responses = {}
    for kind in ("bad-request", "token", "host", "internal", *kinds):
        status, title = TITLES[kind]
        example = {
            "type": f"urn:undegrade:problem:{kind}",
            "title": title,
            "status": status,
            "detail": "what happened, with the value",
        }
        described = found.get(status, {}).get("description")
        found[status] = {
            "description": f"{described}; {title}" if described else title,
            "content": {
                MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
            },
        }
    return found


def file_form(extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The OpenAPI of a body with a photo and *extra* fields."""
    properties = {"photo": {"type": "string", "format": "binary"}, **(extra or {})}
    schema = {"type": "object", "required": ["photo"], "properties": properties}
    content = {"multipart/form-data": {"schema": schema}}
    return {"requestBody": {"required": True, "content": content}}


def binary(description: str, *types: str) -> dict[str, Any]:
    """The OpenAPI of an answer that is a file."""
    schema = {"type": "string", "format": "binary"}
    return {"description": description, "content": {kind: {"schema": schema} for kind in types}}
