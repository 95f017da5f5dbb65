"""Too little light: underexposed, and the noise that comes with it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.degradation.lowlight import WORST_STOPS, Lowlight, underexposed
from undegrade.imaging.arrays import column
from undegrade.imaging.srgb import MID_GREY_STOPS
from undegrade.training.degradations.batches import (
    check_parameters,
    check_pictures,
    normal,
    uniform,
)


class LowlightDamage(NamedTuple):
    """Parameters of :func:`lowlight` in its order, each (N,)."""

    stops: Tensor
    """Exposure that is missing, in stops."""

    gamma: Tensor
    """Exponent in linear light, 1 for none."""

    gain: Tensor
    """Linear light of one photoelectron, white = 1."""

    read: Tensor
    """Standard deviation of the read noise in linear light."""


def lowlight(
    x: Tensor,
    stops: Tensor,
    gamma: Tensor,
    gain: Tensor,
    read: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """Underexpose by *stops*, with a sensor's noise; clipped to [0, 1].

    ``d = 2**-stops * l**gamma`` in linear light ``l``, then ``y = srgb(d + sqrt(gain * d + read**2)
    * n)`` with ``n ~ N(0, 1)``; see :class:`undegrade.degradation.lowlight.Lowlight`.

    Raises
    ------
    ValueError: *x* is no batch of pictures, or a parameter does not fit it or lies out of range.
    """
    check_pictures(x)
    check_parameters(len(x), Lowlight.fields, stops=stops, gamma=gamma, gain=gain, read=read)
    result: Tensor = underexposed(
        x,
        normal(x, generator),
        factor=torch.exp2(-column(stops, x)),
        gamma=column(gamma, x),
        gain=column(gain, x),
        read=column(read, x),
    )
    return result


def sample_lowlight(count: int, generator: torch.Generator) -> LowlightDamage:
    """Mid grey loses 0..5 stops, up to a third of them by gamma; noise of high ISO."""
    total = uniform(count, 0.0, WORST_STOPS, generator)
    share = uniform(count, 0.0, 1.0 / 3.0, generator)
    return LowlightDamage(
        stops=total * (1.0 - share),
        gamma=1.0 + total * share / MID_GREY_STOPS,
        gain=10.0 ** uniform(count, -4.0, -2.5, generator),
        read=10.0 ** uniform(count, -4.0, -2.7, generator),
    )
