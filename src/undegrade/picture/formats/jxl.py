"""JPEG XL, by the optional package ``pillow-jxl-plugin``.

That decodes a file as soon as it is opened, so size and metadata are read here, from the boxes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Broken, Opened, boxes, package
from undegrade.picture.model import Encoding, Metadata

STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
"""Width to height, where the header says no width."""


def read(data: bytes, frame: int) -> Opened:
    """The header of a bare codestream, or of one in boxes; :class:`Broken` without one.

    Raises :class:`Unfit` if the plug-in is not installed.
    """
    pillow_jxl = package(
        "pillow_jxl.JpegXLImagePlugin",
        message="JPEG XL pictures need the package pillow-jxl-plugin",
        extra="jxl",
    )
    held: dict[bytes, bytes] = {}
    for kind, body in _contents(data):
        held[kind] = held.get(kind, b"") + body
    exif = held.get(b"Exif")
    if exif and exif[:4] not in (b"II*\0", b"MM\0*"):  # behind the number of bytes up to it
        exif = exif[4 + int.from_bytes(exif[:4], "big") :]

    def pixels(turn: int) -> NDArray[Any]:
        image = pillow_jxl.JXLImageFile(io.BytesIO(data))
        found.metadata = replace(found.metadata, icc=image.info.get("icc_profile"))
        return pillow.unpacking(image, "JXL")(turn)

    found = Opened(
        _size(held.get(b"jxlc", b"")),
        pixels,
        Metadata(exif=exif, xmp=held.get(b"xml ")),
        Encoding("JXL"),
        upright=b"jbrd" not in held,  # else a JPEG is put together again, as it lay
    )
    if b"brob" in held:
        found.notes.append("compressed metadata not kept")
    return found


def _contents(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kinds and contents; ``jxlc`` is the beginning of the codestream, or of a part of it."""
    if data.startswith(STARTS[0]):
        yield b"jxlc", data
        return
    for kind, start, end in boxes(data):
        body = data[start : min(end, start + 64) if kind[:3] == b"jxl" else end]
        yield (b"jxlc", body[4:]) if kind == b"jxlp" else (kind, body)


def _size(stream: bytes) -> tuple[int, int]:
    """Width and height: the first fields of a codestream, lowest bits first."""
    if len(stream) < 12:
        raise Broken("it is cut off")
    rest = int.from_bytes(stream[2:18], "little")

    def take(bits: int) -> int:
        nonlocal rest
        rest, value = rest >> bits, rest & ((1 << bits) - 1)
        return value

    def side() -> int:
        return 8 * (take(5) + 1) if small else take((9, 13, 18, 30)[take(2)]) + 1

    small = take(1)
    height = side()
    if ratio := take(3):
        wide, high = _RATIOS[ratio - 1]
        return height * wide // high, height
    return side(), height
