"""From what the crops say to what the photo has."""

from __future__ import annotations

import numpy as np

from undegrade.diagnosis.units import QUANTITIES
from undegrade.imaging.arrays import Doubles

SHARED = 0.3
"""Part of a crop's variance that all crops of a photo share: they show one scene through one lens,
so that sixteen of them are not sixteen independent opinions."""

AT = {"blur": 0.25}
"""Which weighted quantile of the crops speaks for the photo, where it is not the median.

The median, because a few crops may be wrong and sure of it: a lawn looks like noise, a fence like
blocks. For blur the sharpest quarter, because a background out of focus is no damage.
"""


def aggregate(mean: Doubles, deviation: Doubles) -> tuple[Doubles, Doubles]:
    """Levels of the photo and their standard deviations, each (K,), from crops' (N, K).

    Each crop counts by the inverse of its variance, so that a crop that cannot know, such as blue
    sky for blur, is not asked; the weighted median, or the quantile ``AT``, is taken. Its variance
    is that of the crops, of which only the part not ``SHARED`` becomes smaller with their effective
    number.
    """
    variance = deviation**2
    weight = (1.0 / variance) / (1.0 / variance).sum(0)
    level = np.array(
        [
            _quantile(mean[:, k], weight[:, k], AT.get(quantity, 0.5))
            for k, quantity in enumerate(QUANTITIES)
        ]
    )
    typical = 1.0 / (1.0 / variance).mean(0)
    effective = 1.0 / (weight**2).sum(0)
    return level, np.sqrt(typical * (SHARED + (1.0 - SHARED) / effective))


def _quantile(values: Doubles, weights: Doubles, share: float) -> float:
    """The weighted quantile, linear between the middles of the weights."""
    order = np.argsort(values, kind="stable")
    middles = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(share, middles, values[order]))
