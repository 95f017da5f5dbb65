"""JPEG 2000, read only; EXIF, XMP and IPTC from its boxes, which Pillow passes over."""

from __future__ import annotations

from dataclasses import replace

from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened, boxes

_EXIF = b"JpgTiffExif->JP2"
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


def read(data: bytes, frame: int) -> Opened:
    """The header of a JPEG 2000 file or a bare codestream."""
    found = pillow.opened(pillow.plugin("Jpeg2K", data), "JPEG2000")
    kept = found.metadata
    for kind, start, end in () if data.startswith(b"\xff\x4f") else boxes(data):
        if kind == b"jp2c":
            continue
        body = data[start:end]
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
