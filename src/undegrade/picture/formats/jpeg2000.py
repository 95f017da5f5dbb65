"""JPEG 2000, read only; EXIF, XMP and IPTC from its boxes, which Pillow passes over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened

_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


def read(data: bytes, frame: int) -> Opened:
    """The header of a JPEG 2000 file or a bare codestream."""
    found = pillow.opened(pillow.plugin("Jpeg2K", data), "JPEG2000")
    kept = found.metadata
    for kind, body in _boxes(data):
        if kind == b"uuid" and body[:16] == _EXIF:
            kept = replace(kept, exif=body[16:])
        elif kind == b"uuid" and body[:16] == _XMP:
            kept = replace(kept, xmp=body[16:])
        elif kind == b"uuid" and body[:16] == _IPTC:
            kept = replace(kept, iptc=body[16:])
        elif kind == b"xml " and b"adobe:ns:meta" in body and not kept.xmp:
            kept = replace(kept, xmp=body)
        elif kind in (b"uuid", b"xml ", b"jp2i"):
            note = f"boxes of the file ({kind.decode().strip()}) not kept"
            found.notes += [note] if note not in found.notes else []
    found.metadata = kept
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and payload of the outermost boxes; none of a bare codestream."""
    at = 0
    while at + 8 <= len(data) and not data.startswith(b"\xff\x4f"):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < head:
            return
        if kind != b"jp2c":
            yield kind, data[at + head : at + size]
        at += size
