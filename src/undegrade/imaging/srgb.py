"""Between sRGB-encoded values and linear light, on arrays of numpy or torch."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from array_api_compat import array_namespace

T = TypeVar("T")
"""A float32 array of numpy or torch."""

ENCODED_KNEE = 0.04045
LINEAR_KNEE = 0.0031308
"""Where the straight part of the curve ends, in encoded values and in linear light."""


def to_linear(encoded: T) -> T:
    """Linear light of sRGB values, of the same type and shape, 1 to 1.

    ``v / 12.92`` up to 0.04045, else ``((v + 0.055) / 1.055) ** 2.4``; odd below zero, so that
    :func:`to_srgb` undoes it everywhere. Source: IEC 61966-2-1, section 5.2.
    """
    xp = array_namespace(encoded)
    size: Any = xp.abs(encoded)
    linear = xp.where(size <= ENCODED_KNEE, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    signed: T = xp.copysign(linear, encoded)
    return signed


def to_srgb(linear: T) -> T:
    """sRGB values of linear light, of the same type and shape, 1 to 1, odd below zero.

    ``12.92 l`` up to 0.0031308, else ``1.055 l ** (1 / 2.4) - 0.055``. Source: IEC 61966-2-1,
    section 5.2.
    """
    xp = array_namespace(linear)
    size: Any = xp.abs(linear)
    # The root's slope at 0 is infinite: kept off it, gradients stay finite.
    curved = 1.055 * xp.clip(size, min=LINEAR_KNEE) ** (1 / 2.4) - 0.055
    signed: T = xp.copysign(xp.where(size <= LINEAR_KNEE, size * 12.92, curved), linear)
    return signed


MID_GREY: float = ((0.5 + 0.055) / 1.055) ** 2.4
"""Linear light of the encoded value 0.5: 0.214."""

MID_GREY_STOPS = -math.log2(MID_GREY)
"""How far mid grey lies below white: 2.22 stops."""

MID_GREY_SLOPE: float = 1.055 / 2.4 * MID_GREY ** (1 / 2.4 - 1)
"""d(encoded) / d(linear) at mid grey: 1.08."""
