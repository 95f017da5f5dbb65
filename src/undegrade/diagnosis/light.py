"""Light and colour of a photo, measured on a sample of its pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undegrade.degradation.srgb import MID_GREY, to_linear
from undegrade.metrics.colour import lab
from undegrade.picture import Picture

Floats = NDArray[np.float32]

SIDE = 160
"""Rows and columns of the sample: 0.1 % of it is still 25 pixels."""

PARTS = 3
"""Rows and columns of parts of the photo of which one at a time is left out, to see how much the
values depend on what happens to be in the picture."""

BLACK, WHITE = 2 / 255, 253 / 255
"""Values up to this, or from this on, hold no more than their side of the limit."""

NEAR_GREY = 18.0
"""Chroma, in CIELAB units, up to which a pixel may be grey under a cast."""

LEAST_GREY = 0.02
"""Share of such pixels below which nothing is said about a cast."""

DARKEST = 1e-4
"""Linear light that counts as none: half a step of 8 bit above black."""

NAMES = ("exposure", "headroom", "shadows", "highlights", "red_green", "yellow_blue", "flatness")


@dataclass(frozen=True)
class Light:
    """Values with their standard errors; see :func:`measure` for the keys."""

    value: dict[str, float]
    error: dict[str, float]


def measure(picture: Picture) -> Light:
    """Exposure, clipping, cast and contrast, by pixels spread evenly over *picture*.

    ===========  ======================================================================
    exposure     log2 of the median luminance over that of mid grey (0.214), in stops
    headroom     stops by which the brightest 0.1 % could be raised before they clip
    shadows      share of pixels whose every channel is black
    highlights   share of pixels one of whose channels is full
    red_green    mean CIELAB a* of what may be grey, 0 without a cast
    yellow_blue  its b*
    flatness     L* of the brightest twentieth less that of the darkest
    ===========  ======================================================================

    Their standard errors are the jackknife's over ``PARTS`` x ``PARTS`` parts of the photo (Efron
    and Stein, "The jackknife estimate of variance", Annals of Statistics 1981, equation 1.4).
    """
    rgb, part = _sample(picture)
    pixels = _describe(rgb)
    whole = _values(pixels)
    parts = np.unique(part)
    error = np.full(len(NAMES), np.inf)
    if (count := len(parts)) > 1:
        without = np.array([_values(pixels[part != p]) for p in parts])
        error = np.sqrt((count - 1) / count * ((without - without.mean(0)) ** 2).sum(0))
    return Light(
        dict(zip(NAMES, whole.tolist(), strict=True)), dict(zip(NAMES, error.tolist(), strict=True))
    )


def _sample(picture: Picture) -> tuple[Floats, NDArray[np.intp]]:
    """Pixels (N, 3) in extended sRGB, opaque ones where there are any, and their parts (N,)."""
    rows, columns = (
        np.linspace(0, side - 1, min(side, SIDE)).round().astype(np.intp)
        for side in (picture.height, picture.width)
    )
    grid = np.ix_(rows, columns)
    pixels = picture.pixels[grid]
    rgb = (pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
    rgb = picture.colour.to_srgb(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))
    down, across = (np.arange(len(axis)) * PARTS // len(axis) for axis in (rows, columns))
    part = down[:, None] * PARTS + across
    if picture.alpha is not None:
        opaque = picture.alpha[grid] > np.iinfo(pixels.dtype).max // 2
        if opaque.any():
            return rgb[opaque], part[opaque]
    return rgb.reshape(-1, 3), part.reshape(-1)


def _describe(rgb: Floats) -> NDArray[np.float64]:
    """What counts of pixels (N, 3): luminance, largest light, L*, a*, b*, black, full; (N, 7)."""
    linear = np.clip(to_linear(rgb), 0, 1)
    luminance = linear @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    black, full = (rgb <= BLACK).all(1), (rgb >= WHITE).any(1)
    return np.column_stack([luminance, linear.max(1), lab(np.clip(rgb, 0, 1)), black, full])


def _values(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values of :data:`NAMES` for some pixels of :func:`_describe`."""
    luminance, brightest, lightness, a, b, black, full = pixels.T
    # Bright pixels have lost their colour by clipping, and that of dark ones is noise.
    grey = (np.hypot(a, b) < NEAR_GREY) & (lightness > 15) & (lightness < 95)
    enough = grey.mean() > LEAST_GREY
    low, high = np.quantile(lightness, (0.05, 0.95))
    return np.array(
        [
            np.log2(max(float(np.median(luminance)), DARKEST) / MID_GREY),
            -np.log2(max(float(np.quantile(brightest, 0.999)), DARKEST)),
            black.mean(),
            full.mean(),
            a[grey].mean() if enough else 0.0,
            b[grey].mean() if enough else 0.0,
            high - low,
        ]
    )
