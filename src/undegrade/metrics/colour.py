"""Colour difference as people see it: CIEDE2000."""

from __future__ import annotations

import math

import numpy as np

from undegrade.imaging.arrays import Doubles
from undegrade.imaging.srgb import to_linear
from undegrade.metrics.base import Comparison, coloured

XYZ = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
"""Linear RGB with the primaries of BT.709 and the white D65 to XYZ."""

WHITE = (0.95047, 1.0, 1.08883)
"""D65 for the observer of 2 degrees."""

ROWS = 64
"""Rows measured at a time, to bound memory."""


class CIEDE2000(Comparison):
    """Mean colour difference over the picture; 0 for equal pictures, about 1 just noticeable.

    Weights kL = kC = kH = 1.

    Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula: implementation notes,
    supplementary test data, and mathematical observations", Color Research and Application 30(1),
    2005, equations 2 to 22.
    """

    name = "ciede2000"
    better = "lower"
    range = (0.0, math.inf)
    channels = ("rgb",)

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        total = 0.0
        for top in range(0, len(picture), ROWS):
            strip = slice(top, top + ROWS)
            pair = (lab(coloured(image[strip])) for image in (picture, reference))
            total += float(difference(*pair).sum())
        height, width, _ = picture.shape
        return float(total / (height * width))


def lab(picture: Doubles) -> Doubles:
    """CIELAB of sRGB in [0, 1], both (..., 3): L in 0..100, a and b around 0."""
    xyz = to_linear(picture) @ np.array(XYZ).T / WHITE
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def difference(first: Doubles, second: Doubles) -> Doubles:
    """CIEDE2000 of each pair of CIELAB colours, (..., 3) twice to (...)."""
    l1, a1, b1 = np.moveaxis(first, -1, 0)
    l2, a2, b2 = np.moveaxis(second, -1, 0)
    stretch = 1.5 - 0.5 * _saturation((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    c1, c2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = _hue(stretch * a1, b1), _hue(stretch * a2, b2)
    coloured_both = c1 * c2 != 0

    turn = h2 - h1
    turn = np.where(np.abs(turn) <= 180, turn, turn - np.copysign(360, turn))
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(np.where(coloured_both, turn, 0)) / 2)

    sum_h = h1 + h2
    mean_h = np.where(
        np.abs(h1 - h2) <= 180, sum_h / 2, (sum_h + np.where(sum_h < 360, 360, -360)) / 2
    )
    mean_h = np.where(coloured_both, mean_h, sum_h)
    mean_l, mean_c = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(np.radians(mean_h - 30))
        + 0.24 * np.cos(np.radians(2 * mean_h))
        + 0.32 * np.cos(np.radians(3 * mean_h + 6))
        - 0.20 * np.cos(np.radians(4 * mean_h - 63))
    )
    off = (mean_l - 50) ** 2
    sl = 1 + 0.015 * off / np.sqrt(20 + off)
    sc = 1 + 0.045 * mean_c
    sh = 1 + 0.015 * mean_c * t
    rotation = 30 * np.exp(-(((mean_h - 275) / 25) ** 2))
    rt = -2 * _saturation(mean_c) * np.sin(np.radians(2 * rotation))
    l_part, c_part, h_part = dl / sl, dc / sc, dh / sh
    squared = l_part**2 + c_part**2 + h_part**2 + rt * c_part * h_part
    # Rounding can leave a little less than nothing where the colours are all but equal.
    result: Doubles = np.sqrt(np.maximum(squared, 0))
    return result


def _saturation(chroma: Doubles) -> Doubles:
    """``sqrt(C^7 / (C^7 + 25^7))``."""
    power = chroma**7
    return np.sqrt(power / (power + 25.0**7))


def _hue(a: Doubles, b: Doubles) -> Doubles:
    """Degrees in [0, 360), 0 for grey."""
    return np.degrees(np.arctan2(b, a)) % 360
