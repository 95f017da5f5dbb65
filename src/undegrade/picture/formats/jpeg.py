"""JPEG: tables and subsampling as they came, every segment that still holds, and what follows.

Behind the picture a file may carry others (by MPF, CIPA DC-007: a gain map, previews) and the
video of a Motion Photo. Gain map and video stay; the rest is told.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from undegrade.picture import metadata
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened, Unfit
from undegrade.picture.model import Encoding, Metadata, Picture

_ROOM = 65533
"""Bytes that a segment may hold."""
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"
SPARED = 3.0
"""Bytes a pixel that an encoder needs less where colour is stored at half the size."""
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP, _MPF, _CREDENTIALS = b"Photoshop 3.0\0", b"MPF\0", b"JP"
GAIN_MAP_VERSION = b"urn:iso:std:iso:ts:21496:-1\0"
_GAIN_MAP_SIGNS = (b"http://ns.adobe.com/hdr-gain-map/1.0/", GAIN_MAP_VERSION)

_MARK = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)
"""A marker in coded pixels, where FF is followed by 00 or a restart number."""
_PLAIN_FRAMES, _FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA), {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}

LIMITED = {"exif": "EXIF", "xmp": "XMP", "comment": "comment"}
"""What has to fit into one segment: field and label."""


def read(data: bytes, frame: int) -> Opened:
    """The header of a JPEG, and what follows the picture."""
    gain_map, trailer, lost = _behind(data[_end(data) :])
    found = opened(pillow.plugin("Jpeg", data), lost)
    found.metadata = replace(found.metadata, gain_map=gain_map, trailer=trailer)
    return found


def opened(image: Any, lost: bool) -> Opened:
    """A Pillow image of a JPEG, and whether something *lost* follows it, which it cannot see."""
    found = pillow.opened(image, "JPEG")
    found.frames = 1
    found.encoding = _encoding(image)
    if lost:
        found.notes.append(
            "further pictures or data behind the photo (MPF, such as a preview) not kept"
        )
    comment = image.info.get("comment")
    kept: list[tuple[int, bytes]] = []
    resources = b""
    for name, payload in getattr(image, "applist", []):
        if name == "APP13" and payload.startswith(_PHOTOSHOP):
            resources += payload[len(_PHOTOSHOP) :]
        elif name == "APP11" and payload.startswith(_CREDENTIALS):
            note = "content credentials (C2PA) not kept, they hold for the original alone"
            if note not in found.notes:
                found.notes.append(note)
        elif name[:3] == "APP" and not _handled(name, payload):
            kept.append((0xE0 + int(name[3:]), payload))
    iptc, rest = metadata.split_resources(resources)
    found.metadata = replace(
        found.metadata,
        comment=comment if isinstance(comment, bytes) else None,
        iptc=iptc,
        photoshop=rest,
        segments=tuple(kept),
    )
    return found


def _handled(name: str, payload: bytes) -> bool:
    """Whether a segment is written anew, or says how the coded pixels lie (JFIF, Adobe)."""
    return (
        name in ("APP0", "APP14")
        or (name == "APP1" and payload.startswith((_EXIF, _XMP)))
        or (name == "APP2" and payload.startswith((_ICC, _MPF)))
    )


def _end(data: bytes) -> int:
    """Where the first picture ends; the length of *data* where no end is found.

    Raises :class:`Unfit` for 12 bits a sample, or a kind of coding that only few programs know.
    """
    at = 2
    while at + 4 <= len(data):
        found = _MARK.search(data, at)
        if found is None:
            break
        mark, at = found[1][0], found.end()
        if mark == 0xD9:
            return at
        if mark in (0x01, 0xD8):
            continue
        if mark in _FRAMES and at + 3 <= len(data):
            if mark not in _PLAIN_FRAMES:
                raise Unfit("it is a lossless or hierarchical JPEG, which is not supported")
            if data[at + 2] in (12, 16):
                raise Unfit(f"it has {data[at + 2]} bits a sample, a JPEG of 8 can be read")
        at += int.from_bytes(data[at : at + 2], "big")
    return len(data)


def _behind(tail: bytes) -> tuple[bytes | None, bytes | None, bool]:
    """The gain map, the trailer worth keeping, and whether anything else is there."""
    gain_map, lost, at = None, False, 0
    while True:
        start = tail.find(b"\xff\xd8\xff", at, at + (1 << 16))
        if start < 0 or b"ftyp" in tail[at:start]:
            break
        end = start + _end(tail[start:])
        one = tail[start:end]
        if gain_map is None and any(sign in one[: 1 << 16] for sign in _GAIN_MAP_SIGNS):
            gain_map = one
        else:
            lost = True
        at = end
    rest = tail[at:]
    if b"ftyp" in rest[: 1 << 16] or rest.endswith(b"SEFT"):
        return gain_map, rest, lost
    return gain_map, None, lost or bool(rest.strip(b"\0"))


def _encoding(image: Any) -> Encoding:
    tables: dict[int, list[int]] = getattr(image, "quantization", {})
    layers: list[tuple[int, int, int, int]] = getattr(image, "layer", [])
    if not tables:
        return Encoding("JPEG")
    used = [tuple(tables[layer[3]]) for layer in layers if layer[3] in tables]
    used = used or [tuple(table) for table in tables.values()]
    while len(used) > 1 and used[-1] == used[-2]:
        used.pop()  # encoders take the last for all further components
    subsampling: Literal["4:4:4", "4:2:2", "4:2:0"] | None = None
    if len(layers) == 3:
        factors = (layers[0][1], layers[0][2])
        # 4:1:1 and the like cannot be written; nothing coarser than 4:2:0 can.
        known: dict[tuple[int, int], Literal["4:2:2", "4:2:0"]]
        known = {(2, 1): "4:2:2", (2, 2): "4:2:0", (4, 1): "4:2:0", (4, 2): "4:2:0"}
        subsampling = known.get(factors, "4:4:4")
    return Encoding(
        "JPEG",
        jpeg_tables=tuple(used),
        jpeg_quality=_quality(used[0]),
        subsampling=subsampling,
        progressive=bool(image.info.get("progressive")),
    )


def _quality(table: tuple[int, ...]) -> float:
    """The quality 1..100 whose luma table is nearest to *table* in the logarithm."""
    from undegrade.imaging.jpeg_tables import LUMA_STEPS, scaled_table

    logs = np.log(np.maximum(table, 1))
    misfits = [
        float(np.abs(np.log(scaled_table(LUMA_STEPS, quality).ravel()) - logs).sum())
        for quality in range(1, 101)
    ]
    return float(np.argmin(misfits) + 1)


def write(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a JPEG; *quality* None: with the tables that the photo came with, or 95."""
    encoding, kept = picture.encoding, picture.metadata
    options: dict[str, Any] = {"optimize": True}
    if encoding.format == "JPEG":
        options["progressive"] = encoding.progressive
    if quality is None and encoding.jpeg_tables:
        # Above 255 a JPEG is no baseline one any more, and libjpeg says so on stderr.
        options["qtables"] = [[min(step, 255) for step in one] for one in encoding.jpeg_tables]
    else:
        options["quality"] = quality or 95
    if picture.channels == 3:
        options["subsampling"] = encoding.subsampling or "4:4:4"
    if kept.dpi and max(kept.dpi) < 65535:
        options["dpi"] = kept.dpi
    if kept.comment and fits(kept, "comment"):
        options["comment"] = kept.comment
    data = pillow.bytes_of(pillow.image_8(picture, opaque=True), "JPEG", **options)
    # Behind the JFIF segment, which the encoder writes first.
    at = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    out = [data[:at], _segments(kept)]
    if kept.gain_map:
        size = sum(map(len, out)) + len(_mpf(0, 0, 0)) + len(data) - at
        out.append(_mpf(sum(map(len, out)), size, len(kept.gain_map)))
    return b"".join([*out, data[at:], kept.gain_map or b"", kept.trailer or b""])


