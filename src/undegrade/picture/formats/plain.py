"""GIF, PPM and QOI, read only: pixels, and hardly anything beside them."""

from __future__ import annotations

from undegrade.picture.formats import pillow
from undegrade.picture.formats.opened import Opened


def read_gif(data: bytes, frame: int) -> Opened:
    """The header of a GIF, its frames counted."""
    return pillow.opened(pillow.plugin("Gif", data), "GIF", frame=frame, lossless=True)


def read_ppm(data: bytes, frame: int) -> Opened:
    """The header of a PBM, PGM or PPM."""
    return pillow.opened(pillow.plugin("Ppm", data), "PPM", lossless=True)


def read_qoi(data: bytes, frame: int) -> Opened:
    """The header of a QOI."""
    return pillow.opened(pillow.plugin("Qoi", data), "QOI", lossless=True)
