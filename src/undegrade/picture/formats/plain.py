"""Formats whose pixels Pillow reads and writes by itself, and what else these files say.

AVIF and WebP with their metadata, JPEG 2000 with that of its boxes; BMP, GIF, PPM and QOI hold
hardly anything beside pixels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from undegrade.picture import metadata
from undegrade.picture.colour import SRGB, in_srgb
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened, boxes
from undegrade.picture.model import Picture

_BOXES = {
    b"JpgTiffExif->JP2": "exif",
    bytes.fromhex("be7acfcb97a942e89c71999491e3afac"): "xmp",
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"): "iptc",
}
"""How boxes of JPEG 2000 begin, and the field of the metadata that they hold."""


def read(kind: str, data: bytes, frame: int) -> Opened:
    """The header of a file that loses nothing and holds hardly anything beside pixels.

    Parameters
    ----------
    kind: "Gif", whose frames are counted, "Ppm" (PBM, PGM and PPM) or "Qoi".
    """
    return pillow.opened(pillow.plugin(kind, data), kind.upper(), frame=frame, lossless=True)


def read_jpeg2000(data: bytes, frame: int) -> Opened:
    """The header of a JPEG 2000 file or a bare codestream; Pillow passes over its boxes."""
    found = pillow.opened(pillow.plugin("Jpeg2K", data), "JPEG2000")
    kept = found.metadata
    for kind, start, end in () if data.startswith(b"\xff\x4f") else boxes(data):
        if kind == b"jp2c":
            continue
        body = data[start:end]
        if kind == b"uuid" and (field := _BOXES.get(body[:16])):
            named: dict[str, Any] = {field: body[16:]}
            kept = replace(kept, **named)
        elif kind == b"xml " and b"adobe:ns:meta" in body and not kept.xmp:
            kept = replace(kept, xmp=body)
        elif kind in (b"uuid", b"xml ", b"jp2i"):
            note = f"boxes of the file ({kind.decode().strip()}) not kept"
            found.notes += [note] if note not in found.notes else []
    found.metadata = kept
    return found


def read_avif(data: bytes, frame: int) -> Opened:
    """The header of an AVIF."""
    found = pillow.opened(pillow.plugin("Avif", data), "AVIF", frame=frame)
    at = data.find(b"av1C", 0, 1 << 16)  # the configuration of AV1 tells more than 8 bits
    if at > 0 and at + 6 < len(data) and data[at + 6] & 0x40:
        found.notes.append("more than 8 bits a sample read as 8")
    return found


def write_avif(picture: Picture, quality: int | None) -> bytes:
    """The bytes of an AVIF, 8 bits a sample; *quality* None is 90."""
    quality = quality or 90
    options: dict[str, Any] = {"quality": quality}
    if picture.channels == 3:
        options["subsampling"] = "4:4:4" if quality >= 90 else "4:2:0"
    exif = metadata.with_dpi(picture.metadata.exif, picture.metadata.dpi)
    return _written(picture, "AVIF", metadata.without_orientation(exif) if exif else b"", options)


def read_webp(data: bytes, frame: int) -> Opened:
    """The header of a WebP."""
    image = pillow.plugin("WebP", data)
    return pillow.opened(image, "WEBP", frame=frame, lossless=_is_lossless(data))


def _is_lossless(data: bytes) -> bool:
    """Whether the picture chunk of a WebP, of an animation the first frame's, is VP8L."""
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        if kind == b"ANMF":
            kind = data[at + 24 : at + 28]  # behind the frame's own header
        if kind in (b"VP8L", b"VP8 "):
            return kind == b"VP8L"
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + size + size % 2
    return False


def write_webp(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a WebP; *quality* None: lossless if it came so, else 95."""
    options: dict[str, Any] = {"quality": quality or 95}
    if quality is None and picture.encoding.format == "WEBP" and picture.encoding.lossless:
        # Here quality is effort; exact keeps the colour under transparency.
        options = {"lossless": True, "quality": 75, "exact": True}
    exif = metadata.with_dpi(picture.metadata.exif, picture.metadata.dpi)
    return _written(picture, "WEBP", exif or b"", options)


def _written(picture: Picture, kind: str, exif: bytes, options: dict[str, Any]) -> bytes:
    kept, image = picture.metadata, pillow.image_8(picture, opaque=False)
    named = {"exif": exif, "xmp": kept.xmp or b"", "icc_profile": kept.icc or b""}
    return pillow.bytes_of(image, kind, **named, **options)


def read_bmp(data: bytes, frame: int) -> Opened:
    """The header of a BMP."""
    found = read("Bmp", data, 0)
    decode = found.pixels

    def pixels(turn: int) -> NDArray[Any]:
        array = decode(turn)
        # Many programs leave the fourth byte at 0 and mean an opaque picture.
        return array[:, :, :3] if array.shape[2] == 4 and not array[:, :, 3].any() else array

    found.pixels = pixels
    return found


def write_bmp(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a BMP, in sRGB, since it cannot say that it is anything else; it keeps dpi."""
    pixels = in_srgb(picture.pixels, picture.colour)
    picture = replace(picture, pixels=pixels, colour=SRGB)
    options: dict[str, Any] = {"dpi": picture.metadata.dpi} if picture.metadata.dpi else {}
    return pillow.bytes_of(pillow.image_8(picture, opaque=True), "BMP", **options)
