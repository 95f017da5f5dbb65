"""Which parts of a photo are looked at, at native resolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.diagnosis.units import CROP, GRID
from undegrade.imaging.arrays import Floats
from undegrade.picture import Picture

Corner = tuple[int, int]
"""First row and column of a crop."""

MOST = 16
"""Crops looked at: more would not sharpen what one photo's crops have in common."""

CANDIDATES = 64
"""Places among which the crops are chosen."""

MOST_CLIPPED = 0.5
"""A place with a larger share of clipped or transparent pixels says little, and goes last."""


def choose(picture: Picture, most: int = MOST) -> list[Corner]:
    """Corners of up to *most* crops, spread over the photo and over its kinds of content.

    Of an even grid of places, those at even ranks of detail: flat ones show noise, textured ones
    blur, and those between JPEG. The same photo always gives the same crops.
    """
    places = _places(picture.height, picture.width)
    detail, clipped = zip(*(_look(picture, place) for place in places), strict=True)
    usable = [i for i in range(len(places)) if clipped[i] <= MOST_CLIPPED]
    if not usable:
        usable = [int(np.argmin(clipped))]
    ranked = sorted(usable, key=lambda i: (detail[i], i))
    count = min(most, len(ranked))
    ranks = np.linspace(0, len(ranked) - 1, count).round().astype(int)
    return [places[ranked[rank]] for rank in ranks]


def lay(corners: Sequence[Corner], phase: Corner = (0, 0)) -> list[Corner]:
    """*corners* moved to the JPEG grid whose blocks begin at the row and column *phase*, 0..7."""
    return [(_on_grid(y, phase[0]), _on_grid(x, phase[1])) for y, x in corners]


def cut(picture: Picture, corners: Sequence[Corner]) -> Floats:
    """Crops (N, 3, 128, 128) of 8-bit values in [0, 1].

    What lies beyond the photo is mirrored; grey photos get three equal channels.
    """
    return np.stack([_cut(picture, *corner) for corner in corners])


def _on_grid(start: int, phase: int) -> int:
    """The nearest start at or before *start* that lies on the grid, or the first one."""
    moved = start - (start - phase) % GRID
    return moved if moved >= 0 else moved + GRID


def _cut(picture: Picture, top: int, left: int) -> Floats:
    # A photo of a few pixels may end before its grid begins.
    top, left = min(top, picture.height - 1), min(left, picture.width - 1)
    pixels = picture.pixels[top : top + CROP, left : left + CROP]
    missing = [(0, CROP - side) for side in pixels.shape[:2]]
    if any(below for _, below in missing):
        pixels = np.pad(pixels, [*missing, (0, 0)], mode="symmetric")
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257.0)
    values = pixels.astype(np.float32).transpose(2, 0, 1) / np.float32(255.0)
    return np.broadcast_to(values, (3, CROP, CROP))


def _places(height: int, width: int) -> list[Corner]:
    """Up to ``CANDIDATES`` corners on an even grid, as square as the photo allows."""
    rows, columns = (max(1, -(-side // CROP)) for side in (height, width))
    shrink = max(1.0, (rows * columns / CANDIDATES) ** 0.5)
    rows, columns = max(1, int(rows / shrink)), max(1, int(columns / shrink))
    down, across = (
        np.linspace(0, side - CROP, count).round().astype(int)
        if count > 1
        else [max(side - CROP, 0) // 2]
        for side, count in ((height, rows), (width, columns))
    )
    return [(int(y), int(x)) for y in down for x in across]


def _look(picture: Picture, place: Corner) -> tuple[float, float]:
    """Mean absolute gradient, and the share of clipped or transparent pixels, of a place."""
    window = (slice(place[0], place[0] + CROP, 2), slice(place[1], place[1] + CROP, 2))
    green: NDArray[Any] = picture.pixels[window][:, :, picture.channels // 2]
    peak = np.iinfo(green.dtype).max
    unusable = (green == 0) | (green == peak)
    if picture.alpha is not None:
        unusable |= picture.alpha[window] < peak // 2
    values = green.astype(np.float32)
    gradient = sum(
        float(np.abs(np.diff(values, axis=axis)).mean()) if values.shape[axis] > 1 else 0.0
        for axis in (0, 1)
    )
    return gradient / peak, float(unusable.mean())
