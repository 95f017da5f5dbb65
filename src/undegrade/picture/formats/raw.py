"""Raw photos of cameras: recognised, so that none is taken for the preview it holds."""

from __future__ import annotations

import struct

from undegrade.picture import ifd
from undegrade.picture.formats.opened import Opened, Unfit

_DNG_VERSION, _SUB_IFDS, _PHOTOMETRIC = 50706, 330, 262
_MOSAICS = (32803, 34892)
"""Photometric interpretations of sensors: a colour filter array, linear raw."""
_STARTS = {
    b"FUJIFILMCCD-RAW": "RAF",
    b"IIRO": "ORF",
    b"IIRS": "ORF",
    b"MMOR": "ORF",
    b"IIU\0": "RW2",
    b"FOVb": "X3F",
}


def kind_of(data: bytes) -> str | None:
    """The kind of raw file, "DNG", "CR2" ..., or None for anything else."""
    found = next((kind for start, kind in _STARTS.items() if data.startswith(start)), None)
    if found or data[4:12] == b"ftypcrx ":
        return found or "CR3"
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return None
    if data[8:10] == b"CR":
        return "CR2"
    try:
        order, start = ifd.order_of(data), ifd.first(data)
        below = ifd.find(data, start, _SUB_IFDS)
        for at in (start, *(below.numbers(order) if below else ())):
            if ifd.find(data, at, _DNG_VERSION):
                return "DNG"
            entry = ifd.find(data, at, _PHOTOMETRIC)
            if entry and entry.numbers(order)[:1] in [(one,) for one in _MOSAICS]:
                return "raw"
    except (ValueError, struct.error):
        return None
    return None


def read(data: bytes, frame: int) -> Opened:
    """Refuse it.

    Raises
    ------
    Unfit: always, until the extra ``raw`` can develop it.
    """
    raise Unfit(
        f"it is a raw photo of a camera ({kind_of(data)}), which needs the extra 'raw'",
        "develop it to a 16-bit TIFF first; this version has no such extra yet",
    )
