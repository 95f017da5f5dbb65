"""How much noise an enhancement has added, or taken away."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.arrays import Doubles
from undegrade.metrics.base import Comparison, Needs

BLOCK = 8
"""Side of a block, in pixels."""
SMOOTH = 2
"""Coefficients (u, v) of a block's DCT with u + v up to this are the picture's, not the noise's."""
FLATTEST = 0.1
"""Share of the blocks that count as flat."""
ROWS = 32
"""Rows of blocks measured at a time, to bound memory."""
NOTHING = 1e-20
"""A variance up to which it is the rounding of the DCT."""


class NoiseAmplification(Comparison):
    """Standard deviation in flat areas, after over before: 1 unchanged, 0 perfectly smooth.

    ``sqrt(mean var_out / mean var_in)`` over the flat blocks and the channels. A block of 8x8
    pixels is split by its DCT: the 5 lowest coefficients but the mean (u + v <= 2) are its shape,
    the mean square of the 58 above is the variance of its noise. Flat is the tenth of the input's
    blocks with the least shape. White noise is independent of the shape, so the choice does not
    favour blocks that happen to hold little of it, as choosing by standard deviation would. Blocks
    where the input touches 0 or 1 are left out, for noise is cut off there, unless there are no
    others. 1 where neither picture has noise, infinite where only the output has.

    The ratio that Ignatov et al. (ICCV 2017) name as a limit of enhancers has no published
    definition; this one is our own.
    """

    name = "noise-amplification"
    better = "lower"
    range = (0.0, math.inf)
    needs: ClassVar[Needs] = "input"
    least = BLOCK

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        shape, before, inside = _measured(reference)
        _, after, _ = _measured(picture)
        inside = inside if inside.any() else np.ones_like(inside)
        flat = inside & (shape <= np.quantile(shape[inside], FLATTEST))
        variance_in, variance_out = float(before[flat].mean()), float(after[flat].mean())
        if variance_in <= NOTHING:
            return 1.0 if variance_out <= NOTHING else math.inf
        return math.sqrt(variance_out / variance_in)


def _measured(picture: Doubles) -> tuple[Doubles, Doubles, NDArray[np.bool_]]:
    """Shape, noise, and whether it stays within (0, 1), of each whole block of (H, W, C)."""
    parts = []
    for top in range(0, len(picture) // BLOCK * BLOCK, ROWS * BLOCK):
        blocks = _blocks(picture[top : top + ROWS * BLOCK])
        inside = ((blocks > 0.0) & (blocks < 1.0)).all(axis=(1, 2, 3))
        parts.append((*split(blocks), inside))
    shape, noise, inside = (np.concatenate(part) for part in zip(*parts, strict=True))
    return shape, noise, inside


def split(blocks: Doubles) -> tuple[Doubles, Doubles]:
    """Energy of the shape and variance of the noise of blocks (N, C, 8, 8): (N,) twice."""
    n = np.arange(BLOCK)
    dct = np.cos(np.pi * (2 * n + 1) * n[:, None] / (2 * BLOCK)) * math.sqrt(2 / BLOCK)
    dct[0] /= math.sqrt(2)
    energy = (dct @ blocks @ dct.T) ** 2
    order = n[:, None] + n
    low, high = (order > 0) & (order <= SMOOTH), order > SMOOTH
    return energy[:, :, low].sum(axis=(1, 2)), energy[:, :, high].mean(axis=(1, 2))


def _blocks(picture: Doubles) -> Doubles:
    """The whole blocks of (H, W, C): (N, C, 8, 8)."""
    rows, columns = (side // BLOCK for side in picture.shape[:2])
    part = picture[: rows * BLOCK, : columns * BLOCK]
    grid = part.reshape(rows, BLOCK, columns, BLOCK, -1).transpose(0, 2, 4, 1, 3)
    return grid.reshape(rows * columns, -1, BLOCK, BLOCK)
