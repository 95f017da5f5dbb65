"""HEIF (HEIC), by the optional package ``pi_heif``, without touching Pillow's registry."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image

from undegrade.errors import InputError

_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


def brand(data: bytes) -> str | None:
    """ "AVIF", "HEIF" or None, from the file type box of an ISO media file."""
    if data[4:8] != b"ftyp":
        return None
    size = min(int.from_bytes(data[:4], "big"), 256)
    brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _BRANDS else None


def open_heif(data: bytes, shown: str) -> Any:
    """The file's main picture as pi_heif's object, header read, pixels not yet.

    Raises
    ------
    InputError: pi_heif is not installed.
    """
    try:
        import pi_heif
    except ImportError:
        raise InputError(
            f"cannot read {shown}: HEIF pictures need the package pi-heif",
            'pip install "undegrade[heif]"',
        ) from None
    return pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)


def image_of(file: Any) -> Image.Image:
    """The decoded pixels; libheif has turned them upright."""
    return Image.frombuffer(
        file.mode, file.size, bytes(file.data), "raw", file.mode, file.stride, 1
    )
