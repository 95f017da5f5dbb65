"""What may be asked for and what answers look like, checked before any work, told by OpenAPI.

Examples are real ones, shortened.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model

from undegrade.diagnosis import Diagnosis as Found
from undegrade.diagnosis import Finding as OneFound
from undegrade.errors import UndegradeError
from undegrade.plan import ADDED, EFFORTS, KEEPS, MAX_STRENGTH, SCALES, STEPS, TASK_STEPS, Wishes
from undegrade.service.problems import MEDIA_TYPE, TITLES, of_error
from undegrade.service.problems import Problem as Refusal

Responses = dict[int | str, dict[str, Any]]
Pairs = Sequence[tuple[str, str]]
Form = TypeVar("Form", bound="Upload")


class Strict(BaseModel):
    """Unknown keys are refused: a typing mistake must not be a wish unheard."""

    model_config = ConfigDict(extra="forbid")


def _of(values: Iterable[Any]) -> Any:
    """One of *values*, given as text in a form, which no literal of Python's would take."""
    known = list(values)

    def check(value: Any) -> Any:
        if value not in known:
            raise ValueError(f"must be one of: {', '.join(map(str, known))}")
        return value

    shown = Field(json_schema_extra={"enum": known})
    return Annotated[type(known[0]), AfterValidator(check), shown]


def _some_of(values: Iterable[Any]) -> Any:
    shape: Any = tuple
    return shape[_of(values), ...]


SHAPES: dict[str, Any] = {
    "task": _of(TASK_STEPS),
    "scale": _of(SCALES) | None,
    "strength": Annotated[float, Field(ge=0, le=MAX_STRENGTH)],
    "noise": Annotated[float, Field(ge=0, le=100)] | None,
    "jpeg": Annotated[float, Field(ge=1, le=100)] | None,
    "detail": Annotated[float, Field(ge=0, le=1)],
    "keep": _some_of(KEEPS),
    "skip": _some_of(STEPS),
    "add": _some_of(ADDED),
    "effort": _of(EFFORTS),
}
"""What is known of some fields beyond their types; the engine checks all of them in any case."""

Format = Literal["jpg", "png", "webp", "tif", "avif", "bmp"]
FORMATS: tuple[str, ...] = typing.get_args(Format)


def _wishes_model() -> type[BaseModel]:
    """The engine's :class:`Wishes` with the same fields, types, defaults and nothing else."""
    types = typing.get_type_hints(Wishes)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(Wishes):
        default: Any = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        fields[field.name] = (SHAPES.get(field.name, types[field.name]), Field(default))
    return create_model("Wishes", __base__=Strict, **fields)


WishesBody = _wishes_model()
"""Made of the engine's fields, so that what is added there can be asked for here."""


class Output(Strict):
    """How a result is written."""

    format: Format | None = Field(
        default=None, description="By default that of the photo, where it can be written."
    )
    quality: int | None = Field(
        default=None, ge=1, le=100, description="Of lossy formats; by default as the photo has it."
    )
    strip: bool = Field(default=False, description="Leave EXIF, XMP and IPTC out.")
    mark: bool = Field(default=True, description="Say in the file that it was enhanced.")


class Upload(Strict):
    """What may come with a photo."""

    frame: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Of an animation, or the page of a TIFF, from 1; by default all pages of a "
        "TIFF, and an animation is refused.",
    )


class EnhanceForm(WishesBody, Output, Upload):  # type: ignore[misc,valid-type]
    """All that may come with a photo that is to be enhanced."""


class PlanBody(Strict):
    """What to do with a photo."""

    wishes: WishesBody = Field(default_factory=WishesBody)  # type: ignore[valid-type]


class JobBody(PlanBody):
    """What to do with a photo, and how to write it."""

    output: Output = Field(default_factory=Output)


class PartBody(PlanBody):
    """What to do with a part of a photo, in pixels of the photo, upright."""

    x: Annotated[int, Field(ge=0, le=1_000_000)]
    y: Annotated[int, Field(ge=0, le=1_000_000)]
    width: Annotated[int, Field(ge=1, le=512)]
    height: Annotated[int, Field(ge=1, le=512)]


def checked(wishes: BaseModel, models: Iterable[str]) -> dict[str, Any]:
    """The wishes as keyword arguments of the engine's class, plain data.

    *models* are the names of those that may be asked for: a client names models, never files.
    Raises :class:`Refusal`: they contradict each other, or name a model that is not installed here.
    """
    values = {name: getattr(wishes, name) for name in WishesBody.model_fields}
    model = values.get("model")
    if model is not None and model not in (known := sorted(models)):
        remedy = f"choose one of: {', '.join(known)}"
        raise Refusal("wishes", f"no model is called {model!r}", remedy)
    try:
        Wishes(**values)
    except UndegradeError as error:
        raise of_error(error) from None
    return values


