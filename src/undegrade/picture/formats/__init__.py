"""The formats, each with a ``read`` and a ``write``, and the table that names them all.

One file each, besides those that Pillow has whole (:mod:`undegrade.picture.formats.plain`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from undegrade.errors import UsageError
from undegrade.picture.formats import heif, jpeg, jxl, plain, png, raw, tiff
from undegrade.picture.formats.opened import Opened
from undegrade.picture.model import Picture


@dataclass(frozen=True)
class Format:
    """What can be done with a format."""

    shown: str
    """As people write it."""
    read: Callable[[bytes, int], Opened]
    """Bytes and the frame wanted, from 0."""
    starts: tuple[bytes, ...] = ()
    """First bytes of such files."""
    suffixes: tuple[str, ...] = ()
    """What asks for it when writing."""
    write: Callable[[Picture, int | None], bytes] | None = None
    """Picture and quality."""
    keeps: frozenset[str] = frozenset()
    """Fields of the metadata, besides dpi, that it has a place for."""
    depth: int = 8
    """Bits a sample it can hold."""
    alpha: bool = True
    longest: int = 1 << 31
    """Largest width or height."""
    reading: float = 24.0
    """Bytes a pixel that decoding takes beside the file and the decoded samples (measured)."""
    writing: tuple[float, float] = (0.0, 0.0)
    """Bytes that encoding takes, the file included, beside the samples: for each pixel, and for
    each byte of the samples (measured)."""


_COMMON = frozenset({"exif", "xmp", "icc"})

FORMATS = {
    "JPEG": Format(
        "JPEG",
        jpeg.read,
        (b"\xff\xd8\xff",),
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        jpeg.write,
        _COMMON | {"iptc", "comment", "photoshop", "segments", "gain_map", "trailer"},
        alpha=False,
        longest=65500,
        reading=10.0,  # the image, and a progressive one's coefficients
        writing=(13.0, 0.0),  # the image, its coefficients for the best codes, the file
    ),
    "PNG": Format(
        "PNG",
        png.read,
        (png.SIGNATURE,),
        (".png",),
        png.write,
        _COMMON | {"chunks"},
        depth=16,
        reading=8.0,
        writing=(4.0, 4.0),
    ),
    "WEBP": Format(
        "WebP",
        plain.read_webp,
        (),
        (".webp",),
        plain.write_webp,
        _COMMON,
        longest=16383,
        reading=8.0,
        writing=(20.0, 0.0),
    ),
    "TIFF": Format(
        "TIFF",
        tiff.read,
        (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        (".tif", ".tiff"),
        tiff.write,
        _COMMON | {"iptc", "photoshop"},
        depth=16,
        reading=8.0,
        writing=(0.0, 4.0),
    ),
    "BMP": Format(
        "BMP",
        plain.read_bmp,
        (b"BM",),
        (".bmp",),
        plain.write_bmp,
        alpha=False,
        longest=1 << 30,
        reading=8.0,
        writing=(4.0, 2.0),
    ),
    "AVIF": Format(
        "AVIF",
        plain.read_avif,
        (),
        (".avif",),
        plain.write_avif,
        _COMMON,
        longest=65536,
        writing=(44.0, 0.0),
    ),
    "HEIF": Format("HEIF", heif.read),
    "GIF": Format("GIF", partial(plain.read, "Gif"), (b"GIF8",)),
    "PPM": Format("PPM", partial(plain.read, "Ppm")),
    "JPEG2000": Format(
        "JPEG 2000", plain.read_jpeg2000, (b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51")
    ),
    "JXL": Format("JPEG XL", jxl.read, jxl.STARTS),
    "QOI": Format("QOI", partial(plain.read, "Qoi"), (b"qoif",)),
    "RAW": Format("camera raw", raw.read, reading=40.0),
}

SUFFIXES = {suffix: name for name, one in FORMATS.items() for suffix in one.suffixes}
"""What can be written, by suffix."""
WRITABLE = tuple(name for name, one in FORMATS.items() if one.write)

_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


def sniff(data: bytes) -> str | None:
    """The format by its first bytes, whatever the name says."""
    if raw.kind_of(data):
        return "RAW"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return "PPM"
    found = (name for name, one in FORMATS.items() if data.startswith(one.starts))
    return next(found, None) or _brand(data)


def _brand(data: bytes) -> str | None:
    """ "AVIF", "HEIF" or None, from the file type box of an ISO media file."""
    if data[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def kinds() -> str:
    """What can be read, for messages."""
    *most, last = (one.shown for one in FORMATS.values())
    return f"{', '.join(most)} or {last}"


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the suffix of *path* asks for; :class:`UsageError` if there is none."""
    suffix = Path(path).suffix
    if suffix.lower() not in SUFFIXES:
        what = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise UsageError(
            f"cannot write {str(path)!r}: {what} names no format that can be written",
            f"use one of {', '.join(SUFFIXES)}",
        )
    return SUFFIXES[suffix.lower()]


def normal_format(name: str) -> str:
    """ "jpg", ".TIF", "WebP" ... as the name used here; :class:`UsageError` for any other."""
    upper = name.upper().lstrip(".")
    if upper in WRITABLE:
        return upper
    if f".{upper.lower()}" in SUFFIXES:
        return SUFFIXES[f".{upper.lower()}"]
    raise UsageError(f"cannot write the format {name!r}", f"use one of {', '.join(WRITABLE)}")
