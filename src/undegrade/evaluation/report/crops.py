"""Crops: brought to one size, cut where two outputs differ most, and encoded without loss."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.imaging.arrays import Bytes

GRID = 8
"""Crops start at multiples of the JPEG grid, so that its blocks are seen whole."""
_THUMBNAIL = 160
"""Longest side of the small picture that shows where a crop is."""


@dataclass(frozen=True)
class Region:
    """A part of a picture, in pixels."""

    left: int
    top: int
    width: int
    height: int

    def of(self, picture: Bytes) -> Bytes:
        """That part of *picture*."""
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


def fitted(arrays: Mapping[str, NDArray[np.uint8]]) -> dict[str, tuple[Bytes, int]]:
    """All pictures in the size of the largest, and how many times each pixel was repeated for it.

    Grey becomes RGB. What is no whole number of times smaller is repeated unevenly, and counts as
    repeated the rounded number of times.
    """
    height = max((array.shape[0] for array in arrays.values()), default=0)
    width = max((array.shape[1] for array in arrays.values()), default=0)
    found = {}
    for name, array in arrays.items():
        picture = array.reshape(*array.shape[:2], -1)
        if picture.shape[:2] != (height, width):
            rows = np.arange(height) * array.shape[0] // height
            columns = np.arange(width) * array.shape[1] // width
            picture = picture[rows][:, columns]
        coloured = np.broadcast_to(picture, (height, width, 3))
        found[name] = coloured, max(1, round(height / array.shape[0]))
    return found


def find_box(worse: Bytes, better: Bytes, truth: Bytes | None, side: int) -> Region:
    """Where *worse* falls most behind *better*: a square, less where the picture ends.

    Behind is the excess of squared error; without a truth, the squared difference of the two.
    """
    height, width = worse.shape[:2]
    excess = np.zeros((height, width), np.float32)
    for channel in range(3):
        a, b = (picture[:, :, channel].astype(np.float32) for picture in (worse, better))
        if truth is None:
            excess += (a - b) ** 2
        else:
            # The difference of the squared errors.
            excess += (a - b) * (a + b - 2 * truth[:, :, channel].astype(np.float32))
    down, across = min(side, height), min(side, width)
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = excess.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    tops = np.arange(0, height - down + 1, GRID)
    lefts = np.arange(0, width - across + 1, GRID)
    inside = (
        sums[np.ix_(tops + down, lefts + across)]
        - sums[np.ix_(tops, lefts + across)]
        - sums[np.ix_(tops + down, lefts)]
        + sums[np.ix_(tops, lefts)]
    )
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    return Region(int(lefts[column]), int(tops[row]), across, down)


def lossless(picture: Bytes) -> str:
    """*picture* as a data URI that keeps every value."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(
        file, "WEBP", lossless=True, quality=70, method=3
    )
    return _uri(file.getvalue())


def thumbnail(picture: Bytes) -> str:
    """*picture* small, as a data URI of a few kilobytes."""
    small = Image.fromarray(np.ascontiguousarray(picture))
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=75)
    return _uri(file.getvalue())


def _uri(data: bytes) -> str:
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"
