"""The eight flips and turns of a picture, over which the effort ``best`` averages a network.

A network was trained on all of them alike, so its answers differ by what it does not know, and the
mean is surer than each ("self-ensemble": Timofte et al., "Seven Ways to Improve Example-Based
Single Image Super Resolution", CVPR 2016). A window is turned with all of its margin, whose sides
are multiples of the network's own, so tiles stay exact; a thumbnail of the whole and the window's
place in it are turned along.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from undegrade.imaging.arrays import Floats
from undegrade.runtime.thumbnail import WholePhoto


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