def from_form(model: type[Form], pairs: Pairs) -> Form:
    """What the fields of a form say, or those of a query.

    Lists come as OpenAPI encodes them, by a name that is repeated, or joined by commas. Raises
    :class:`Refusal`: a field is unknown, holds what it must not, or is no list and comes twice.
    """
    given: dict[str, Any] = {}
    for name, value in pairs:
        kind = model.model_fields.get(name)
        if value == "" and kind is not None:
            continue
        if kind is not None and _is_list(kind.annotation):
            given.setdefault(name, []).extend(value.split(","))
        elif name in given:
            raise refusal([{"field": name, "detail": "is given more than once"}])
        else:
            given[name] = value
    try:
        return model.model_validate(given, strict=False)
    except ValidationError as error:
        raise refusal(told(error.errors())) from None


def _is_list(annotation: Any) -> bool:
    parts = typing.get_args(annotation) or ()
    return typing.get_origin(annotation) in (tuple, list, frozenset) or any(map(_is_list, parts))


_WORDS = {
    "missing": "is missing",
    "extra_forbidden": "is not known",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "string_pattern_mismatch": "has characters that cannot be",
    "string_type": "must be text",
    "literal_error": "must be {expected}",
    "finite_number": "must be a finite number",
    "value_error": "{error}",
}
_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "tuple": "must be a list",
    "model": "must be an object",
}


def told(errors: Iterable[Any]) -> list[dict[str, str]]:
    """The framework's errors of validation in plain words, without repeating what was sent."""
    out = []
    for error in errors:
        kind, place = str(error["type"]), error["loc"]
        words = _WORDS.get(kind) or _KINDS.get(kind.partition("_")[0]) or "does not fit"
        words = words.format_map(error.get("ctx", {}))
        if kind == "extra_forbidden":
            names = [*EnhanceForm.model_fields, *JobBody.model_fields, *PartBody.model_fields]
            for near in difflib.get_close_matches(str(place[-1]), names, 1):
                words += f"; did you mean {near!r}?"
        inner = place[1:] if place and place[0] in ("body", "query", "path", "header") else place
        out.append({"field": ".".join(map(str, inner)), "detail": words})
    return out


def refusal(errors: list[dict[str, str]]) -> Refusal:
    """The problem of fields that do not fit, each with its *errors*."""
    detail = "; ".join(f"{one['field'][:80]} {one['detail']}".strip() for one in errors[:5])
    return Refusal("invalid", detail, "see /api/v1/openapi.json", errors=errors)


_STEP = {
    "name": "restore",
    "model": "restore",
    "scale": 1,
    "shrink": 1,
    "levels": {"luma_middle": 0.29, "chroma_middle": 0.41, "jpeg": 0.18, "grain": 0.0},
    "strength": 1.0,
    "detail": 0.0,
    "faithful": [],
    "effort": "normal",
    "reason": "noise of sigma 25.2 ± 0.9 and JPEG artefacts of quality 88",
}


class Finding(BaseModel):
    """One quantity."""

    value: float | None = Field(examples=[25.2])
    uncertainty: float | None = Field(description="In the unit of the value.", examples=[0.9])
    found: bool = Field(description="Whether it counts as damage.")
    words: str = Field(examples=["noise of sigma 25.2 ± 0.9"])


def _diagnosis_model() -> type[BaseModel]:
    """What :meth:`undegrade.diagnosis.Diagnosis.as_dict` says, from the same fields."""
    types = typing.get_type_hints(Found)
    fields: dict[str, Any] = {
        name: (Finding if kind is OneFound else kind, ...) for name, kind in types.items()
    }
    fields["noise_levels"] = (dict[str, float], Field(description="What a restorer is told."))
    fields["clean"] = (bool, Field(description="Whether nothing counts as damage."))
    words = Field(None, description="All words for damage, of a photo that was sent.")
    return create_model("Diagnosis", **fields, words=(list[str] | None, words))


Diagnosis = _diagnosis_model()


class Region(BaseModel):
    """Part of a photo, in its pixels."""

    kind: str = Field(description="What is to be seen there.", examples=["face"])
    x: int
    y: int
    width: int
    height: int


class Step(BaseModel):
    """One network that is run, and how far it goes."""

    name: str
    model: str
    scale: int
    shrink: int = Field(description="How many times the photo is reduced before it.")
    levels: dict[str, float] = Field(description="What the network is told.")
    strength: float
    detail: float
    faithful: list[Region] = Field(description="Faces and text that get no detail.")
    effort: str = Field(description="What is run, whatever was asked for.")
    reason: str


