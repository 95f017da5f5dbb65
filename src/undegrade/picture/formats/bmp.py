"""BMP, which has room for pixels and resolution and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from undegrade.picture.colour import SRGB, in_srgb
from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened

if TYPE_CHECKING:
    from undegrade.picture.model import Picture


def read(data: bytes, frame: int) -> Opened:
    """The header of a BMP."""
    found = pillow.opened(pillow.plugin("Bmp", data), "BMP", lossless=True)
    decode = found.pixels

    def pixels(turn: int) -> NDArray[Any]:
        array = decode(turn)
        # Many programs leave the fourth byte at 0 and mean an opaque picture.
        return array[:, :, :3] if array.shape[2] == 4 and not array[:, :, 3].any() else array

    found.pixels = pixels
    return found


def write(picture: Picture, quality: int | None) -> bytes:
    """The bytes of a BMP, in sRGB, since it cannot say that it is anything else."""
    if not picture.colour.is_srgb:
        pixels = in_srgb(picture.pixels, picture.colour)
        picture = replace(picture, pixels=pixels, colour=SRGB)
    options: dict[str, Any] = {"dpi": picture.metadata.dpi} if picture.metadata.dpi else {}
    return pillow.bytes_of(pillow.image_8(picture, opaque=True), "BMP", **options)
