"""Photoshop's image resources: the IPTC block among them, and the rest."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_IPTC = 0x0404
_STALE = {0x0409, 0x040C, 0x040F, 0x0422, 0x0423, 0x0424}
"""Thumbnails, and profile, EXIF and XMP, which are kept on their own."""


def split(resources: bytes) -> tuple[bytes | None, bytes | None]:
    """The IPTC block, and all other resources that stay true (copyright flag, address ...)."""
    iptc, rest = None, b""
    for number, body, whole in _walk(resources):
        if number == _IPTC:
            iptc = iptc or body or None
        elif number not in _STALE:
            rest += whole
    return iptc, rest or None


def _walk(resources: bytes) -> Iterator[tuple[int, bytes, bytes]]:
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


def joined(iptc: bytes | None, rest: bytes | None) -> bytes:
    """Both as resources again; empty if there is neither."""
    head = b"8BIM" + struct.pack(">HHI", _IPTC, 0, len(iptc)) if iptc else b""
    return head + (iptc or b"") + b"\0" * (len(iptc or b"") % 2) + (rest or b"")
