"""EXIF, XMP and Photoshop's resources: what bears on the pixels is read, what they change patched.

All is done at the level of bytes. An XMP packet may be written as attributes or as elements, and
in any order; patterns that know both do what a parser would, and leave every other byte as it was.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from undegrade.picture import ifd

ORIENTATION, X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 0x0112, 0x011A, 0x011B, 0x0128
_WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 0x0100, 0x0101, 0xA002, 0xA003
_COLOUR_SPACE = 0xA001

_PROCESSING_SOFTWARE, _SOFTWARE = 0x000B, 0x0131
_THUMBNAIL, _THUMBNAIL_SIZE = 0x0201, 0x0202

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation\s*(?:=\s*["']|>)\s*)([0-9])""")
_XMP_SIZES = (
    (re.compile(rb"""((?:exif:PixelXDimension|tiff:ImageWidth)\s*(?:=\s*["']|>)\s*)\d+"""), 0),
    (re.compile(rb"""((?:exif:PixelYDimension|tiff:ImageLength)\s*(?:=\s*["']|>)\s*)\d+"""), 1),
)
_PANORAMA = re.compile(rb"""(GPano:[A-Za-z]+Pixels\s*(?:=\s*["']|>)\s*)(\d+)""")
_PANORAMA_WIDTH = re.compile(rb"""GPano:CroppedAreaImageWidthPixels\s*(?:=\s*["']|>)\s*(\d+)""")
_XMP_EXTENDED = b"xmpNote:HasExtendedXMP"
_XMP_MOTION = re.compile(rb"""(GCamera:(?:MotionPhoto|MicroVideo)\s*(?:=\s*["']|>)\s*)1""")
_XMP_LENGTH = re.compile(rb"""(Item:Length\s*(?:=\s*["']|>)\s*)\d+""")
_SOURCE_TYPE = b"http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicallyEnhanced"
_XMP_MARKED = re.compile(rb"""(Iptc4xmpExt:DigitalSourceType\s*(?:=\s*["']|>)\s*)[^"'<]*""")

_RESOURCE_IPTC = 0x0404
_RESOURCE_STALE = {0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424}
"""Thumbnails, and profile, EXIF and XMP, which are kept on their own."""


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
    found = _XMP_ORIENTATION.search(xmp or b"")
    return int(found[2]) if found and 1 <= int(found[2]) <= 8 else 1


def upright(exif: bytes | None, xmp: bytes | None) -> tuple[bytes | None, bytes | None]:
    """Both with orientation 1; not a byte besides changes."""
    if exif:
        entry = ifd.find(exif, ifd.first(exif), ORIENTATION)
        exif = _patch(exif, entry, 1)
    return exif, _XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if xmp else xmp


def fit_size(
    exif: bytes | None, xmp: bytes | None, width: int, height: int
) -> tuple[bytes | None, bytes | None]:
    """Both with the sizes that they state, if they state any, set to those of the output.

    Those of a panorama, too.
    """
    if exif:
        start = ifd.first(exif)
        for tag, value in ((_WIDTH, width), (_HEIGHT, height)):
            exif = _patch(exif, ifd.find(exif, start, tag), value)
        for tag, value in ((_EXIF_WIDTH, width), (_EXIF_HEIGHT, height)):
            exif = _patch(exif, _exif_entry(exif, tag), value)
    if xmp:
        for pattern, axis in _XMP_SIZES:
            xmp = pattern.sub(rb"\g<1>%d" % (width, height)[axis], xmp)
        before = _PANORAMA_WIDTH.search(xmp)
        if before and int(before[1]) not in (0, width):
            ratio = width / int(before[1])
            xmp = _PANORAMA.sub(lambda m: m[1] + b"%d" % round(int(m[2]) * ratio), xmp)
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


def dpi_of(exif: bytes | None, start: int | None = None) -> tuple[float, float] | None:
    """Resolution in pixels per inch by the first directory or the one at *start*, or None."""
    if not exif:
        return None
    order, start = ifd.order_of(exif), ifd.first(exif) if start is None else start
    factor = {2: 1.0, 3: 2.54}.get(ifd.value_of(exif, start, RESOLUTION_UNIT, 2))
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
    fields = [
        ifd.rational(X_RESOLUTION, dpi[0], order),
        ifd.rational(Y_RESOLUTION, dpi[1], order),
        ifd.integer(RESOLUTION_UNIT, 2, order, ifd.SHORT),
    ]
    return ifd.build(order, fields, {}) if exif is None else ifd.amended(exif, fields)


