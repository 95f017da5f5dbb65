"""From what the crops say to what the photo has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undegrade.diagnosis.units import QUANTITIES
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.noise_levels import NOISE

SHARED, SHARED_NOISE = 0.3, 0.6
"""Part of a crop's variance that all crops of a photo share: they show one scene through one lens,
so that sixteen of them are not sixteen independent opinions. That of noise is such that errors on
damage of kinds that training never draws are as large as they are said to be."""

FAINT = 0.01
"""Level of noise, half a step of 8 bit, below which errors are no longer told in parts of it."""

SUREST = 0.35
"""Relative deviation that no crop's opinion on noise falls below when it is weighed: a few that
are sure and wrong, such as gravel, are outvoted."""

AT = {"blur": 0.25}
"""Which weighted quantile of the crops speaks for the photo, where it is not the median.

The median, because a few crops may be wrong and sure of it: a lawn looks like noise, a fence like
blocks. For blur the sharpest quarter, because a background out of focus is no damage.
"""


def aggregate(mean: Doubles, deviation: Doubles) -> tuple[Doubles, Doubles]:
    """Levels of the photo and their standard deviations, each (K,), from crops' (N, K).

    Each crop counts by the inverse of its variance, so that a crop that cannot know, such as blue
    sky for blur, is not asked; the weighted median, or the quantile ``AT``, is taken. Its variance
    is that of the crops, of which only the part not shared becomes smaller with their effective
    number.

    How far noise may be misread grows with the noise, so its deviation is taken relative to it (and
    to ``FAINT``): by plain ones the crops that see least of it are always the surest, and on damage
    of kinds that training never draws photos were read 0.9 too low of 0..255, now 0.1.
    """
    noise = np.isin(QUANTITIES, NOISE)
    relative = deviation / _unit(mean, noise)
    weight = 1.0 / np.where(noise, np.maximum(relative, SUREST), relative) ** 2
    weight /= weight.sum(0)
    level = np.array(
        [
            _quantile(mean[:, k], weight[:, k], AT.get(quantity, 0.5))
            for k, quantity in enumerate(QUANTITIES)
        ]
    )
    typical = 1.0 / (1.0 / relative**2).mean(0)
    effective = 1.0 / (weight**2).sum(0)
    shared = np.where(noise, SHARED_NOISE, SHARED)
    error = np.sqrt(typical * (shared + (1.0 - shared) / effective))
    return level, error * _unit(level, noise)


def _unit(level: Doubles, noise: NDArray[np.bool_]) -> Doubles:
    """What errors of *level* are parts of: that of *noise* itself, 1 of all else."""
    return np.where(noise, np.maximum(level, 0.0) + FAINT, 1.0)


def _quantile(values: Doubles, weights: Doubles, share: float) -> float:
    """The weighted quantile, linear between the middles of the weights."""
    order = np.argsort(values, kind="stable")
    middles = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share, middles, values[order]))
