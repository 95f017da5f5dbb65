"""What every format's ``read`` gives: a file whose header is read and whose pixels are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

from numpy.typing import NDArray

from undegrade.picture.model import Encoding, Metadata


class Unfit(Exception):  # noqa: N818 - told to the user as an InputError, with the file's name
    """An intact file that cannot be used: what it is, and what to do about it."""

    def __init__(
        self, what: str, remedy: str = "convert it to PNG or TIFF with another program"
    ) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


class Broken(ValueError):  # noqa: N818 - as Unfit
    """A damaged file; the text says what is wrong with it, in the user's words."""


def package(module: str, *, message: str, extra: str) -> Any:
    """An optional *module*.

    Parameters
    ----------
    message: what is said where it is missing.
    extra: that of ours which brings it.

    Raises
    ------
    Unfit: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise Unfit(message, f'pip install "undegrade[{extra}]"') from None


@dataclass
class Opened:
    """A header, and the way to the pixels."""

    size: tuple[int, int]
    """Width and height as stored."""
    pixels: Callable[[int], NDArray[Any]]
    """Decodes: (H, W, 1..4) uint8 or uint16, alpha last and not premultiplied, turned as the EXIF
    orientation given, 1..8, asks for."""
    metadata: Metadata = field(default_factory=Metadata)
    """As the file has it."""
    encoding: Encoding = field(default_factory=Encoding)
    frames: int = 1
    """Pictures to choose from: of an animation, or pages."""
    mode: Literal["", "CMYK", "LAB"] = ""
    """What the channels are where they are neither grey nor RGB."""
    upright: bool = False
    """The decoder applies the orientation by itself."""
    notes: list[str] = field(default_factory=list)


def turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    """A view of stored pixels (H, W, ...) as EXIF *orientation* 1..8 means them."""
    if orientation >= 5:
        array = array.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    return array


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Types of the outermost boxes of *data*, and where their payloads begin and end.

    Source: ISO/IEC 15444-1, annex I.4, which JPEG XL's container shares.
    """
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < head:
            return
        yield kind, at + head, min(at + size, len(data))
        at += size
