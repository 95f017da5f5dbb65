"""The whole picture at a glance, for networks that must know more than their tile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from undegrade.imaging.arrays import Floats, Pixels


@dataclass(frozen=True)
class WholePhoto:
    """The photo that some pixels are a part of, as a network that must know it sees it."""

    thumbnail: Floats
    """(1, 3, side, side); see :func:`make_thumbnail`."""
    height: int
    width: int
    top: int = 0
    """Row of the photo in which the pixels begin."""
    left: int = 0

    def place(self, top: int, left: int) -> Floats:
        """Where a window of the pixels lies in the photo, (1, 4): its top and left, and a pixel's
        height and width, in heights and widths of the photo."""
        height, width = self.height, self.width
        start = ((self.top + top) / height, (self.left + left) / width)
        return np.array([[*start, 1 / height, 1 / width]], np.float32)


def make_thumbnail(pixels: Pixels, side: int, to_srgb: Callable[[Floats], Floats] | None) -> Floats:
    """*pixels* (H, W, C) of whole numbers, averaged to (1, 3, *side*, *side*) sRGB in [0, 1].

    Means over windows that cover the picture evenly, from ``floor(i H / side)`` to
    ``ceil((i + 1) H / side)``, as in training; the shape of the picture is not kept. Grey is
    repeated.
    """
    height, width, channels = pixels.shape
    small = np.empty((side, side, channels), np.float32)
    left, right = np.array(_windows(width, side)).T
    for row, (top, bottom) in enumerate(_windows(height, side)):
        # Sums of 16-bit values pass 2^32 in a picture of 65,536 rows times 48.
        total = np.zeros((width + 1, channels), np.uint64)
        np.cumsum(pixels[top:bottom].sum(0, dtype=np.uint64), axis=0, out=total[1:])
        area = (bottom - top) * (right - left)
        small[row] = (total[right] - total[left]) / area[:, None]
    small /= np.iinfo(pixels.dtype).max
    if to_srgb:
        small = to_srgb(small)
    planes = np.broadcast_to(small.transpose(2, 0, 1), (3, side, side))
    return np.ascontiguousarray(planes)[None]


def _windows(length: int, count: int) -> list[tuple[int, int]]:
    return [(i * length // count, -(-(i + 1) * length // count)) for i in range(count)]
