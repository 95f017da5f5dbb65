"""Brightness: luma of encoded values, luminance of linear light."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.arrays import Array, Floats

LUMA = (0.299, 0.587, 0.114)
"""Weights of encoded R, G, B in full range (ITU-R BT.601): MATLAB's ``rgb2gray``, Pillow's grey."""

STUDIO = (16.0, (65.481, 128.553, 24.966))
"""Offset and weights of the same in 16..235 for R, G, B in [0, 1]: MATLAB's ``rgb2ycbcr``."""

LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Weights of linear R, G, B (ITU-R BT.709)."""


def luma(planes: Array) -> Array:
    """``Y = 0.299 R + 0.587 G + 0.114 B``; (N, 3, H, W) to (N, 1, H, W) in the same units.

    Adding ``Y' - Y`` to each of R, G and B replaces Y by Y' and keeps Cb and Cr as they are.
    """
    return LUMA[0] * planes[:, :1] + LUMA[1] * planes[:, 1:2] + LUMA[2] * planes[:, 2:]


def luma_of(pixels: NDArray[Any]) -> Floats:
    """The same of (H, W, 3) pixels, (H, W) float32 in their units."""
    return np.asarray(pixels.astype(np.float32, copy=False) @ np.array(LUMA, np.float32))
