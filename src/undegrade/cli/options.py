"""What several verbs have in common: options, declared once, and what becomes of them."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, get_type_hints

import typer

if TYPE_CHECKING:
    from undegrade.enhancer import Enhancer
    from undegrade.work import Order

Inputs = Annotated[
    list[str], typer.Argument(help="Photos, folders or globs; - reads one photo from stdin.")
]
Format = Annotated[
    str | None, typer.Option(help="Write jpg, png, webp, tif or avif instead of the input's.")
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
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON line a photo.")]


def _order(
    *,
    task: Annotated[
        str,
        typer.Option(
            help="auto does what the photo needs; or one of restore, denoise, dejpeg, lowlight, "
            "fade, phone, sr, face."
        ),
    ] = "auto",
    scale: Annotated[
        int | None, typer.Option(help="Enlarge 1, 2 or 4 times, or as --model does.")
    ] = None,
    strength: Annotated[
        float, typer.Option(help="0 leaves the pixels untouched, 1 is as measured, up to 1.5.")
    ] = 1.0,
    model: Annotated[
        str | None, typer.Option(help="Run this model only: a name or your own .onnx file.")
    ] = None,
    noise: Annotated[
        float | None, typer.Option(help="Sigma of the noise, 0..255 units, if you know it.")
    ] = None,
    jpeg: Annotated[
        float | None, typer.Option(help="JPEG quality the photo has gone through, if you know it.")
    ] = None,
    detail: Annotated[
        float | None,
        typer.Option(help="0 is faithful, 1 is vivid: crisper, but partly made up; default: 0."),
    ] = None,
    detail_everywhere: Annotated[
        bool,
        typer.Option(
            "--detail-everywhere", help="Give faces and text detail, too, which else stay faithful."
        ),
    ] = False,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="grain: leave most of the noise, soften and sharpen less."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            help="Leave a step out: restore, lowlight, fade, phone, resharpen, sr; repeatable."
        ),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(
            help="Take a step whatever was found: restore, lowlight, fade, phone, resharpen; "
            "repeatable."
        ),
    ] = None,
    effort: Annotated[
        str,
        typer.Option(
            help="fast: smaller networks; normal; best: the mean over all flips and turns, in 8 "
            "times the time."
        ),
    ] = "normal",
    quality: Annotated[
        int | None, typer.Option(help="Quality of lossy outputs, 1..100; default: as the input.")
    ] = None,
    strip: Annotated[bool, typer.Option("--strip", help="Leave EXIF, XMP and IPTC out.")] = False,
    mark: Annotated[
        bool,
        typer.Option(
            "--mark/--no-mark", help="Say in the file that it was enhanced, and by what, or not."
        ),
    ] = True,
    max_megapixels: MaxMegapixels = 200.0,
) -> Order:
    """The options of an order: what is to be done, and what is written."""
    from undegrade.plan import DETAIL, Wishes
    from undegrade.work import Order

    wishes = Wishes(
        task=task,
        scale=scale,
        strength=strength,
        model=model,
        noise=noise,
        jpeg=jpeg,
        detail=DETAIL if detail is None else detail,
        detail_everywhere=detail_everywhere,
        keep=tuple(keep or ()),
        skip=tuple(skip or ()),
        add=tuple(add or ()),
        effort=effort,
    )
    return Order(wishes, quality=quality, strip=strip, mark=mark, max_megapixels=max_megapixels)


def takes_order(verb: Callable[..., None]) -> Callable[..., None]:
    """*verb* as a command with the options of an order in the place of its parameter ``order``.

    Typer reads options off a signature, so one is made: every parameter by name, the order's among
    them. What *verb* gets is an :class:`undegrade.work.Order`.
    """

    @functools.wraps(verb)
    def command(**given: Any) -> None:
        order = _order(**{name: given.pop(name) for name in ordered})
        verb(**given, order=order)

    ordered, own = _parameters(_order), _parameters(verb)
    parameters: list[inspect.Parameter] = []
    for name, parameter in own.items():
        parameters += ordered.values() if name == "order" else [parameter]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    vars(command)["__signature__"] = inspect.Signature(parameters)
    return command


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """By name, each by keyword and with its type for Typer."""
    hints = get_type_hints(function, localns={"Order": object}, include_extras=True)
    return {
        name: one.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in inspect.signature(function).parameters.items()
    }


def local_enhancer(workers: int, tile: int | None, device: str, precision: str) -> Enhancer:
    """An enhancer in this process; together *workers* of it use every core once."""
    from undegrade.enhancer import Enhancer
    from undegrade.runtime import Networks, cores

    threads = max(1, cores() // workers)
    return Enhancer(Networks(threads=threads, device=device, precision=precision, tile=tile))


def stdin() -> BinaryIO:
    """Standard input, of bytes; raises :class:`InputError` where it is closed."""
    from undegrade.errors import InputError

    if sys.stdin is None:
        raise InputError("cannot read '<stdin>': it is closed", "give a picture file")
    return sys.stdin.buffer


def suffix_of(format: str | None) -> str | None:
    """The suffix that ``--format`` asks for; raises :class:`UsageError` if none is written so."""
    if format is None:
        return None
    from undegrade.picture import format_of

    suffix = "." + format.lower().lstrip(".")
    format_of(Path("name" + suffix))
    return suffix


@contextmanager
def needed(by: str, extra: str) -> Iterator[None]:
    """Around the imports of an extra: raises :class:`UsageError` where it is not installed.

    *by* is who needs it, which begins the sentence; *extra* its name in ``undegrade[extra]``.
    """
    from undegrade.errors import UsageError

    try:
        yield
    except ModuleNotFoundError as error:
        what = f"{by} needs {error.name}, which is not installed"
        raise UsageError(what, f'pip install "undegrade[{extra}]"') from None
