"""Which parts of a photo are looked at, at native resolution, and on the grid of which JPEG.

Photos that were cropped have left the grid of an earlier JPEG: its blocks begin somewhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.diagnosis.units import CROP, GRID
from undegrade.imaging.arrays import Floats
from undegrade.imaging.luma import LUMA
from undegrade.picture import Picture

Corner = tuple[int, int]
"""First row and column of a crop."""

MOST = 16
"""Crops looked at: more would not sharpen what one photo's crops have in common."""

CANDIDATES = 64
"""Places among which the crops are chosen."""

MOST_CLIPPED = 0.5
"""A place with a larger share of clipped or transparent pixels says little, and goes last."""

LARGEST = 12.0
"""Steps between pixels count up to this, in 0..255 units: edges of objects are no block edges."""

SURE = 5.0
"""Standard errors by which another phase must be ahead of 0, at which most files still are."""


def choose(picture: Picture) -> list[Corner]:
    """Corners of up to :data:`MOST` crops, spread over the photo and over its kinds of content.

    Of an even grid of places, those at even ranks of detail: flat ones show noise, textured ones
    blur, and those between JPEG. The same photo always gives the same crops.
    """
    places = _places(picture.height, picture.width)
    detail, clipped = zip(*(_look(picture, place) for place in places), strict=True)
    usable = [i for i in range(len(places)) if clipped[i] <= MOST_CLIPPED]
    if not usable:
        usable = [int(np.argmin(clipped))]
    ranked = sorted(usable, key=lambda i: (detail[i], i))
    ranks = np.linspace(0, len(ranked) - 1, min(MOST, len(ranked))).round().astype(int)
    return [places[ranked[rank]] for rank in ranks]


def lay(corners: Sequence[Corner], phase: Corner = (0, 0)) -> list[Corner]:
    """*corners* moved to the JPEG grid whose blocks begin at the row and column *phase*, 0..7."""
    return [(_on_grid(y, phase[0]), _on_grid(x, phase[1])) for y, x in corners]


def cut(picture: Picture, corners: Sequence[Corner]) -> Floats:
    """Crops (N, 3, 128, 128) of 8-bit values in [0, 1].

    What lies beyond the photo is mirrored; grey photos get three equal channels.
    """
    return np.stack([_cut(picture, *corner) for corner in corners])


def phase(crops: Floats, corners: Sequence[Corner]) -> Corner:
    """Row and column, 0..7, at which the blocks of the photo begin.

    A step over a block's edge is larger than its neighbours. With ``d(x) = |Y(x) - Y(x - 1)|``,
    the mean of ``d(x) - (d(x - 1) + d(x + 1)) / 2`` is taken for each of the eight phases of the
    rows, and of the columns, over all *crops* (N, 3, S, S) that begin at *corners*. What shows no
    edges has the phase (0, 0).
    """
    luma = np.tensordot(np.array(LUMA, np.float32) * 255, crops, (0, 1))
    rows = _phase(luma.transpose(0, 2, 1), [corner[0] for corner in corners])
    return rows, _phase(luma, [corner[1] for corner in corners])


def _phase(planes: Floats, starts: Sequence[int]) -> int:
    """The phase of the last axis of (N, S, S) planes that begin at *starts*."""
    steps = np.minimum(np.abs(np.diff(planes, axis=2)), LARGEST)
    excess = steps[:, :, 1:-1] - (steps[:, :, :-2] + steps[:, :, 2:]) / 2
    # A column of a crop is one observation: its pixels lie on the same edges of the picture.
    columns: NDArray[np.float32] = excess.mean(1)
    at = (np.arange(columns.shape[1]) + 2 + np.asarray(starts)[:, None]) % GRID
    found = [columns[at == p] for p in range(GRID)]
    means = np.array([values.mean() for values in found])
    errors = np.array([values.var() / values.size for values in found])
    best = int(means.argmax())
    lead = (means[best] - means[0]) / np.sqrt(errors[best] + errors[0] + 1e-12)
    return best if best and lead > SURE else 0


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
