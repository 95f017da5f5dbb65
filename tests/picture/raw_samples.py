"""A small DNG, made on the spot: a mosaic of a scene in linear light, and what a camera says."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile

from undegrade.imaging.srgb import to_linear

NEUTRAL = (0.5, 1.0, 0.75)
"""What the sensor makes of white: its picture is green before it is balanced."""
_XYZ_TO_SRGB = (
    *(3.2404542, -1.5371385, -0.4985314),
    *(-0.9692660, 1.8760108, 0.0415560),
    *(0.0556434, -0.2040259, 1.0572252),
)
_BLACK, _WHITE = 256, 16383
_STAND_IN = 34666
"""For the pointer to the Exif directory, which tifffile refuses to write."""


def dng(
    scene: np.ndarray,
    *,
    orientation: int = 1,
    crop: tuple[int, int, int, int] | None = None,
    xmp: bytes | None = None,
    balanced: bool = True,
) -> bytes:
    """A 14-bit DNG, uncompressed, of *scene*, (H, W, 3) uint8 in sRGB, both sides even.

    Parameters
    ----------
    crop: left, top, width and height of what the camera shows.
    balanced: whether it says the camera's white balance.
    """
    light = to_linear(scene.astype(np.float32) / 255) * np.float32(NEUTRAL)
    mosaic = light[:, :, 1].copy()
    mosaic[0::2, 0::2] = light[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = light[1::2, 1::2, 2]
    samples = np.rint(_BLACK + mosaic * (_WHITE - _BLACK)).astype(np.uint16)
    empty = _written(samples, orientation, crop, xmp, balanced, 8)
    exposure = struct.pack("<HHHIIHHIII", 2, 33434, 5, 1, len(empty) + 30, 34855, 3, 1, 800, 0)
    whole = _written(samples, orientation, crop, xmp, balanced, len(empty))
    assert len(whole) == len(empty)
    return whole + exposure + struct.pack("<II", 1, 125)


def _written(
    samples: np.ndarray,
    orientation: int,
    crop: tuple[int, int, int, int] | None,
    xmp: bytes | None,
    balanced: bool,
    exif: int,
) -> bytes:
    def ratios(*values: float) -> tuple[int, ...]:
        return tuple(part for value in values for part in (round(value * 10000), 10000))

    tags: list[tuple[Any, ...]] = [
        (271, 2, None, "Kamera", True),
        (272, 2, None, "Modell 1", True),
        (274, 3, 1, orientation, True),
        (306, 2, None, "2024:05:06 07:08:09", True),
        (33421, 3, 2, (2, 2), True),
        (33422, 1, 4, bytes([0, 1, 1, 2]), True),
        (_STAND_IN, 4, 1, exif, True),
        (50706, 1, 4, bytes([1, 4, 0, 0]), True),
        (50708, 2, None, "Kamera Modell 1", True),
        (50714, 3, 1, _BLACK, True),
        (50717, 3, 1, _WHITE, True),
        (50721, 10, 9, ratios(*_XYZ_TO_SRGB), True),
        *([(50728, 5, 3, ratios(*NEUTRAL), True)] if balanced else []),
        (50778, 3, 1, 21, True),
    ]
    if crop:
        tags += [(50719, 3, 2, crop[:2], True), (50720, 3, 2, crop[2:], True)]
    if xmp:
        tags.append((700, 1, len(xmp), xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, samples, photometric="cfa", byteorder="<", metadata=None, extratags=tags
    )
    stood_for = struct.pack("<HHI", 34665, 4, 1)
    return buffer.getvalue().replace(struct.pack("<HHI", _STAND_IN, 4, 1), stood_for)
