"""HEIF (HEIC), by the optional package ``pi_heif``, without touching Pillow's registry."""

from __future__ import annotations

import io
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened, package
from undegrade.picture.model import Encoding, Metadata


def read(data: bytes, frame: int) -> Opened:
    """The header of the file's main picture; :class:`Unfit` if pi_heif is not installed."""
    pi_heif = package("pi_heif", message="HEIF pictures need the package pi-heif", extra="heif")
    file = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=True)
    info = file.info

    def pixels(turn: int) -> NDArray[Any]:
        image = Image.frombuffer(
            file.mode, file.size, bytes(file.data), "raw", file.mode, file.stride, 1
        )
        return pillow.unpacked(image, turn)

    found = Opened(
        tuple(file.size),
        pixels,
        Metadata(exif=info.get("exif"), xmp=info.get("xmp"), icc=info.get("icc_profile")),
        Encoding("HEIF"),
        upright=True,  # libheif has turned the picture
    )
    if info.get("bit_depth", 8) > 8:
        found.notes.append(f"{info['bit_depth']} bits a sample read as 8")
    if len(file) > 1:
        found.notes.append("only the main picture of the file read")
    return found
