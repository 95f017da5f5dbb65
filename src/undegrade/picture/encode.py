"""From a :class:`Picture` back to a file of the same kind, or of another."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.errors import OutputError, UsageError
from undegrade.picture import metadata, png, tiff
from undegrade.picture.alpha import bands, flatten, to_depth
from undegrade.picture.colour import SRGB
from undegrade.picture.files import (
    WRITABLE,
    check_target,
    format_of,
    normal_format,
    show,
    write_atomic,
)
from undegrade.picture.model import Metadata, Picture

_LONGEST = {"JPEG": 65500, "WEBP": 16383, "AVIF": 65536, "BMP": 1 << 30}
"""Largest width or height."""

_SEGMENT = 65533
"""Bytes that a JPEG segment may hold."""


def default_format(picture: Picture) -> str:
    """The format to write where nobody names one: the source's own if that can be written.

    Otherwise (HEIF, GIF, ...) JPEG, or PNG where JPEG would lose what the source had: alpha,
    16 bits, or freedom from loss.
    """
    if picture.encoding.format in WRITABLE:
        return picture.encoding.format
    lossless = picture.encoding.lossless or picture.depth == 16 or picture.alpha is not None
    return "PNG" if lossless else "JPEG"


def losses(picture: Picture, format: str | None = None) -> tuple[str, ...]:
    """What *format* cannot keep of *picture*, one sentence each; empty if it keeps all.

    Raises
    ------
    UsageError: a format that cannot be written.
    """
    target = normal_format(format) if format else default_format(picture)
    kept, out = picture.metadata, []
    if picture.depth == 16 and target not in ("PNG", "TIFF"):
        out.append(f"16 bits a sample rounded to 8, all that {target} can hold")
    if picture.alpha is not None and target in ("JPEG", "BMP"):
        out.append(f"transparency laid over white, {target} has none")
    if target == "BMP":
        if kept.icc:
            out.append("colour profile not kept, BMP has none")
        out += [
            f"{label} not kept, BMP has none"
            for label, value in (("EXIF", kept.exif), ("XMP", kept.xmp))
            if value
        ]
    if target == "JPEG":
        out += [
            f"{label} of more than 64 KB not kept, JPEG has no room"
            for label, value, most in _limited(kept)
            if value and len(value) > most
        ]
    if kept.iptc and target not in ("JPEG", "TIFF"):
        out.append(f"IPTC not kept, {target} has none")
    if kept.comment and target != "JPEG":
        out.append(f"comment not kept, {target} has none")
    if kept.chunks and target != "PNG":
        out.append("text chunks of the PNG not kept")
    return tuple(out)


def _limited(kept: Metadata) -> tuple[tuple[str, bytes | None, int], ...]:
    return (
        ("EXIF", kept.exif, _SEGMENT - 6),
        ("XMP", kept.xmp, _SEGMENT - 29),
        ("IPTC", kept.iptc, _SEGMENT - 28),
        ("comment", kept.comment, _SEGMENT),
    )


def to_pil(picture: Picture) -> Image.Image:
    """An 8-bit Pillow image: L, LA, RGB or RGBA, with EXIF, XMP, profile and dpi in ``info``.

    16 bits are rounded to the nearest of 256 levels: Pillow has no mode for more in colour.
    """
    image = Image.fromarray(_squeeze(to_depth(picture.pixels, np.uint8)))
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(to_depth(picture.alpha, np.uint8)))
    kept = picture.metadata
    exif = b"Exif\0\0" + kept.exif if kept.exif else None  # Pillow's way, which all its savers take
    named = {"exif": exif, "xmp": kept.xmp, "icc_profile": kept.icc, "dpi": kept.dpi}
    image.info.update({key: value for key, value in named.items() if value is not None})
    return image


def encode(
    picture: Picture,
    *,
    format: str | None = None,
    quality: int | None = None,
    strip: bool = False,
) -> bytes:
    """The bytes of a file.

    Parameters
    ----------
    format: "JPEG", "PNG", "WEBP", "TIFF", "BMP" or "AVIF"; None is :func:`default_format`.
    quality: 1..100 for JPEG, WebP and AVIF. None: a JPEG is written with the quantisation tables
        and subsampling that it came with, a lossless WebP lossless; else JPEG 95 in 4:4:4,
        WebP 95, AVIF 90.
    strip: write pixels and colour profile only.

    What the format cannot keep, :func:`losses` lists.

    Raises
    ------
    OutputError: the format cannot hold a picture of this size.
    UsageError: an unknown format or a quality outside 1..100.
    """
    target = normal_format(format) if format else default_format(picture)
    if quality is not None and not 1 <= quality <= 100:
        raise UsageError(f"quality {quality} is impossible", "give a number from 1 to 100")
    longest = max(picture.height, picture.width)
    if longest > _LONGEST.get(target, longest):
        raise OutputError(
            f"cannot write {show(picture.name)} as {target}: {picture.width} x {picture.height} "
            f"is over its {_LONGEST[target]} pixels a side",
            "write PNG or TIFF instead",
        )
    kept = picture.metadata
    if strip:
        kept = Metadata(icc=kept.icc)
    exif, xmp = metadata.fit_size(kept.exif, kept.xmp, picture.width, picture.height)
    picture = replace(picture, metadata=replace(kept, exif=exif, xmp=xmp))
    try:
        return _WRITERS[target](picture, quality)
    except (OSError, ValueError, struct.error, OverflowError, RuntimeError) as error:
        raise OutputError(
            f"cannot write {show(picture.name)} as {target}: {error}", "choose another format"
        ) from None


def save(
    picture: Picture,
    path: str | os.PathLike[str],
    *,
    format: str | None = None,
    quality: int | None = None,
    strip: bool = False,
    overwrite: bool = True,
    protect: Sequence[Path] = (),
) -> Path:
    """Write *picture* as the file *path*, whole or not at all.

    Parameters
    ----------
    format: None is what the suffix of *path* names.
    overwrite: False refuses a file that is there already.
    protect: files that must not be overwritten, the inputs, however *path* leads to them.

    Returns
    -------
    The path written.

    Raises
    ------
    OutputError, UsageError: see :func:`encode` and :func:`write_atomic`.
    """
    path = Path(path)
    target = normal_format(format) if format else format_of(path)
    check_target(path, protect, overwrite)
    write_atomic(path, encode(picture, format=target, quality=quality, strip=strip))
    return path


def _squeeze(pixels: NDArray[Any]) -> NDArray[Any]:
    """As Pillow wants them: (H, W, 3), or (H, W) of a grey picture, contiguous."""
    return np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)


def _image_8(picture: Picture, *, opaque: bool) -> Image.Image:
    """An 8-bit Pillow image with nothing attached; *opaque*: alpha laid over white."""
    pixels = to_depth(picture.pixels, np.uint8)
    if picture.alpha is None:
        return Image.fromarray(_squeeze(pixels))
    alpha = to_depth(picture.alpha, np.uint8)
    if opaque:
        return Image.fromarray(_squeeze(flatten(pixels, alpha)))
    image = Image.fromarray(_squeeze(pixels))
    image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    return image


def _bytes_of(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _jpeg(picture: Picture, quality: int | None) -> bytes:
    encoding, kept = picture.encoding, picture.metadata
    options: dict[str, Any] = {"optimize": True}
    if encoding.format == "JPEG":
        options["progressive"] = encoding.progressive
    if quality is None and encoding.jpeg_tables:
        options["qtables"] = [list(table) for table in encoding.jpeg_tables]
    else:
        options["quality"] = quality or 95
    if picture.channels == 3:
        options["subsampling"] = encoding.subsampling or "4:4:4"
    if kept.dpi and max(kept.dpi) < 65535:
        options["dpi"] = kept.dpi
    if kept.comment and len(kept.comment) <= _SEGMENT:
        options["comment"] = kept.comment
    data = _bytes_of(_image_8(picture, opaque=True), "JPEG", **options)
    # Behind the JFIF segment, which the encoder writes first.
    at = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    return data[:at] + _segments(kept) + data[at:]


def _segments(kept: Metadata) -> bytes:
    """EXIF, XMP, IPTC and the profile as JPEG application segments."""
    pieces: list[tuple[int, bytes]] = []
    fits = {
        label: bool(value) and len(value or b"") <= most for label, value, most in _limited(kept)
    }
    if kept.exif and fits["EXIF"]:
        pieces.append((0xE1, b"Exif\0\0" + kept.exif))
    if kept.xmp and fits["XMP"]:
        pieces.append((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + kept.xmp))
    if kept.iptc and fits["IPTC"]:
        pieces.append((0xED, b"Photoshop 3.0\0" + metadata.photoshop(kept.iptc)))
    if kept.icc:
        step = _SEGMENT - 14
        parts = [kept.icc[at : at + step] for at in range(0, len(kept.icc), step)]
        for index, part in enumerate(parts, 1):
            pieces.append((0xE2, b"ICC_PROFILE\0" + bytes([index, len(parts)]) + part))
    return b"".join(struct.pack(">BBH", 0xFF, mark, 2 + len(body)) + body for mark, body in pieces)


def _png(picture: Picture, quality: int | None) -> bytes:
    kept = picture.metadata
    if picture.depth == 16:
        chunks = png.encode_16(picture.pixels, picture.alpha)
    else:
        plain = _bytes_of(_image_8(picture, opaque=False), "PNG", compress_level=4)
        chunks = png.parse(plain).pixel_chunks
    colours = picture.encoding.chunks
    if kept.icc:  # a profile overrules them, and sRGB beside iCCP is not allowed
        colours = tuple(chunk for chunk in colours if chunk[0] != b"sRGB")
    side = png.side_chunks(kept.exif, kept.xmp, kept.icc, kept.dpi, (*colours, *kept.chunks))
    return png.join([chunks[0], *side, *chunks[1:]])


def _webp(picture: Picture, quality: int | None) -> bytes:
    kept, encoding = picture.metadata, picture.encoding
    options: dict[str, Any] = {"quality": quality or 95}
    if quality is None and encoding.format == "WEBP" and encoding.lossless:
        # Here quality is effort; exact keeps the colour under transparency.
        options = {"lossless": True, "quality": 75, "exact": True}
    return _bytes_of(
        _image_8(picture, opaque=False),
        "WEBP",
        exif=metadata.with_dpi(kept.exif, kept.dpi) or b"",
        xmp=kept.xmp or b"",
        icc_profile=kept.icc or b"",
        **options,
    )


def _avif(picture: Picture, quality: int | None) -> bytes:
    kept = picture.metadata
    quality = quality or 90
    options: dict[str, Any] = {"quality": quality}
    if picture.channels == 3:
        options["subsampling"] = "4:4:4" if quality >= 90 else "4:2:0"
    exif = metadata.with_dpi(kept.exif, kept.dpi)
    return _bytes_of(
        _image_8(picture, opaque=False),
        "AVIF",
        exif=metadata.without_orientation(exif) if exif else b"",
        xmp=kept.xmp or b"",
        icc_profile=kept.icc or b"",
        **options,
    )


def _tiff(picture: Picture, quality: int | None) -> bytes:
    kept = picture.metadata
    return tiff.write(
        picture.pixels,
        picture.alpha,
        exif=kept.exif,
        xmp=kept.xmp,
        iptc=kept.iptc,
        icc=kept.icc,
        dpi=kept.dpi,
        packed=picture.encoding.compression != "raw",
    )


def _bmp(picture: Picture, quality: int | None) -> bytes:
    if not picture.colour.is_srgb:
        picture = replace(picture, pixels=_in_srgb(picture), colour=SRGB)
    options = {"dpi": picture.metadata.dpi} if picture.metadata.dpi else {}
    return _bytes_of(_image_8(picture, opaque=True), "BMP", **options)


def _in_srgb(picture: Picture) -> NDArray[Any]:
    """Pixels clipped to sRGB, for formats that cannot say that they are anything else."""
    out = np.empty_like(picture.pixels)
    top = np.float32(np.iinfo(out.dtype).max)
    for rows in bands(picture.height, picture.width, 1 << 18):
        values = picture.colour.to_srgb(picture.pixels[rows].astype(np.float32) / top)
        out[rows] = np.rint(np.clip(values, 0, 1) * top).astype(out.dtype)
    return out


_WRITERS: dict[str, Callable[[Picture, int | None], bytes]] = {
    "JPEG": _jpeg,
    "PNG": _png,
    "WEBP": _webp,
    "AVIF": _avif,
    "TIFF": _tiff,
    "BMP": _bmp,
}
