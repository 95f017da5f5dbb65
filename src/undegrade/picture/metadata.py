"""EXIF, and XMP with it: read what bears on the pixels, patch what the pixels change."""

from __future__ import annotations

import struct

from undegrade.picture import ifd
from undegrade.picture import xmp as packets

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 0x0100, 0x0101, 0xA002, 0xA003
_COLOUR_SPACE = 0xA001

_PROCESSING_SOFTWARE, _SOFTWARE = 0x000B, 0x0131
_THUMBNAIL, _THUMBNAIL_SIZE = 0x0201, 0x0202


def clean_exif(raw: bytes | None) -> tuple[bytes | None, bool]:
    """*raw* without its ``Exif`` prefix, and whether it was broken and had to be dropped."""
    if not raw:
        return None, False
    block = raw[6:] if raw[:4] == b"Exif" else raw
    try:
        if ifd.is_big(block):
            return None, True
        return (block, False) if ifd.directory(block, ifd.first(block)) else (None, False)
    except (ValueError, struct.error):
        return None, True


def orientation(exif: bytes | None, xmp: bytes | None) -> int:
    """How the stored pixels are turned, 1..8; EXIF speaks first, XMP where EXIF is silent."""
    if exif:
        entry = ifd.find(exif, ifd.first(exif), ORIENTATION)
        if entry is not None:
            value = next(iter(entry.numbers(ifd.order_of(exif))), 1)
            return value if 1 <= value <= 8 else 1
    value = packets.orientation(xmp)
    return value if 1 <= value <= 8 else 1


