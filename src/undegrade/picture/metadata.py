"""EXIF, XMP and IPTC: read what bears on the pixels, patch what the pixels change."""

from __future__ import annotations

import re
import struct

from undegrade.picture import ifd

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 0x0100, 0x0101, 0xA002, 0xA003
_COLOUR_SPACE = 0xA001

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([0-9])""")
_XMP_SIZES = (
    (re.compile(rb"""((?:exif:PixelXDimension|tiff:ImageWidth)\s*(?:=\s*["']|>)\s*)\d+"""), 0),
    (re.compile(rb"""((?:exif:PixelYDimension|tiff:ImageLength)\s*(?:=\s*["']|>)\s*)\d+"""), 1),
)


def clean_exif(raw: bytes | None) -> tuple[bytes | None, bool]:
    """*raw* without its ``Exif`` prefix, and whether it was broken and had to be dropped."""
    if not raw:
        return None, False
    block = raw[6:] if raw[:4] == b"Exif" else raw
    try:
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
    found = _XMP_ORIENTATION.search(xmp or b"")
    value = int(found[2]) if found else 1
    return value if 1 <= value <= 8 else 1


def upright(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Both with orientation 1; not a byte besides changes."""
    if exif:
        entry = ifd.find(exif, ifd.first(exif), ORIENTATION)
        exif = _patch(exif, entry, 1)
    if xmp:
        xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    return exif, xmp


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
    if xmp:
        for pattern, axis in _XMP_SIZES:
            xmp = pattern.sub(rb"\g<1>%d" % (width, height)[axis], xmp)
    return exif, xmp


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


def dpi_of(exif: bytes | None) -> tuple[float, float] | None:
    """Resolution in pixels per inch, or None."""
    if not exif:
        return None
    order, start = ifd.order_of(exif), ifd.first(exif)
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


def iptc_of(resources: bytes) -> bytes | None:
    """The IPTC block among Photoshop image resources (``8BIM`` ...), or None."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (number, name) = struct.unpack_from(">HB", resources, at + 4)
        at += 6 + (name + 2) // 2 * 2  # Pascal string padded to an even length
        size = int.from_bytes(resources[at : at + 4], "big")
        body = resources[at + 4 : at + 4 + size]
        if number == 0x0404:
            return body or None
        at += 4 + size + size % 2
    return None


def photoshop(iptc: bytes) -> bytes:
    """Photoshop image resources that hold nothing but an IPTC block."""
    head = b"8BIM" + struct.pack(">HHI", 0x0404, 0, len(iptc))
    return head + iptc + b"\0" * (len(iptc) % 2)


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
