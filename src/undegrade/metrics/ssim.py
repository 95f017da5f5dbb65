"""Structural similarity, at one scale and at several."""

from __future__ import annotations

import numpy as np

from undegrade.imaging.arrays import Doubles
from undegrade.metrics.base import Comparison
from undegrade.metrics.window import gaussian, windowed

SIZE, SIGMA = 11, 1.5
"""The Gaussian window, in pixels."""

C1, C2 = 0.01**2, 0.03**2
"""K1 and K2 of the paper, squared, for a peak of 1."""

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents from the finest scale to the coarsest (Wang et al. 2003, section 3.2)."""

ROWS = 128
"""Rows of windows that are computed at a time, so that all moments of a strip stay in the cache."""


class SSIM(Comparison):
    """Structural similarity: 1 for equal pictures, at least -1; the mean of the channels' values.

    ``(2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2))``, averaged over all
    positions where the 11x11 Gaussian window (sigma 1.5) lies inside the picture; no automatic
    downsampling.

    Source: Wang, Bovik, Sheikh and Simoncelli, IEEE TIP 13(4), 2004, equation 13.
    """

    name = "ssim"
    better = "higher"
    range = (-1.0, 1.0)
    least = SIZE

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        pairs = zip(_planes(picture), _planes(reference), strict=True)
        return float(np.mean([similarity(x, y, SIZE, SIGMA)[0] for x, y in pairs]))


class MSSSIM(Comparison):
    """SSIM over five scales: ``s_5^w_5 prod_j cs_j^w_j`` for j = 1..4.

    ``s`` is SSIM, ``cs`` the same without the luminance term, each the mean over a scale; of colour
    pictures the mean of the channels' values. Scales are halved by 2x2 means; an odd last row or
    column is repeated. A negative factor counts as 0, which fractional powers need. The coarsest
    scale must hold one window: sides of 176 pixels.

    Source: Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality
    assessment", Asilomar 2003, equation 7; scales and sizes as in the authors' code.
    """

    name = "ms-ssim"
    better = "higher"
    range = (0.0, 1.0)
    least = SIZE << (len(WEIGHTS) - 1)

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        pairs = zip(_planes(picture), _planes(reference), strict=True)
        return float(np.mean([_combined(scales([x], [y], shrink=False)) for x, y in pairs]))


class DPEDMSSSIM(Comparison):
    """MS-SSIM as the DPED reports it, which is defined on patches of 100x100 pixels.

    Differs from :class:`MSSSIM` in two ways: where a scale is smaller than the window, the window
    shrinks to the scale's shorter side n and its sigma to 1.5 n / 11; and the means of ``s`` and
    ``cs`` go over the channels before the powers are taken.

    Source: Ignatov et al., ICCV 2017, ``ssim.py`` of the authors' code.
    """

    name = "ms-ssim-dped"
    better = "higher"
    range = (0.0, 1.0)

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        return _combined(scales(_planes(picture), _planes(reference), shrink=True))


def similarity(x: Doubles, y: Doubles, size: int, sigma: float) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure of one channel, (H, W) twice in [0, 1]."""
    kernel = gaussian(size, sigma)
    height, width = x.shape[0] - size + 1, x.shape[1] - size + 1
    ssim = structure = 0.0
    for top in range(0, height, ROWS):
        strip = slice(top, min(top + ROWS, height) + size - 1)
        a, b = x[strip], y[strip]
        mx, my = windowed(a, kernel), windowed(b, kernel)
        product, squares = mx * my, mx * mx + my * my
        covariance = windowed(a * b, kernel) - product
        variances = windowed(a * a + b * b, kernel) - squares
        cs = (2.0 * covariance + C2) / (variances + C2)
        structure += float(cs.sum())
        ssim += float((cs * (2.0 * product + C1) / (squares + C1)).sum())
    return ssim / (height * width), structure / (height * width)


def scales(xs: list[Doubles], ys: list[Doubles], *, shrink: bool) -> list[tuple[float, float]]:
    """SSIM and contrast-structure of each scale, means over the channels, finest first.

    With *shrink* the window follows the scale where that is smaller.
    """
    values = []
    for _ in WEIGHTS:
        size = min(SIZE, *xs[0].shape) if shrink else SIZE
        pairs = [similarity(x, y, size, size * SIGMA / SIZE) for x, y in zip(xs, ys, strict=True)]
        ssim, structure = np.mean(pairs, axis=0)
        values.append((float(ssim), float(structure)))
        xs, ys = [_halved(x) for x in xs], [_halved(y) for y in ys]
    return values


def _combined(values: list[tuple[float, float]]) -> float:
    factors = [structure for _, structure in values[:-1]] + [values[-1][0]]
    return float(np.prod(np.maximum(factors, 0.0) ** np.array(WEIGHTS)))


def _halved(image: Doubles) -> Doubles:
    """Means of 2x2 pixels, (H, W) to (ceil(H / 2), ceil(W / 2))."""
    odd = [(0, side % 2) for side in image.shape]
    even = np.pad(image, odd, mode="edge")
    return (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4.0


def _planes(picture: Doubles) -> list[Doubles]:
    """The channels of (H, W, C), each (H, W) and contiguous."""
    return [np.ascontiguousarray(picture[:, :, c]) for c in range(picture.shape[2])]
