"""The quantities that the network reads off a crop, and what their levels mean."""

from __future__ import annotations

import math
from collections.abc import Callable

from undegrade.imaging.jpeg_tables import jpeg_level, quality_of_level
from undegrade.imaging.noise_levels import MAX_NOISE, NOISE, grain_level, grain_size

QUANTITIES = (*NOISE, "grain", "jpeg", "blur")
"""What the network reads off a crop, in the order of its outputs."""

CROP = 128
"""Side in pixels of the crops that the network reads."""

GRID = 8
"""Period of JPEG's blocks, on which crops are laid."""

LOG_VARIANCES = (-10.0, 4.0)
"""Range to which the network's log-variances are clamped, in training, too."""

OWN_BLUR = 0.45
"""Standard deviation in pixels of the blur that sampling itself stands for.

A picture that was reduced and enlarged again by *s* passes half of the contrast at about 0.42 / s
cycles a pixel, as a Gaussian of 0.45 s pixels does.
"""

OCTAVES = 3.0
"""Octaves of detail that are missing at blur level 1: an eighth of the pixels' resolution."""

MAX_LIFT = 8.0
"""Stops of lift at level 1."""


def blur_level(sigma: float) -> float:
    """Level of a blur of *sigma* pixels: ``log2(scale) / 3``; see :func:`detail_scale`."""
    return math.log2(math.hypot(1.0, sigma / OWN_BLUR)) / OCTAVES


def detail_scale(level: float) -> float:
    """How many times smaller a picture of blur *level* could be and hold the same detail.

    ``scale = sqrt(1 + (sigma / 0.45)^2)``, so that enlarging by *s* multiplies it by *s*.
    """
    return math.exp2(OCTAVES * max(level, 0.0))


def blur_sigma(level: float) -> float:
    """The inverse of :func:`blur_level`, in pixels."""
    return OWN_BLUR * math.sqrt(max(detail_scale(level) ** 2 - 1.0, 0.0))


UNITS: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "lift": (lambda stops: min(stops / MAX_LIFT, 1.0), lambda level: level * MAX_LIFT),
    "grain": (grain_level, grain_size),
    "jpeg": (jpeg_level, quality_of_level),
    "blur": (blur_level, blur_sigma),
}
"""To the level of a quantity, and back; all else is noise."""


def to_level(quantity: str, value: float) -> float:
    """The level of a *value* in the unit that people use.

    Noise in 0..255 units, grain in pixels, quality, pixels of blur, stops of lift.
    """
    return UNITS[quantity][0](value) if quantity in UNITS else value / MAX_NOISE


def from_level(quantity: str, level: float) -> float:
    """The inverse of :func:`to_level`; levels below 0 count as 0."""
    level = max(level, 0.0)
    return UNITS[quantity][1](level) if quantity in UNITS else level * MAX_NOISE
