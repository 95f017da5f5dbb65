"""Statistics of natural scenes: normalised luminance and the distributions fitted to it.

What NIQE and BRISQUE have in common. Natural pictures, divided by their local contrast, are close
to Gaussian; damage changes the shape.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.arrays import Doubles
from undegrade.metrics.window import gaussian, windowed

WINDOW = gaussian(7, 7 / 6)


class Fit(NamedTuple):
    """Asymmetric generalised Gaussians: shape and the two standard deviations, an array each."""

    alpha: Doubles
    left: Doubles
    right: Doubles
    gamma1: Doubles
    """``Gamma(1 / alpha)``, and so on."""
    gamma2: Doubles
    gamma3: Doubles

    @property
    def scale(self) -> Doubles:
        """``beta / standard deviation = sqrt(Gamma(1 / alpha) / Gamma(3 / alpha))``."""
        return np.sqrt(self.gamma1 / self.gamma3)


def normalised(image: Doubles, border: Literal["edge", "constant"], floor: float = 1.0) -> Doubles:
    """``(I - m) / (s + floor)``: mean-subtracted, contrast-normalised coefficients of (H, W).

    ``m`` and ``s`` are mean and standard deviation under a 7x7 Gaussian window of sigma 7/6; beyond
    the picture its edge is repeated, or zeros are assumed ("constant").
    """
    padded = np.pad(image, len(WINDOW) // 2, mode=border)
    mean = windowed(padded, WINDOW)
    # The absolute value mends rounding, as in the authors' code.
    deviation = np.sqrt(np.abs(windowed(padded * padded, WINDOW) - mean * mean))
    return (image - mean) / (deviation + floor)


def shifted_products(values: Doubles, shifts: Sequence[tuple[int, int]]) -> list[Doubles]:
    """*values*, (..., H, W), times themselves moved circularly by (down, right), for each shift."""
    return [values * np.roll(values, shift, axis=(-2, -1)) for shift in shifts]


def asymmetric_fit(values: Doubles) -> Fit:
    """Fit asymmetric generalised Gaussians to the last two axes by matching moments.

    Standard deviations are NaN where no value is negative, or none positive; the shape then is the
    least of the table, as in the authors' code.

    Source: Lasmar, Stitou and Berthoumieu, "Multiscale skewed heavy tailed model for texture
    analysis", ICIP 2009; table search as in the authors' code of NIQE and BRISQUE.
    """
    squares = values * values
    below, above = values < 0, values > 0
    axes = (-2, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = np.sqrt(np.sum(squares, axes, where=below) / np.count_nonzero(below, axes))
        right = np.sqrt(np.sum(squares, axes, where=above) / np.count_nonzero(above, axes))
        skew = left / right
        ratio = np.mean(np.abs(values), axes) ** 2 / np.mean(squares, axes)
        ratio = ratio * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    table = _table()
    index = _nearest(table.ratio, ratio)
    return Fit(
        table.alpha[index],
        left,
        right,
        table.gamma1[index],
        table.gamma2[index],
        table.gamma3[index],
    )


def symmetric_fit(values: Doubles) -> tuple[float, float]:
    """Shape and variance of a generalised Gaussian fitted to all of *values* by moments."""
    variance = float(np.mean(values * values))
    with np.errstate(divide="ignore", invalid="ignore"):
        kurtosis = np.asarray(variance / np.mean(np.abs(values)) ** 2)
    table = _table()
    # The authors search on the reciprocal, which falls with the shape.
    index = _nearest(-1.0 / table.ratio, -kurtosis)
    return float(table.alpha[index]), variance


class _Table(NamedTuple):
    alpha: Doubles
    gamma1: Doubles
    gamma2: Doubles
    gamma3: Doubles
    ratio: Doubles
    """``Gamma(2/a)^2 / (Gamma(1/a) Gamma(3/a))``, which rises with a."""


@cache
def _table() -> _Table:
    alpha = np.linspace(0.2, 10.0, 9801)
    one, two, three = (np.array([math.gamma(k / a) for a in alpha]) for k in (1, 2, 3))
    return _Table(alpha, one, two, three, two**2 / (one * three))


def _nearest(rising: Doubles, values: Doubles) -> NDArray[np.intp]:
    """Index of the entry of *rising* nearest to each of *values*; 0 for NaN."""
    known = np.where(np.isnan(values), rising[0], values)
    after = np.clip(np.searchsorted(rising, known), 1, len(rising) - 1)
    return after - (known - rising[after - 1] <= rising[after] - known)
