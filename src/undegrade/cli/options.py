"""Options that several verbs have, declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

Task = Annotated[
    str,
    typer.Option(
        help="auto does what the photo needs; or one of restore, denoise, dejpeg, lowlight, "
        "fade, phone, sr, face."
    ),
]
Scale = Annotated[int | None, typer.Option(help="Enlarge 1, 2 or 4 times, or as --model does.")]
Strength = Annotated[
    float, typer.Option(help="0 leaves the pixels untouched, 1 is as measured, up to 1.5.")
]
Model = Annotated[
    str | None, typer.Option(help="Run this model only: a name or your own .onnx file.")
]
Noise = Annotated[
    float | None, typer.Option(help="Sigma of the noise, 0..255 units, if you know it.")
]
Jpeg = Annotated[
    float | None, typer.Option(help="JPEG quality the photo has gone through, if you know it.")
]
Detail = Annotated[
    float | None,
    typer.Option(help="0 is faithful, 1 is vivid: crisper, but partly made up; default: 0."),
]
DetailEverywhere = Annotated[
    bool,
    typer.Option(
        "--detail-everywhere", help="Give faces and text detail, too, which else stay faithful."
    ),
]
Keep = Annotated[
    list[str] | None,
    typer.Option(help="grain: leave most of the noise, soften and sharpen less."),
]
Skip = Annotated[
    list[str] | None,
    typer.Option(
        help="Leave a step out: restore, lowlight, fade, phone, resharpen, sr; repeatable."
    ),
]
Add = Annotated[
    list[str] | None,
    typer.Option(
        help="Take a step whatever was found: restore, lowlight, fade, phone, resharpen; "
        "repeatable."
    ),
]
Effort = Annotated[
    str,
    typer.Option(
        help="fast: smaller networks; normal; best: the mean over all flips and turns, in 8 times "
        "the time."
    ),
]
Format = Annotated[
    str | None, typer.Option(help="Write jpg, png, webp, tif or avif instead of the input's.")
]
Quality = Annotated[
    int | None, typer.Option(help="Quality of lossy outputs, 1..100; default: as the input.")
]
Strip = Annotated[bool, typer.Option("--strip", help="Leave EXIF, XMP and IPTC out.")]
Mark = Annotated[
    bool,
    typer.Option(
        "--mark/--no-mark", help="Say in the file that it was enhanced, and by what, or not."
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-r", help="Look into sub-folders and mirror them.")
]
Workers = Annotated[int, typer.Option(help="Photos worked on at the same time.", min=1)]
Tile = Annotated[
    int | None, typer.Option(help="Side of a tile in pixels; smaller takes less memory.")
]
Device = Annotated[str, typer.Option(help="auto and cpu: the CPU; gpu, or one that doctor lists.")]
Precision = Annotated[
    str, typer.Option(help="auto, fp32 or int8: faster, where a network has such weights.")
]
MaxMegapixels = Annotated[float, typer.Option(help="Refuse larger pictures before decoding them.")]


_WISHES: dict[str, tuple[Any, Any]] = {
    "task": (Task, "auto"),
    "scale": (Scale, None),
    "strength": (Strength, 1.0),
    "model": (Model, None),
    "noise": (Noise, None),
    "jpeg": (Jpeg, None),
    "detail": (Detail, None),
    "detail_everywhere": (DetailEverywhere, False),
    "keep": (Keep, None),
    "skip": (Skip, None),
    "add": (Add, None),
    "effort": (Effort, "normal"),
}
_OUTPUT: dict[str, tuple[Any, Any]] = {
    "quality": (Quality, None),
    "strip": (Strip, False),
    "mark": (Mark, True),
    "max_megapixels": (MaxMegapixels, 200.0),
}
"""Options of an order by name, with their defaults: what is to be done, and what is written."""


def takes_order(verb: Callable[..., None]) -> Callable[..., None]:
    """*verb* as a command with the options of an order in the place of its parameter ``order``.

    Typer reads options off a signature, so one is made: every parameter by name, the order's among
    them. What *verb* gets is an :class:`undegrade.work.Order`.
    """

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        from undegrade.plan import DETAIL, Wishes
        from undegrade.work import Order

        wishes = {name: given.pop(name) for name in _WISHES}
        output = {name: given.pop(name) for name in _OUTPUT}
        wishes |= {name: tuple(wishes[name] or ()) for name in ("keep", "skip", "add")}
        if wishes["detail"] is None:
            wishes["detail"] = DETAIL
        verb(**given, order=Order(Wishes(**wishes), **output))

    hints = get_type_hints(verb, localns={"Order": object}, include_extras=True)
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = []
    for one in inspect.signature(verb).parameters.values():
        if one.name != "order":
            parameters.append(one.replace(annotation=hints[one.name], kind=kind))
            continue
        for name, (annotation, default) in (_WISHES | _OUTPUT).items():
            made = inspect.Parameter(name, kind, default=default, annotation=annotation)
            parameters.append(made)
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command


def suffix_of(format: str | None) -> str | None:
    """What ``--format`` asks for as the suffix of outputs.

    Raises
    ------
    UsageError: nothing that can be written.
    """
    if format is None:
        return None
    from undegrade.picture import format_of

    suffix = "." + format.lower().lstrip(".")
    format_of(Path("name" + suffix))
    return suffix
