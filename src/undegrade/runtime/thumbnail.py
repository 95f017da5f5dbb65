"""The whole picture at a glance, for networks that must know more than their tile; its turns.

The effort ``best`` averages a network over the eight flips and turns of a picture. It was trained
on all of them alike, so its answers differ by what it does not know, and the mean is surer than
each ("self-ensemble": Timofte et al., "Seven Ways to Improve Example-Based Single Image Super
Resolution", CVPR 2016). A window is turned with all of its margin, whose sides are multiples of the
network's own, so tiles stay exact; a thumbnail of the whole and the window's place in it are turned
along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

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


@dataclass(frozen=True)
class Turn:
    """One of the symmetries of a square, on planes (..., H, W)."""

    swaps: bool
    """Whether rows and columns are exchanged, before all else."""
    flips: tuple[int, ...]
    """Axes that are mirrored, -2 and -1."""

    def forth(self, planes: Floats) -> Floats:
        """*planes* turned, as a view."""
        turned = planes.swapaxes(-2, -1) if self.swaps else planes
        return np.flip(turned, self.flips)

    def back(self, planes: Floats) -> Floats:
        """What *planes* were before they were turned, as a view."""
        straight = np.flip(planes, self.flips)
        return straight.swapaxes(-2, -1) if self.swaps else straight

    def whole(self, photo: WholePhoto, at: tuple[int, int], size: tuple[int, int]) -> WholePhoto:
        """*photo*, turned, as a window of *size* sees it that begins *at* a row and a column."""
        begin = [photo.top + at[0], photo.left + at[1]]
        length, sides = list(size), [photo.height, photo.width]
        if self.swaps:
            begin, length, sides = begin[::-1], length[::-1], sides[::-1]
        for axis in self.flips:
            begin[axis] = sides[axis] - begin[axis] - length[axis]
        thumbnail = np.ascontiguousarray(self.forth(photo.thumbnail))
        return WholePhoto(thumbnail, *sides, *begin)


TURNS = tuple(
    Turn(swaps, flips) for swaps, flips in product((False, True), ((), (-2,), (-1,), (-2, -1)))
)
"""All eight, the picture as it is first."""
