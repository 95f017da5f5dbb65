"""The colour lock: the local mean colour of an output stays that of its input.

A network that restores or enlarges must not tint the picture, but one that was trained against
an adversary may. So the low frequencies of the output are put back to those of the input,

    locked = out + up(shrink(blur(down(in) - down(out)))),

where ``down`` takes means over cells, ``blur`` is a binomial filter on their grid and ``up`` is
linear. ``shrink`` leaves alone what is no cast, but comes of noise that was rightly removed:

* The mean of noise over a cell is not zero. How much of it is left behind the blur follows from
  how far the differences of neighbouring cells scatter.
* Noise that was clipped at black has raised the input's mean, at white lowered it. For a level z
  deviations s inside the range it does so by ``s (phi(z) - z (1 - Phi(z)))``, which is at most
  1.4 times the share of clipped values times the deviation of the noise that is left.

Everything is in the file's own encoding and depth. Whole pictures are compared, never tiles, so
tiles cannot show in the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.arrays import Floats, Pixels, to_whole
from undegrade.imaging.resize import reflected

Indices = NDArray[np.intp]

CELL = 16
"""Longest side of a cell in output pixels; sums over 16 x 16 values of 16 bit are exact floats."""
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
"""The blur on the grid of cells: a deviation of one cell."""
SURE = 1.5
"""Standard errors that a cast must exceed before it is believed."""
CLIPPED = 1.4
"""Shift of a mean per share of clipped values and deviation of the noise, at most."""
ENDS = np.float32(1 / 4)
"""Most that a value is moved away from black or white, as a part of its distance from there."""
LEAST = 0.5
"""Corrections below this, in levels, are lost in rounding."""


def lock_colour(before: Pixels, after: Pixels) -> Pixels:
    """*after* with the local mean colour of *before*; *after* itself where there is no cast.

    Black and white stay what they are: the correction of a cast beside a white wall must not tint
    the wall.

    Parameters
    ----------
    before: a network's input, (H, W, C) of uint8 or uint16.
    after: its output, (scale H, scale W, C) of the same depth; not changed.
    """
    scale = len(after) // len(before)
    rows, columns = (_edges(side, max(1, CELL // scale)) for side in before.shape[:2])
    wanted, got = _measure(before, rows, columns), _measure(after, rows * scale, columns * scale)
    correction = _correction(wanted, got)
    if np.abs(correction).max() < LEAST:
        return after
    return _corrected(after, correction, rows * scale, columns * scale)


@dataclass(frozen=True, eq=False)
class _Cells:
    """What a picture holds in each cell of a grid: planes of (rows, columns, C)."""

    mean: Floats
    """In levels."""
    variance: Floats
    """In squared levels."""
    black: Floats
    """Share of values at black, 0 to 1."""
    white: Floats
    """Share of values at white, 0 to 1."""


def _edges(side: int, length: int) -> Indices:
    """Where cells of *length* pixels begin, and where the last one ends, which takes the rest too.

    So a part of a picture that begins with a cell has the cells of the whole.
    """
    count = max(1, side // length)
    return np.append(np.arange(count) * length, side)


def _measure(pixels: Pixels, rows: Indices, columns: Indices) -> _Cells:
    peak = np.iinfo(pixels.dtype).max
    shape = len(rows) - 1, len(columns) - 1, pixels.shape[2]
    sums = [np.empty(shape, np.float32) for _ in range(4)]
    for row, (top, bottom) in enumerate(pairwise(rows)):
        strip = pixels[top:bottom]
        values = strip.astype(np.float32)
        terms = (values, values * values, strip == 0, strip == peak)
        for plane, term in zip(sums, terms, strict=True):
            line = term.sum(axis=0, dtype=np.float32)
            plane[row] = np.add.reduceat(line, columns[:-1], axis=0)
    area = (np.diff(rows)[:, None, None] * np.diff(columns)[:, None]).astype(np.float32)
    mean, square, black, white = (plane / area for plane in sums)
    return _Cells(mean, np.maximum(square - mean * mean, 0), black, white)


def _correction(wanted: _Cells, got: _Cells) -> Floats:
    """What is to be added at the centres of the cells, (rows, columns, C) in levels."""
    apart = wanted.mean - got.mean
    drift = _blurred(apart)
    scatter = np.maximum(_blurred(apart * apart) - drift * drift, 0)
    # The variance of a weighted mean is that of one value times the sum of the squared weights:
    # those of the kernel once a direction, so that the deviation takes the sum itself.
    error = np.sqrt(scatter) * sum(weight * weight for weight in KERNEL)
    noise = np.sqrt(np.maximum(wanted.variance - got.variance, 0))
    raised, lowered = _blurred(wanted.black * noise), _blurred(wanted.white * noise)
    doubt = SURE * error + CLIPPED * np.where(drift > 0, raised, lowered)
    # Firm shrinkage (Gao and Bruce, 1997): nothing within the doubt, everything beyond twice of it.
    size = np.abs(drift)
    believed: Floats = np.copysign(np.clip(2 * (size - doubt), 0, size), drift)
    return believed


def _blurred(plane: Floats) -> Floats:
    for axis in (0, 1):
        side = plane.shape[axis]
        blurred = np.zeros_like(plane)
        for shift, weight in enumerate(KERNEL, -(len(KERNEL) // 2)):
            blurred += np.float32(weight) * plane.take(reflected(shift, shift + side, side), axis)
        plane = blurred
    return plane


def _corrected(pixels: Pixels, correction: Floats, rows: Indices, columns: Indices) -> Pixels:
    """A copy of *pixels* with the correction, linear between the centres of the cells."""
    result = pixels.copy()
    row_at, column_at = _positions(rows), _positions(columns)
    bands = np.searchsorted(row_at, np.arange(len(correction) + 1))
    lines = [*correction, correction[-1]]
    below = _widened(lines[0], column_at)
    for row, (top, bottom) in enumerate(pairwise(bands)):
        above, below = below, _widened(lines[row + 1], column_at)
        if max(np.abs(line).max() for line in lines[row : row + 2]) < LEAST:
            continue
        slope = below - above
        for at in range(top, bottom):
            share = np.float32(row_at[at] - row)
            result[at] = _moved(pixels[at], above + share * slope)
    return result


def _positions(edges: Indices) -> NDArray[np.float64]:
    """Where each pixel lies between the centres of the cells: 1.5 is between the second two."""
    centres = (edges[:-1] + edges[1:]) / 2
    return np.interp(np.arange(edges[-1]) + 0.5, centres, np.arange(len(centres)))


def _widened(line: Floats, at: NDArray[np.float64]) -> Floats:
    """A line of cells (n, C) at the positions *at* (W,), linear between cells: (W, C)."""
    cells = np.arange(len(line))
    return np.stack([np.interp(at, cells, plane) for plane in line.T], axis=1).astype(np.float32)


def _moved(values: Pixels, change: Floats) -> Pixels:
    """*values* plus *change* in levels, less of it where it leads away from a near end."""
    peak = np.float32(np.iinfo(values.dtype).max)
    moved = values.astype(np.float32)
    np.minimum(change, moved * ENDS, out=change)
    np.maximum(change, (moved - peak) * ENDS, out=change)
    moved += change
    return to_whole(moved, values.dtype)