def without_orientation(exif: bytes) -> bytes:
    """*exif* without the orientation field (AVIF states it elsewhere), nothing else moved."""
    stated = ifd.find(exif, ifd.first(exif), ORIENTATION)
    return ifd.amended(exif, (), without=ORIENTATION) if stated else exif


def thumbnail_room(exif: bytes) -> int | None:
    """Bytes of the JPEG thumbnail; 0 where there is one of another kind, None where there is none.

    Raises ``ValueError`` where the block is broken.
    """
    starts = ifd.directories(exif)
    if len(starts) < 2:
        return None
    at, size = (ifd.value_of(exif, starts[1], tag) for tag in (_THUMBNAIL, _THUMBNAIL_SIZE))
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
    at = ifd.value_of(exif, starts[1], _THUMBNAIL)
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
    return ifd.amended(exif, [ifd.Entry(tag, ifd.ASCII, len(text), text)])


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


def without_xmp_field(packet: bytes, name: bytes) -> bytes:
    """*packet* without every attribute or simple element whose name matches *name*."""
    packet = re.sub(rb"""\s+%s\s*=\s*(?:"[^"]*"|'[^']*')""" % name, b"", packet)
    return re.sub(rb"<(%s)\b[^>]*(?:/>|>.*?</\1>)\s*" % name, b"", packet, flags=re.DOTALL)


def mended_xmp(packet: bytes, *, extended: bool, video: bool, gain_map: int) -> bytes:
    """*packet* that points only to what the file has.

    Parameters
    ----------
    extended, video: whether extended XMP, and the video of a Motion Photo, are there.
    gain_map: its bytes; 0 is none.
    """
    if not extended and _XMP_EXTENDED in packet:
        packet = without_xmp_field(packet, _XMP_EXTENDED)
    if not video:
        packet = _item(b"MotionPhoto").sub(b"", _XMP_MOTION.sub(rb"\g<1>0", packet))
    if not gain_map:
        packet = _item(b"GainMap").sub(b"", without_xmp_field(packet, rb"hdrgm:\w+"))
    else:
        packet = _item(b"GainMap").sub(
            lambda found: _XMP_LENGTH.sub(rb"\g<1>%d" % gain_map, found[0]), packet
        )
    return packet


def _item(semantic: bytes) -> re.Pattern[bytes]:
    """A file in the list of those behind the photo, as Google's container format has it."""
    inner = rb"(?:(?!</?rdf:li\b).)*?"
    return re.compile(
        rb"""<rdf:li\b%sItem:Semantic\s*(?:=\s*["']|>)\s*%s\b%s</rdf:li>\s*"""
        % (inner, semantic, inner),
        re.DOTALL,
    )


def marked_xmp(packet: bytes | None) -> bytes:
    """*packet*, or a new one, that calls the photo algorithmically enhanced, as IPTC has it."""
    if packet and _XMP_MARKED.search(packet):
        return _XMP_MARKED.sub(rb"\g<1>" + _SOURCE_TYPE, packet)
    field = (
        b'<rdf:Description rdf:about="" '
        b'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        b'Iptc4xmpExt:DigitalSourceType="%s"/>' % _SOURCE_TYPE
    )
    if packet and b"</rdf:RDF>" in packet:
        before, after = packet.rsplit(b"</rdf:RDF>", 1)
        return before + field + b"</rdf:RDF>" + after
    if packet:
        return packet  # no place that these patterns could be sure of
    return (
        b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        + field
        + b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def split_resources(resources: bytes) -> tuple[bytes | None, bytes | None]:
    """The IPTC block, and all other resources that stay true (copyright flag, address ...)."""
    iptc, rest = None, b""
    for number, body, whole in _resources(resources):
        if number == _RESOURCE_IPTC:
            iptc = iptc or body or None
        elif number not in _RESOURCE_STALE:
            rest += whole
    return iptc, rest or None


def _resources(resources: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        start = at
        number, name = struct.unpack_from(">HB", resources, at + 4)
        at += 6 + (name + 2) // 2 * 2  # Pascal string padded to an even length
        size = int.from_bytes(resources[at : at + 4], "big")
        end = at + 4 + size + size % 2
        body = resources[at + 4 : at + 4 + size]
        if len(body) < size:
            return
        yield number, body, resources[start:end].ljust(end - start, b"\0")
        at = end


def joined_resources(iptc: bytes | None, rest: bytes | None) -> bytes:
    """Both as Photoshop's resources again; empty if there is neither."""
    head = b"8BIM" + struct.pack(">HHI", _RESOURCE_IPTC, 0, len(iptc)) if iptc else b""
    return head + (iptc or b"") + b"\0" * (len(iptc or b"") % 2) + (rest or b"")
