"""Bicubic resizing of whole numbers, strip by strip: no copy of a photo in floating point."""

from __future__ import annotations

import numpy as np

from undegrade.imaging.arrays import Doubles, Pixels
from undegrade.imaging.resize import imresize
from undegrade.runtime.tiling import reflected

ROWS = 32
"""Rows of a strip, of the smaller picture."""

REACH = 4
"""Rows of the smaller picture that a strip looks beyond its ends: more than any filter here."""

HALF_WAY = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)
"""Keys's cubic half-way between two samples (IEEE TASSP 1981, equation 15)."""


def enlarge(pixels: Pixels, scale: int) -> Pixels:
    """*pixels* (H, W, C) *scale* times as large, as :func:`undegrade.degradation.imresize` does."""
    height, width, channels = pixels.shape
    output = np.empty((height * scale, width * scale, channels), pixels.dtype)
    for top in range(0, height, ROWS):
        bottom = min(top + ROWS, height)
        strip = pixels[reflected(top - REACH, bottom + REACH, height)].astype(np.float64)
        large = imresize(strip, scale=float(scale))[REACH * scale : -REACH * scale]
        _store(output[top * scale : bottom * scale], large)
    return output


def reduce(pixels: Pixels, times: int) -> Pixels:
    """*pixels* (H, W, C) 2 or 4 times smaller, sides rounded up, for photos without fine detail.

    Halved once or twice by the cubic through every second gap. It has no filter against aliasing
    as there is nothing to alias, and such a filter would blur once more what is left.
    """
    height, width, channels = pixels.shape
    rows, columns = -(-height // times), -(-width // times)
    output = np.empty((rows, columns, channels), pixels.dtype)
    for top in range(0, rows, ROWS):
        bottom = min(top + ROWS, rows)
        strip = pixels[reflected((top - REACH) * times, (bottom + REACH) * times, height)]
        small = strip.astype(np.float64)
        for _ in range(times.bit_length() - 1):
            small = _halved(_halved(small, 0), 1)
        _store(output[top:bottom], small[REACH:-REACH])
    return output


def _halved(values: Doubles, axis: int) -> Doubles:
    side = values.shape[axis]
    half = -(-side // 2)
    lines = reflected(-1, 2 * half + 2, side)
    taps = [values.take(lines[first : first + 2 * half : 2], axis) for first in range(4)]
    total: Doubles = np.tensordot(HALF_WAY, taps, 1)
    return total


def _store(place: Pixels, values: Doubles) -> None:
    """Round and clip *values* into *place*."""
    place[...] = np.clip(np.rint(values), 0, np.iinfo(place.dtype).max)
