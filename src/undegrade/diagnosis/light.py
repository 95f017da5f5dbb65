"""Light and colour of a photo, measured on a sample of its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undegrade.imaging.arrays import Floats
from undegrade.imaging.luma import LUMINANCE
from undegrade.imaging.srgb import MID_GREY, to_linear
from undegrade.metrics.colour import lab
from undegrade.picture import Picture

SIDE = 160
"""Rows and columns of the sample: 0.1 % of it is still 25 pixels."""

WHOLE = 640 * 480
"""Pixels of the smallest photo that cameras take."""

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

RANKED = 3
"""Rows of :func:`_describe` of which quantiles are taken."""

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

    Their standard errors are the jackknife's over ``PARTS`` x ``PARTS`` parts of the photo.
    """
    rgb, part = _sample(picture)
    seen = _describe(rgb)
    ranked, others = seen[:RANKED], seen[RANKED:]
    order = np.argsort(ranked, axis=1)
    ranked, part_ranked = np.take_along_axis(ranked, order, 1), part[order]
    whole = _values(ranked, others)
    parts = np.unique(part)
    without = np.empty((len(parts), len(NAMES)))
    for row, left_out in enumerate(parts if len(parts) > 1 else ()):
        # What is left of sorted values is sorted.
        left = [v[of != left_out] for v, of in zip(ranked, part_ranked, strict=True)]
        without[row] = _values(left, others.take(np.flatnonzero(part != left_out), 1))
    error = jackknife(without)
    return Light(
        dict(zip(NAMES, whole.tolist(), strict=True)), dict(zip(NAMES, error.tolist(), strict=True))
    )


def is_whole(picture: Picture) -> bool:
    """Whether *picture* may be a whole photo: what is smaller than any is a part or a thumbnail,
    and of what was around it nobody can tell."""
    return picture.width * picture.height >= WHOLE


def spread(picture: Picture, fine: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns, to index pixels by, spread evenly over *picture*: *fine* for each of
    :data:`SIDE` places along a side, or of as many as it has pixels."""
    down, across = (
        np.linspace(0, side - 1, fine * min(side, SIDE)).round().astype(np.intp)
        for side in (picture.height, picture.width)
    )
    return down[:, None], across


def parts_of(height: int, width: int) -> NDArray[np.intp]:
    """In which of ``PARTS`` x ``PARTS`` parts of a picture each of its pixels lies, (H, W)."""
    down, across = (np.arange(side) * PARTS // side for side in (height, width))
    return down[:, None] * PARTS + across


def jackknife(without: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of a value by what it is *without* each part, the first axis; infinite for one
    part alone.

    Source: Efron and Stein, "The jackknife estimate of variance", Annals of Statistics 1981,
    equation 1.4.
    """
    values = np.asarray(without, np.float64)
    if len(values) < 2:
        return np.full(values.shape[1:], np.inf)
    return np.asarray(np.sqrt((len(values) - 1) * values.var(0)))


def _sample(picture: Picture) -> tuple[Floats, NDArray[np.intp]]:
    """Pixels (N, 3) in extended sRGB, opaque ones where there are any, and their parts (N,)."""
    grid = spread(picture, 1)
    pixels = picture.pixels[grid]
    rgb = (pixels / np.float32(np.iinfo(pixels.dtype).max)).astype(np.float32)
    rgb = picture.colour.to_srgb(np.broadcast_to(rgb, (*rgb.shape[:2], 3)))
    part = parts_of(*rgb.shape[:2])
    if picture.alpha is not None:
        opaque = picture.alpha[grid] > np.iinfo(pixels.dtype).max // 2
        if opaque.any():
            return rgb[opaque], part[opaque]
    return rgb.reshape(-1, 3), part.reshape(-1)


def _describe(rgb: Floats) -> NDArray[np.float64]:
    """What counts of pixels (N, 3), (8, N): luminance, largest light, L*, a*, b*, and whether they
    are black, full, and perhaps grey."""
    linear = np.clip(to_linear(rgb), 0, 1)
    luminance = linear @ np.array(LUMINANCE, np.float32)
    black, full = (rgb <= BLACK).all(1), (rgb >= WHITE).any(1)
    lightness, a, b = lab(np.clip(rgb, 0, 1)).T
    # Bright pixels have lost their colour by clipping, and that of dark ones is noise.
    grey = (np.hypot(a, b) < NEAR_GREY) & (lightness > 15) & (lightness < 95)
    return np.stack([luminance, linear.max(1), lightness, a, b, black, full, grey])


def _values(
    ranked: Sequence[NDArray[np.float64]] | NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The values of :data:`NAMES` for some pixels of :func:`_describe`.

    *ranked* are the first ``RANKED`` of their rows, each sorted, *others* the rest as they are.
    """
    luminance, brightest, lightness = ranked
    a, b, black, full, maybe_grey = others
    grey = maybe_grey > 0
    enough = grey.mean() > LEAST_GREY
    return np.array(
        [
            np.log2(max(_quantile(luminance, 0.5), DARKEST) / MID_GREY),
            -np.log2(max(_quantile(brightest, 0.999), DARKEST)),
            black.mean(),
            full.mean(),
            a[grey].mean() if enough else 0.0,
            b[grey].mean() if enough else 0.0,
            _quantile(lightness, 0.95) - _quantile(lightness, 0.05),
        ]
    )


def _quantile(ordered: NDArray[np.float64], share: float) -> float:
    """Of sorted values, linear between them."""
    at = (len(ordered) - 1) * share
    below = int(at)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return float(low + (high - low) * (at - below))