class Plan(BaseModel):
    """What would be done with a photo, and what it would take."""

    steps: list[Step] = Field(examples=[[_STEP]])
    unchanged: bool = Field(description="Whether the photo is best left as it is.")
    width: int = Field(description="Of the result.")
    height: int
    tiles: int
    memory_bytes: int
    memory_promised: bool = Field(description="Whether the bound was measured.")
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
    diagnosis: Diagnosis  # type: ignore[valid-type]
    plan: Plan
    notes: list[str] = Field(description="What could not be kept while reading.")


class Photo(Facts):
    """An upload."""

    id: str = Field(examples=["3q2-7wAAAAB9b0kYc1N0ZQ"])
    name: str | None = Field(examples=["cat.jpg"])
    bytes: int
    frame: int | None
    expires: str = Field(examples=["2026-11-21T08:00:00.000Z"])


class Report(BaseModel):
    """What was found and done."""

    found: Diagnosis  # type: ignore[valid-type]
    steps: list[Step]
    left: Diagnosis = Field(description="What the result lacks.")  # type: ignore[valid-type]
    unchanged: bool
    width: int
    height: int
    seconds: float
    notes: list[str] = Field(description="What could not be kept.")
    pages: list[Report] | None = Field(None, description="Of a TIFF of several: one for each.")


class Wrong(BaseModel):
    """What is wrong with one field."""

    field: str = Field(examples=["wishes.strength"])
    detail: str = Field(examples=["must be at most 1.5"])


class Problem(BaseModel):
    """Problem details, RFC 9457."""

    type: str = Field(examples=["urn:undegrade:problem:too-large"])
    title: str
    status: int
    detail: str
    hint: str | None = Field(None, description="What can be done about it.")
    instance: str | None = None
    errors: list[Wrong] | None = Field(None, description="With 422: field by field.")


class JobState(BaseModel):
    """A photo being enhanced."""

    id: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    seconds_left: float | None
    ahead: int = Field(description="Unfinished jobs before it, while it is queued.")
    created: str
    photo: str | None = Field(description="Null once the photo has been deleted.")
    report: Report | None = Field(description="Once it is done.")
    result: str | None = Field(examples=["/api/v1/jobs/Zm9vYmFyYmF6cXV4MTIzNA/result"])
    name: str | None = Field(examples=["cat-enhanced.jpg"])
    bytes: int | None
    problem: Problem | None


class Limits(BaseModel):
    """What may be sent and asked for."""

    max_upload: int = Field(description="Bytes.")
    max_megapixels: float
    sync_megapixels: float
    sync_seconds: float
    queue: int
    keep_seconds: float
    tasks: list[str]
    scales: list[int]
    steps: list[str] = Field(description="For `skip`.")
    keeps: list[str] = Field(description="For `keep`.")
    efforts: list[str]
    formats: list[str]


class Models(BaseModel):
    """The networks at hand."""

    models: list[dict[str, Any]] = Field(
        examples=[[{"name": "restore", "task": "restore", "scale": 1, "licence": "Apache-2.0"}]]
    )


HEADERS = {
    "Location": "Where what was made is.",
    "Retry-After": "Seconds after which to come again.",
    "WWW-Authenticate": "Bearer.",
    "Content-Disposition": "The name under which to save it.",
    "Undegrade-Report": "What was done, in JSON, shortened.",
    "X-Accel-Buffering": "No: proxies are to pass events on at once.",
}
_OF_STATUS = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After", 507: "Retry-After"}


def headers(*names: str) -> dict[str, Any]:
    """The OpenAPI of an answer's headers."""
    return {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}


def problems(*kinds: str) -> Responses:
    """The documented errors of a route; of every route also 400, 401, 421, 429 and 500."""
    found: Responses = {}
    for kind in ("bad-request", "token", "host", "busy", "internal", *kinds):
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
        if status in _OF_STATUS:
            found[status]["headers"] = headers(_OF_STATUS[status])
    return found


def photo_body(form: type[BaseModel]) -> dict[str, Any]:
    """The OpenAPI of a photo with the fields of *form*: as a form, or raw with a query."""
    fields = form.model_json_schema()["properties"]
    file = {"type": "string", "format": "binary"}
    schema = {
        "type": "object",
        "required": ["photo"],
        "properties": {"photo": file} | fields,
        "additionalProperties": False,
    }
    return {
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {"schema": schema},
                "image/*": {"schema": file},
                "application/octet-stream": {"schema": file},
            },
        },
        "parameters": [{"name": name, "in": "query", "schema": fields[name]} for name in fields],
    }


def answer(model: type[BaseModel], description: str, *names: str) -> dict[str, Any]:
    """The OpenAPI of an answer in JSON with these headers."""
    return {"model": model, "description": description, "headers": headers(*names)}


def binary(description: str, *types: str, names: Sequence[str] = ()) -> dict[str, Any]:
    """The OpenAPI of an answer that is a file."""
    schema = {"type": "string", "format": "binary"}
    content = {kind: {"schema": schema} for kind in types}
    return {"description": description, "content": content, "headers": headers(*names)}
