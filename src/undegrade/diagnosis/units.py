"""The quantities of the network, and what their levels mean."""

from __future__ import annotations

import math

QUANTITIES = ("noise", "jpeg", "blur")
"""What the network reads off a crop, in the order of its outputs."""

OWN_BLUR = 0.45
"""Standard deviation in pixels of the blur that sampling itself stands for.

A picture that was reduced and enlarged again by *s* passes half of the contrast at about 0.42 / s
cycles a pixel, as a Gaussian of 0.45 s pixels does."""

OCTAVES = 3.0
"""Octaves of detail that are missing at blur level 1: an eighth of the pixels' resolution."""


def blur_level(sigma: float) -> float:
    """Level of a blur of *sigma* pixels: ``log2(scale) / 3``; see :func:`detail_scale`."""
    return math.log2(math.hypot(1.0, sigma / OWN_BLUR)) / OCTAVES


def detail_scale(level: float) -> float:
    """How many times smaller a picture of blur *level* would hold the same detail.

    ``scale = sqrt(1 + (sigma / 0.45)^2)``, so that enlarging by *s* multiplies it by *s*.
    """
    return 2.0 ** (OCTAVES * max(level, 0.0))


def blur_sigma(level: float) -> float:
    """The inverse of :func:`blur_level`, in pixels."""
    return OWN_BLUR * math.sqrt(max(detail_scale(level) ** 2 - 1.0, 0.0))
