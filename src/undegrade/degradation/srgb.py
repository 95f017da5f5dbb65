"""Between sRGB-encoded values and linear light."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def to_linear(encoded: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light of sRGB values, float32 of the same shape, 1 to 1.

    ``v / 12.92`` up to 0.04045, else ``((v + 0.055) / 1.055) ** 2.4``; odd below zero, so that
    :func:`to_srgb` undoes it everywhere. Source: IEC 61966-2-1, section 5.2.
    """
    size = np.abs(encoded)
    linear = np.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return np.copysign(linear, encoded).astype(np.float32)


def to_srgb(linear: NDArray[np.float32]) -> NDArray[np.float32]:
    """sRGB values of linear light, float32 of the same shape, 1 to 1, odd below zero.

    ``12.92 l`` up to 0.0031308, else ``1.055 l ** (1 / 2.4) - 0.055``. Source: IEC 61966-2-1,
    section 5.2.
    """
    size = np.abs(linear)
    encoded = np.where(size <= 0.0031308, size * 12.92, 1.055 * size ** (1 / 2.4) - 0.055)
    return np.copysign(encoded, linear).astype(np.float32)


MID_GREY: float = ((0.5 + 0.055) / 1.055) ** 2.4
"""Linear light of the encoded value 0.5: 0.214."""

MID_GREY_STOPS = -math.log2(MID_GREY)
"""How far mid grey lies below white: 2.22 stops."""

MID_GREY_SLOPE: float = 1.055 / 2.4 * MID_GREY ** (1 / 2.4 - 1)
"""d(encoded) / d(linear) at mid grey: 1.08."""
