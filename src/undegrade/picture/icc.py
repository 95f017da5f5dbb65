"""ICC profiles: read those made of curves and a matrix, build one, leave the rest to LittleCMS."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.picture.alpha import bands
from undegrade.picture.colour import ColourSpace, Curve, Parametric, Table, matrix_space

ADOBE_RGB = np.array(
    [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
)
"""Columns are the XYZ of the primaries of Adobe RGB (1998) under D50."""
ADOBE_GAMMA = 563 / 256
SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
"""Of IEC 61966-2-1: (a x + b) ** g from d on, c x below, as g, a, b, c, d."""


@dataclass(frozen=True)
class Profile:
    """The parts of a profile that matter here."""

    space: str
    """"RGB", "GRAY", "CMYK", "Lab" ..."""
    name: str
    colour: ColourSpace | None
    """Not None where the profile is RGB, of curves and a matrix."""


def read(data: bytes) -> Profile:
    """Read a profile; raises ``ValueError`` where it is broken."""
    try:
        return _read(data)
    except (struct.error, IndexError, ZeroDivisionError, OverflowError) as error:
        raise ValueError("cut off") from error


def _read(data: bytes) -> Profile:
    if len(data) < 132 or data[36:40] != b"acsp":
        raise ValueError("not a profile")
    tags = {}
    (count,) = struct.unpack_from(">I", data, 128)
    if count > 200:
        raise ValueError("too many tags")
    for index in range(count):
        tag, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if offset + size > len(data):
            raise ValueError("cut off")
        tags[tag] = data[offset : offset + size]
    space = data[16:20].decode("ascii", "replace").strip()
    name = _text(tags.get(b"desc", b"")) or f"unnamed {space}"
    wanted = (b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC")
    # Tables outrank the matrix where a profile has both.
    if space != "RGB" or b"A2B0" in tags or data[20:24] != b"XYZ " or not tags.keys() >= {*wanted}:
        return Profile(space, name, None)
    columns = [_xyz(tags[tag]) for tag in wanted[:3]]
    red, green, blue = (_curve(tags[tag]) for tag in wanted[3:])
    return Profile(space, name, matrix_space(name, np.array(columns).T, (red, green, blue)))


def _xyz(tag: bytes) -> list[float]:
    if tag[:4] != b"XYZ ":
        raise ValueError("a primary that is none")
    return [value / 65536 for value in struct.unpack_from(">iii", tag, 8)]


def _curve(tag: bytes) -> Curve:
    """``curv`` (nothing, one gamma, a table) or ``para`` (types 0 to 4)."""
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if 12 + 2 * count > len(tag):
            raise ValueError("a tone curve cut off")
        if count < 2:
            gamma = struct.unpack_from(">H", tag, 12)[0] / 256 if count else 1.0
            return _checked(Parametric(gamma))
        return Table.of(np.frombuffer(tag, ">u2", count, 12) / 65535)
    if tag[:4] != b"para":
        raise ValueError("a tone curve of an unknown kind")
    (kind,) = struct.unpack_from(">H", tag, 8)
    if kind > 4:
        raise ValueError(f"a tone curve of the unknown type {kind}")
    raw = struct.unpack_from(f">{(1, 3, 4, 5, 7)[kind]}i", tag, 12)
    g, a, b, c, d, e, f = (*(value / 65536 for value in raw), *[0.0] * 7)[:7]
    if kind == 0:
        return _checked(Parametric(g))
    if kind == 1:
        return _checked(Parametric(g, a, b, 0, -b / a))
    if kind == 2:
        return _checked(Parametric(g, a, b, 0, -b / a, c, c))
    return _checked(Parametric(g, a, b, c, d, e, f))


def _checked(curve: Parametric) -> Parametric:
    if not (0.1 < curve.g < 10 and curve.a > 0 and curve.c >= 0):
        raise ValueError("a tone curve with impossible numbers")
    return curve


def _text(tag: bytes) -> str:
    """The first text of a ``desc`` (version 2) or ``mluc`` (version 4) tag."""
    if tag[:4] == b"desc":
        (count,) = struct.unpack_from(">I", tag, 8)
        text = tag[12 : 12 + count].split(b"\0")[0].decode("latin-1")
    elif tag[:4] == b"mluc" and len(tag) >= 28:
        size, offset = struct.unpack_from(">II", tag, 20)
        text = tag[offset : offset + size].decode("utf-16-be", "replace")
    else:
        text = ""
    return " ".join(text.split())


def build(name: str, colorants: NDArray[np.float64], *curve: float) -> bytes:
    """A version 4 profile of primaries (columns, XYZ under D50) and a gamma, or g, a, b, c, d."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    def mluc(text: str) -> bytes:
        raw = text.encode("utf-16-be")
        return b"mluc" + struct.pack(">III4sII", 0, 1, 12, b"enUS", len(raw), 28) + raw

    tags = {
        b"desc": mluc(name),
        b"cprt": mluc("No copyright, use freely"),
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),
        b"rXYZ": b"XYZ \0\0\0\0" + fixed(*colorants[:, 0]),
        b"gXYZ": b"XYZ \0\0\0\0" + fixed(*colorants[:, 1]),
        b"bXYZ": b"XYZ \0\0\0\0" + fixed(*colorants[:, 2]),
        b"rTRC": b"para\0\0\0\0" + struct.pack(">HH", {1: 0, 5: 3}[len(curve)], 0) + fixed(*curve),
    }
    table, body, start = b"", b"", 132 + 12 * (len(tags) + 2)
    for tag, value in tags.items():
        entry = struct.pack(">II", start + len(body), len(value))
        table += tag + entry
        if tag == b"rTRC":
            table += b"gTRC" + entry + b"bTRC" + entry
        body += value + b"\0" * (-len(value) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0")
    head += fixed(0.9642, 1.0, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags) + 2) + table + body


def convert(array: NDArray[np.uint8], icc: bytes | None, mode: str) -> NDArray[np.uint8]:
    """(H, W, C) from the profile *icc* to sRGB, or grey of sRGB's curve, by LittleCMS.

    Relative colorimetric with black point compensation, the way photo programs print and show.

    Parameters
    ----------
    mode: "L", "RGB", "CMYK" or "LAB", what the channels are; of "LAB", None is the profile.

    Raises
    ------
    ValueError: LittleCMS cannot use the profile.
    """
    from PIL import ImageCms

    try:
        source = ImageCms.createProfile("LAB") if icc is None else io.BytesIO(icc)
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(source),
            ImageCms.createProfile("sRGB"),
            mode,
            "L" if mode == "L" else "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return _banded(array, mode, lambda part: ImageCms.applyTransform(part, transform))
    except (ImageCms.PyCMSError, OSError) as error:
        raise ValueError("LittleCMS cannot use it") from error


def plain_rgb(array: NDArray[np.uint8], mode: str) -> NDArray[np.uint8]:
    """CMYK (H, W, 4) in RGB by Pillow's plain formula, where no profile tells better."""
    return _banded(array, mode, lambda part: part.convert("RGB"))


def _banded(
    array: NDArray[np.uint8], mode: str, change: Callable[[Image.Image], Any]
) -> NDArray[np.uint8]:
    """(H, W, C) changed by Pillow, whose pictures of it are never whole."""
    height, width = array.shape[:2]
    out = np.empty((height, width, 1 if mode == "L" else 3), np.uint8)
    for rows in bands(height, width):
        part = array[rows]
        image = Image.frombuffer(mode, (width, len(part)), part.tobytes(), "raw", mode, 0, 1)
        out[rows] = np.asarray(change(image)).reshape(len(part), width, -1)
    return out
