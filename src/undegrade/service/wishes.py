"""What a client may ask for: the wishes of the engine and the output, checked before any work."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from undegrade.errors import UndegradeError
from undegrade.plan import ADDED, KEEPS, MAX_STRENGTH, SCALES, STEPS, TASK_STEPS, Wishes
from undegrade.service.problems import Problem, of_error


def _of(values: Iterable[Any]) -> Any:
    """For the OpenAPI document; a form holds text, which no literal of Python's would take."""
    return Field(json_schema_extra={"enum": list(values)})


SHAPES: dict[str, Any] = {
    "task": Annotated[str, _of(TASK_STEPS)],
    "scale": Annotated[int, _of(SCALES)] | None,
    "strength": Annotated[float, Field(ge=0, le=MAX_STRENGTH)],
    "noise": Annotated[float, Field(ge=0, le=100)] | None,
    "jpeg": Annotated[float, Field(ge=1, le=100)] | None,
    "detail": Annotated[float, Field(ge=0, le=1)],
    "keep": tuple[Annotated[str, _of(KEEPS)], ...],
    "skip": tuple[Annotated[str, _of(STEPS)], ...],
    "add": tuple[Annotated[str, _of(ADDED)], ...],
}
"""What is known of some fields beyond their types; the engine checks all of them in any case."""

Format = Literal["jpg", "png", "webp", "tif", "avif"]
FORMATS: tuple[str, ...] = typing.get_args(Format)


class Strict(BaseModel):
    """Unknown keys are refused: a typing mistake must not be a wish unheard."""

    model_config = ConfigDict(extra="forbid")


class Output(Strict):
    """How a result is written."""

    format: Format | None = Field(
        default=None, description="By default that of the photo, where it can be written."
    )
    quality: int | None = Field(
        default=None, ge=1, le=100, description="Of lossy formats; by default as the photo has it."
    )
    strip: bool = Field(default=False, description="Leave EXIF, XMP and IPTC out.")


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


def checked(body: BaseModel, models: Iterable[str]) -> dict[str, Any]:
    """The wishes as keyword arguments of the engine's class, plain data.

    *models* are the names of those that may be asked for.

    Raises
    ------
    Problem: they contradict each other, or name a model that is not installed here. A client
        names models, never files.
    """
    values = body.model_dump()
    model = values.get("model")
    if model is not None and model not in (known := sorted(models)):
        remedy = f"choose one of: {', '.join(known)}"
        raise Problem("wishes", f"no model is called {model!r}", remedy)
    try:
        Wishes(**values)
    except UndegradeError as error:
        raise of_error(error) from None
    return values


def from_form(fields: Mapping[str, str]) -> JobBody:
    """Wishes and output from the fields of a form; lists are separated by commas.

    Raises
    ------
    pydantic.ValidationError: a field is unknown, or holds what it must not.
    """
    wishes: dict[str, Any] = {}
    output: dict[str, Any] = {}
    for name, value in fields.items():
        if value == "":
            continue
        if name in Output.model_fields:
            output[name] = value
        else:
            kind = WishesBody.model_fields.get(name)
            wishes[name] = value.split(",") if kind and _is_list(kind.annotation) else value
    return JobBody.model_validate({"wishes": wishes, "output": output}, strict=False)


def form_properties() -> dict[str, Any]:
    """The fields of a form for :func:`from_form`, as OpenAPI describes them."""
    return {
        name: schema
        for model in (WishesBody, Output)
        for name, schema in model.model_json_schema()["properties"].items()
    }


def _is_list(annotation: Any) -> bool:
    parts = typing.get_args(annotation) or ()
    return typing.get_origin(annotation) in (tuple, list, frozenset) or any(map(_is_list, parts))
