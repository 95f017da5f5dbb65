"""Deep shadows that hold detail: against the light, under trees, in a dim room.

Whether somebody would want them lit is not a question of brightness. Sunsets, silhouettes, night
and low-key portraits are as dark as a face against a window, and are to stay as they are. What
tells them apart is what surrounds the dark: daylight is white, where a sunset, a stage or neon is
coloured, and what is meant to be dark is black, or holds nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undegrade.diagnosis.light import DARKEST, is_whole, jackknife, parts_of, spread
from undegrade.imaging.arrays import Floats
from undegrade.imaging.luma import LUMINANCE
from undegrade.imaging.srgb import MID_GREY, to_linear
from undegrade.picture import Picture

DEEP = -2.0
"""Stops from mid grey, averaged over the surroundings, below which a place lies in shadow."""

BURIED = -5.0
"""Stops from mid grey below which a pixel of a file of 8 bit holds no detail."""

LEAST_SHARE = 0.28
"""Share of the photo that must lie in shadow."""

AROUND = 12
"""The surroundings of a place: one part in so many of the shorter side, to each side of it."""

FINE = 2
"""Pixels of a cell that are looked at along a side."""


@dataclass(frozen=True)
class Shade:
    """What the shadows of a photo are like."""

    stops: float
    """Median of what lies in shadow, from mid grey; 0 where too little does."""
    error: float
    """Its standard error; see :func:`~undegrade.diagnosis.light.jackknife`."""
    chance: float
    """That somebody would want them lit, 0..1; 0 for what is no whole photo."""


CUES = ("burnt", "colour", "black", "sky", "detail")
"""What :data:`WEIGHTS` weigh, see :func:`cues`."""

WEIGHTS: dict[str, tuple[float, float, float]] = {
    "burnt": (0.0178, 0.0508, 0.39),
    "colour": (0.338, 0.239, -0.63),
    "black": (0.081, 0.171, -0.53),
    "sky": (0.713, 2.27, -0.41),
    "detail": (0.318, 0.246, 0.18),
}
"""Mean, deviation and weight of each cue, in the logistic of the chance."""

CONSTANT = -0.63
"""Its constant. All by ``python benchmarks/light_photos.py``, which says what they are worth."""


def measure(picture: Picture) -> Shade:
    """What the shadows of *picture* are like; transparent parts count as any other."""
    seen = cells(picture)
    stops, shaded = _shadows(seen)
    if shaded.mean() < LEAST_SHARE:
        return Shade(0.0, 0.0, 0.0)
    part, deep = parts_of(*stops.shape)[shaded], stops[shaded]
    without = [
        float(np.median(deep[part != one])) for one in np.unique(part) if (part != one).any()
    ]
    score = CONSTANT + sum(
        weight * (value - mean) / deviation
        for value, (mean, deviation, weight) in zip(cues(seen), WEIGHTS.values(), strict=True)
    )
    chance = is_whole(picture) / (1.0 + math.exp(-min(max(score, -30.0), 30.0)))
    return Shade(float(np.median(deep)), float(jackknife(without)), chance)


def lift(before: Floats, after: Floats) -> float:
    """Stops by which the shadows of a photo (rows, columns, 3) are lighter in another; 0 without.

    Both are small and sRGB in [0, 1], such as :func:`cells`.
    """
    stops, shaded = _shadows(before)
    lighter = _shadows(after)[0] - stops
    return float(np.median(lighter[shaded])) if shaded.any() else 0.0


def cells(picture: Picture) -> Floats:
    """*picture* in sRGB (rows, columns, 3), small: as many cells a side as :func:`spread` finds.

    Each is the mean of four of its pixels, so that noise is no detail.
    """
    pixels = picture.pixels[spread(picture, FINE)]
    rows, columns, channels = pixels.shape
    shape = (rows // FINE, FINE, columns // FINE, FINE, channels)
    mean = pixels.reshape(shape).mean((1, 3), np.float32) / np.float32(np.iinfo(pixels.dtype).max)
    return picture.colour.to_srgb(np.broadcast_to(mean, (*mean.shape[:2], 3)))


def share(rgb: Floats) -> float:
    """How much of a photo (rows, columns, 3) lies in shadow, 0..1."""
    return float(_shadows(rgb)[1].mean())


def cues(rgb: Floats) -> tuple[float, ...]:
    """The values of :data:`CUES` of a photo (rows, columns, 3).

    ======  ==============================================================================
    burnt   share of it with a channel that is full: exposed for the shadows, or a window
    colour  mean saturation, 0..1, of what is brighter than half a stop below mid grey; 1 for none
    black   share of it below -6.7 stops
    sky     stops by which its upper third is brighter than its lower
    detail  mean difference in stops of a cell in shadow from those around it
    ======  ==============================================================================
    """
    stops, shaded = _shadows(rgb)
    shown = np.clip(rgb, 0, 1)
    largest, smallest = shown.max(2), shown.min(2)
    bright = stops > -0.5
    saturation = (largest - smallest)[bright] / largest[bright]
    third = max(len(stops) // 3, 1)
    held = shaded & (stops > BURIED)
    fine = np.abs(stops - _averaged(stops, 1))
    return (
        float((largest > 0.985).mean()),
        float(saturation.mean()) if bright.mean() > 0.002 else 1.0,
        float((stops < -6.7).mean()),
        float(stops[:third].mean() - stops[-third:].mean()),
        float(fine[held].mean()) if held.any() else 0.0,
    )


def _shadows(rgb: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Stops from mid grey (rows, columns), and whether a place lies in shadow."""
    luminance = np.clip(to_linear(rgb), 0, 1) @ np.array(LUMINANCE, np.float32)
    stops = np.log2(np.maximum(luminance, DARKEST) / MID_GREY).astype(np.float32)
    return stops, _averaged(stops, max(min(stops.shape) // AROUND, 1)) < DEEP


def _averaged(values: Floats, reach: int) -> Floats:
    """Means over squares of ``2 reach + 1``, smaller ones at the edges."""
    for axis in (0, 1):
        length = values.shape[axis]
        total = np.concatenate(
            [np.zeros_like(values.take([0], axis)), values.cumsum(axis, np.float64)], axis
        )
        last = np.minimum(np.arange(length) + reach + 1, length)
        first = np.maximum(np.arange(length) - reach, 0)
        size = (last - first).reshape((-1, 1) if axis == 0 else (1, -1))
        values = ((total.take(last, axis) - total.take(first, axis)) / size).astype(np.float32)
    return values
