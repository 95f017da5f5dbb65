"""Peak signal-to-noise ratio, plain and with the blocking effect."""

from __future__ import annotations

import math

import numpy as np

from undegrade.imaging.arrays import Doubles
from undegrade.metrics.base import Comparison, in_channel

JPEG_BLOCK = 8


class PSNR(Comparison):
    """``-10 log10(mean((x - y)^2))`` in dB, the mean over pixels and channels, peak 1.

    Infinite for equal pictures. On ``y`` the peak is 1 too, as the literature has it.
    """

    name = "psnr"
    better = "higher"
    range = (0.0, math.inf)
    unit = "dB"

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        return decibels(mean_squared(picture, reference))


class PSNRB(Comparison):
    """PSNR with the blocking effect of an 8x8 grid added to the error, in dB.

    ``-10 log10(MSE + BEF)``, ``BEF = eta (D_b - D_n)`` or 0 where that is negative; D_b is the mean
    squared difference of neighbours across the borders of 8x8 blocks that start at the top left,
    D_n of all other neighbours, and ``eta = log2(8) / log2(min(H, W))``. The grid is that of the
    enhanced picture; the truth's is not looked at. In ``rgb`` the error is that of all channels,
    the blocking effect that of luma (``y``).

    Source: Yim and Bovik, "Quality assessment of deblocked images", IEEE TIP 20(1), 2011, equations
    13 to 19. Borders are counted as in the code behind the published tables (FBCNN's): H (W // 8
    - 1) + W (H // 8 - 1), one column too few where the width is no multiple of 8.
    """

    name = "psnr-b"
    better = "higher"
    range = (-10 * math.log10(2.0), math.inf)
    unit = "dB"
    least = 2 * JPEG_BLOCK

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        luma = in_channel(picture, "y")[:, :, 0]
        return decibels(mean_squared(picture, reference) + blocking(luma))


def mean_squared(a: Doubles, b: Doubles) -> float:
    """The mean of ``(a - b)^2``."""
    difference = (a - b).ravel()
    return float(difference @ difference) / difference.size


def decibels(error: float) -> float:
    """``-10 log10(error)``; infinite where there is none."""
    return -10.0 * math.log10(error) if error > 0.0 else math.inf


def blocking(image: Doubles) -> float:
    """The blocking effect factor of (H, W), in squared units of its values."""
    across, down = np.diff(image, axis=1) ** 2, np.diff(image, axis=0) ** 2
    at = slice(JPEG_BLOCK - 1, None, JPEG_BLOCK)
    borders = float(across[:, at].sum() + down[at].sum())
    others = float(across.sum() + down.sum()) - borders
    height, width = image.shape
    n_borders = height * (width // JPEG_BLOCK - 1) + width * (height // JPEG_BLOCK - 1)
    n_others = height * (width - 1) + width * (height - 1) - n_borders
    excess: float = borders / n_borders - others / n_others
    return max(excess, 0.0) * math.log2(JPEG_BLOCK) / math.log2(min(height, width))
