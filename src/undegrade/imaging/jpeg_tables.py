"""The quantisation tables of the Independent JPEG Group and what they say of quality.

Every common encoder (libjpeg, libjpeg-turbo, Pillow, OpenCV) scales these two tables by its
quality setting. Source: ITU-T T.81, annex K.1, and ``jpeg_quality_scaling`` of libjpeg.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.luma import LUMA

LUMA_STEPS = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ],
    dtype=np.int64,
)
CHROMA_STEPS = np.full((8, 8), 99, dtype=np.int64)
CHROMA_STEPS[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]

RGB_TO_YCBCR = (LUMA, (-0.168735892, -0.331264108, 0.5), (0.5, -0.418687589, -0.081312411))
YCBCR_TO_RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136286, -0.714136286), (1.0, 1.772, 0.0))
"""JFIF's full-range matrices (ITU-T T.871, section 7); chroma is offset by 128."""

WORST_SCALE = 10.0
"""Table scale at quality 5, where the JPEG level is 1."""


def table_scale(quality: float) -> float:
    """The factor on the tables at *quality* 1..100: 1 at 50, 0 at 100, 10 at 5."""
    if not 1 <= quality <= 100:
        raise ValueError(f"JPEG quality must lie in 1..100, not {quality}")
    return (50.0 / quality) if quality < 50 else (2.0 - quality / 50.0)


def scaled_table(base: NDArray[np.int64], quality: float) -> NDArray[np.int64]:
    """The table an encoder writes at *quality*, shape (8, 8), values 1..255."""
    percent = math.floor(100.0 * table_scale(quality) + 1e-9)
    return np.clip((base * percent + 50) // 100, 1, 255)


def quality_of_scale(scale: float) -> float:
    """The quality 1..100 whose tables are *scale* times the base ones."""
    quality = 50.0 / scale if scale > 1 else 100.0 - 50.0 * scale
    return float(np.clip(quality, 1.0, 100.0))


def jpeg_level(quality: float) -> float:
    """Quality as a level of damage: 0 at 100, 1 at 5, evenly spaced in the log of the step.

    ``level = log(1 + 10 s) / log(1 + 10 * 10)`` with the table scale ``s``.
    """
    return math.log1p(10.0 * table_scale(quality)) / math.log1p(10.0 * WORST_SCALE)


def quality_of_level(level: float) -> float:
    """The inverse of :func:`jpeg_level`; levels above 1 give qualities below 5."""
    return quality_of_scale(math.expm1(level * math.log1p(10.0 * WORST_SCALE)) / 10.0)