def upright(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Both with orientation 1; not a byte besides changes."""
    if exif:
        entry = ifd.find(exif, ifd.first(exif), ORIENTATION)
        exif = _patch(exif, entry, 1)
    return exif, packets.upright(xmp) if xmp else xmp


def fit_size(
    exif: bytes | None, xmp: bytes | None, width: int, height: int
) -> tuple[bytes | None, bytes | None]:
    """Both with the sizes that they state, if they state any, set to those of the output."""
    if exif:
        start = ifd.first(exif)
        for tag, value in ((_WIDTH, width), (_HEIGHT, height)):
            exif = _patch(exif, ifd.find(exif, start, tag), value)
        for tag, value in ((_EXIF_WIDTH, width), (_EXIF_HEIGHT, height)):
            exif = _patch(exif, _exif_entry(exif, tag), value)
    return exif, packets.fit_size(xmp, width, height) if xmp else xmp


def says_adobe_rgb(exif: bytes | None) -> bool:
    """Whether EXIF marks the pixels as Adobe RGB (uncalibrated, interoperability R03)."""
    entry = _exif_entry(exif, _COLOUR_SPACE)
    if not exif or entry is None or entry.numbers(ifd.order_of(exif)) != (0xFFFF,):
        return False
    try:
        parent = ifd.child(exif, ifd.first(exif), ifd.EXIF_IFD)
        start = ifd.child(exif, parent, ifd.INTEROP_IFD) if parent else None
        index = ifd.find(exif, start, 1) if start else None
    except ValueError:
        return False
    return index is not None and index.value.startswith(b"R03")


def mark_srgb(exif: bytes | None) -> bytes | None:
    """*exif* that calls the pixels sRGB, if it called them anything."""
    return _patch(exif, _exif_entry(exif, _COLOUR_SPACE), 1) if exif else exif


def dpi_of(exif: bytes | None, start: int | None = None) -> tuple[float, float] | None:
    """Resolution in pixels per inch by the first directory or the one at *start*, or None."""
    if not exif:
        return None
    order, start = ifd.order_of(exif), ifd.first(exif) if start is None else start
    unit = ifd.find(exif, start, RESOLUTION_UNIT)
    factor = {2: 1.0, 3: 2.54}.get(next(iter(unit.numbers(order)), 2) if unit else 2)
    found = [ifd.find(exif, start, tag) for tag in (X_RESOLUTION, Y_RESOLUTION)]
    values = [entry.ratio(order) if entry else None for entry in found]
    if factor is None or not values[0] or not values[1]:
        return None
    return values[0] * factor, values[1] * factor


def with_dpi(exif: bytes | None, dpi: tuple[float, float] | None) -> bytes | None:
    """*exif* that states *dpi*, for formats that can say it nowhere else; as it is if it does."""
    if dpi is None or dpi_of(exif) is not None:
        return exif
    order = ifd.order_of(exif) if exif else "<"
    fields = resolution(dpi, order)
    if exif is None:
        return ifd.build(order, fields, {})
    new = {entry.tag for entry in fields}
    kept = [e for e in ifd.directory(exif, ifd.first(exif)) if e.tag not in new]
    return ifd.append(exif, [*kept, *fields])


def resolution(dpi: tuple[float, float], order: str) -> list[ifd.Entry]:
    """The three fields that state *dpi*."""
    return [
        ifd.rational(X_RESOLUTION, dpi[0], order),
        ifd.rational(Y_RESOLUTION, dpi[1], order),
        ifd.integer(RESOLUTION_UNIT, 2, order, ifd.SHORT),
    ]


def without_orientation(exif: bytes) -> bytes:
    """*exif* without the orientation field (AVIF states it elsewhere), nothing else moved."""
    entries = ifd.directory(exif, ifd.first(exif))
    kept = [entry for entry in entries if entry.tag != ORIENTATION]
    return ifd.append(exif, kept) if len(kept) != len(entries) else exif


def thumbnail_room(exif: bytes) -> int | None:
    """Bytes of the JPEG thumbnail; 0 where there is one of another kind, None where there is none.

    Raises
    ------
    ValueError: the block is broken.
    """
    starts = ifd.directories(exif)
    if len(starts) < 2:
        return None
    order = ifd.order_of(exif)
    at, size = (_number(exif, starts[1], tag, order) for tag in (_THUMBNAIL, _THUMBNAIL_SIZE))
    whole = at and size and exif[at : at + 2] == b"\xff\xd8" and at + size <= len(exif)
    return size if whole else 0


def with_thumbnail(exif: bytes, jpeg: bytes | None, width: int, height: int) -> bytes:
    """*exif* with the thumbnail *jpeg* in place of its own, or None: with no thumbnail at all.

    It goes where the old one was if it is no longer, so that nothing moves, else to the end.
    """
    starts, order = ifd.directories(exif), ifd.order_of(exif)
    if len(starts) < 2:
        return exif
    room = thumbnail_room(exif)
    if not jpeg or not room:
        link = starts[0] + 2 + 12 * struct.unpack_from(order + "H", exif, starts[0])[0]
        return exif[:link] + bytes(4) + exif[link + 4 :]
    at = _number(exif, starts[1], _THUMBNAIL, order)
    if len(jpeg) <= room:
        exif = exif[:at] + jpeg.ljust(room, b"\0") + exif[at + room :]
    else:
        exif = exif[:at] + bytes(room) + exif[at + room :]
        exif += b"\0" * (len(exif) % 2)
        at, exif = len(exif), exif + jpeg
    values = {_THUMBNAIL: at, _THUMBNAIL_SIZE: len(jpeg), ORIENTATION: 1}
    for tag, value in (values | {_WIDTH: width, _HEIGHT: height}).items():
        exif = _patch(exif, ifd.find(exif, starts[1], tag), value)
    return exif


def _number(block: bytes, start: int, tag: int, order: str) -> int:
    entry = ifd.find(block, start, tag)
    return next(iter(entry.numbers(order)), 0) if entry else 0


def with_software(exif: bytes | None, name: str) -> bytes:
    """*exif* that names the software *name*: as such, or as that of the processing besides."""
    text = name.encode("ascii") + b"\0"
    if exif is None:
        return ifd.build("<", [ifd.Entry(_SOFTWARE, ifd.ASCII, len(text), text)], {})
    entries = ifd.directory(exif, ifd.first(exif))
    named = next((one for one in entries if one.tag == _SOFTWARE and one.value.strip(b"\0 ")), None)
    if any(one.tag in (_SOFTWARE, _PROCESSING_SOFTWARE) and one.value == text for one in entries):
        return exif
    tag = _PROCESSING_SOFTWARE if named else _SOFTWARE
    kept = [one for one in entries if one.tag != tag]
    return ifd.append(exif, [*kept, ifd.Entry(tag, ifd.ASCII, len(text), text)])


def _exif_entry(exif: bytes | None, tag: int) -> ifd.Entry | None:
    """A field of the Exif directory; None where that is missing or broken."""
    if not exif:
        return None
    try:
        start = ifd.child(exif, ifd.first(exif), ifd.EXIF_IFD)
        return ifd.find(exif, start, tag) if start else None
    except ValueError:
        return None


def _patch(block: bytes, entry: ifd.Entry | None, value: int) -> bytes:
    """*block* with the integer field *entry* set to *value*, in place."""
    if entry is None or entry.count != 1 or entry.kind not in (ifd.BYTE, ifd.SHORT, ifd.LONG):
        return block
    order = ifd.order_of(block)
    head = entry.at - 8  # values this short lie inside the entry
    if entry.kind == ifd.BYTE and value < 256:
        raw = struct.pack("B3x", value)
    elif entry.kind == ifd.SHORT and value < 65536:
        raw = struct.pack(order + "H2x", value)
    else:
        block = block[: head + 2] + struct.pack(order + "H", ifd.LONG) + block[head + 4 :]
        raw = struct.pack(order + "I", value)
    return block[: entry.at] + raw + block[entry.at + 4 :]