def room(name: str) -> int:
    """Bytes that a segment has for the field *name* of :data:`LIMITED`."""
    return _ROOM - len({"exif": _EXIF, "xmp": _XMP}.get(name, b""))


def fits(kept: Metadata, name: str) -> bool:
    """Whether the field *name* is short enough for a segment."""
    return len(getattr(kept, name) or b"") <= room(name)


def _segments(kept: Metadata) -> bytes:
    """EXIF, XMP, Photoshop's resources, the profile and others as application segments."""
    pieces: list[tuple[int, bytes]] = []
    if kept.exif and fits(kept, "exif"):
        pieces.append((0xE1, _EXIF + kept.exif))
    if kept.xmp and fits(kept, "xmp"):
        pieces.append((0xE1, _XMP + kept.xmp))
    resources = metadata.joined_resources(kept.iptc, kept.photoshop)
    step = _ROOM - len(_PHOTOSHOP)
    for at in range(0, len(resources), step):
        pieces.append((0xED, _PHOTOSHOP + resources[at : at + step]))
    if kept.icc:
        step = _ROOM - len(_ICC) - 2
        parts = [kept.icc[at : at + step] for at in range(0, len(kept.icc), step)]
        for index, part in enumerate(parts, 1):
            pieces.append((0xE2, _ICC + bytes([index, len(parts)]) + part))
    pieces += kept.segments
    return b"".join(struct.pack(">BBH", 0xFF, mark, 2 + len(body)) + body for mark, body in pieces)


def _mpf(at: int, size: int, size_of_second: int) -> bytes:
    """The segment that says where a second picture lies, to stand at *at* of the first.

    size: of the first picture, this segment included; the second follows it at once.
    """
    entries = struct.pack(">IIIHH", 0x030000, size, 0, 0, 0)
    # Offsets count from the byte order mark, 8 bytes into the segment.
    entries += struct.pack(">IIIHH", 0, size_of_second, max(0, size - at - 8), 0, 0)
    fields = struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    fields += struct.pack(">HHII", 0xB001, 4, 1, 2)
    fields += struct.pack(">HHII", 0xB002, 7, len(entries), 8 + 2 + 3 * 12 + 4)
    body = _MPF + b"MM\0*" + struct.pack(">IH", 8, 3) + fields + bytes(4) + entries
    return struct.pack(">BBH", 0xFF, 0xE2, 2 + len(body)) + body
