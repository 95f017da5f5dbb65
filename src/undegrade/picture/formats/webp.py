"""WebP, lossy and lossless."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undegrade.picture import metadata
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened

if TYPE_CHECKING:
    from undegrade.picture.model import Picture


def read(data: bytes, frame: int) -> Opened:
    """The header of a WebP."""
    image = pillow.plugin("WebP", data)
    return pillow.opened(image, "WEBP", frame=frame, lossless=_is_lossless(data))


def _is_lossless(data: bytes) -> bool:
    """Whether the picture chunk, of an animation the first frame's, is VP8L."""
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


def write(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a WebP; *quality* None: lossless if it came so, else 95."""
    kept, encoding = picture.metadata, picture.encoding
    options: dict[str, Any] = {"quality": quality or 95}
    if quality is None and encoding.format == "WEBP" and encoding.lossless:
        # Here quality is effort; exact keeps the colour under transparency.
        options = {"lossless": True, "quality": 75, "exact": True}
    return pillow.bytes_of(
        pillow.image_8(picture, opaque=False),
        "WEBP",
        exif=metadata.with_dpi(kept.exif, kept.dpi) or b"",
        xmp=kept.xmp or b"",
        icc_profile=kept.icc or b"",
        **options,
    )
