"""AVIF, 8 bits a sample."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undegrade.picture import metadata
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened

if TYPE_CHECKING:
    from undegrade.picture.model import Picture


def read(data: bytes, frame: int) -> Opened:
    """The header of an AVIF."""
    found = pillow.opened(pillow.plugin("Avif", data), "AVIF", frame=frame)
    if _is_deep(data):
        found.notes.append("more than 8 bits a sample read as 8")
    return found


def _is_deep(data: bytes) -> bool:
    """Whether the AV1 configuration says more than 8 bits."""
    at = data.find(b"av1C", 0, 1 << 16)
    return at > 0 and at + 6 < len(data) and bool(data[at + 6] & 0x40)


def write(picture: Picture, quality: int | None) -> bytes:
    """The bytes of an AVIF; *quality* None is 90."""
    kept = picture.metadata
    quality = quality or 90
    options: dict[str, Any] = {"quality": quality}
    if picture.channels == 3:
        options["subsampling"] = "4:4:4" if quality >= 90 else "4:2:0"
    exif = metadata.with_dpi(kept.exif, kept.dpi)
    return pillow.bytes_of(
        pillow.image_8(picture, opaque=False),
        "AVIF",
        exif=metadata.without_orientation(exif) if exif else b"",
        xmp=kept.xmp or b"",
        icc_profile=kept.icc or b"",
        **options,
    )
