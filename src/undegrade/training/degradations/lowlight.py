"""Too little light, or light in the wrong places, and the noise that comes with it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.degradation.lowlight import WORST_STOPS, Lowlight, underexposed
from undegrade.imaging.arrays import column
from undegrade.imaging.srgb import MID_GREY_STOPS, to_linear
from undegrade.training.degradations.batches import (
    check_parameters,
    check_pictures,
    normal,
    uniform,
)


class LowlightDamage(NamedTuple):
    """Parameters of :func:`lowlight` in its order, each (N,), in units as ``Lowlight.fields``."""

    stops: Tensor
    gamma: Tensor
    gain: Tensor
    read: Tensor


def lowlight(
    x: Tensor, stops: Tensor, gamma: Tensor, gain: Tensor, read: Tensor, generator: torch.Generator
) -> Tensor:
    """Underexpose by *stops*, with a sensor's noise; clipped to [0, 1].

    ``d = 2**-stops * l**gamma`` in linear light ``l``, then ``y = srgb(d + sqrt(gain * d + read**2)
    * n)`` with ``n ~ N(0, 1)``; see :class:`undegrade.degradation.lowlight.Lowlight`.
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


DARKEST_STOPS = 8.0
"""Exposure that is missing at most, in stops."""

CELLS = 16
"""Side of the grid on which the light around a pixel is measured."""

BRIGHT = 0.9
"""Quantile of the light around the pixels that a camera exposes for in a backlit scene."""

FLOOR = 1e-3
"""Linear light below which there is nothing to be lost."""


class LightDamage(NamedTuple):
    """Parameters of :func:`relight`, each (N,) but the last."""

    stops: Tensor
    """Exposure that is missing everywhere."""

    gamma: Tensor
    """Exponent in linear light, 1 for none."""

    contrast: Tensor
    """Backlight: what lies darker than the bright parts of the scene lies darker by this power of
    the ratio, so that 0 changes nothing."""

    uneven: Tensor
    """Stops by which the darkest places are darker than the others."""

    red: Tensor
    """Gain of red in stops."""

    blue: Tensor
    gain: Tensor
    """Linear light of one photoelectron, white = 1."""

    read: Tensor
    """Standard deviation of the read noise in linear light."""

    places: Tensor
    """Where it is dark, (N, 1, h, w) in 0..1, enlarged to the picture."""


def relight(x: Tensor, damage: LightDamage, generator: torch.Generator) -> Tensor:
    """Pictures *x* (N, 3, H, W) in sRGB as they would have been in other light, in [0, 1].

    In linear light ``l``, with ``a`` the light around a pixel (means over a 16th of the picture,
    interpolated) and ``b`` its 0.9 quantile in the picture:
    ``d = l^gamma min(a / b, 1)^contrast 2^-(stops + uneven places)``, gains of red and blue, then a
    sensor's noise. The power of what is around a pixel keeps its texture, as a backlit subject
    keeps it: the camera has exposed for what is bright.
    """
    light = to_linear(x).clamp(min=0.0)
    size = x.shape[-2:]
    around = F.adaptive_avg_pool2d(light.mean(1, keepdim=True), CELLS).clamp(min=FLOOR)
    bright = torch.quantile(around.flatten(1), BRIGHT, dim=1).view(-1, 1, 1, 1)
    fall = (around / bright).clamp(max=1.0) ** column(damage.contrast, x)
    fall = F.interpolate(fall, size, mode="bilinear", align_corners=False)
    places = F.interpolate(damage.places.to(x), size, mode="bicubic").clamp(0.0, 1.0)
    # From one light to another within a part of the picture, not over all of it.
    places = places * places * (3.0 - 2.0 * places)
    stops = column(damage.stops, x) + column(damage.uneven, x) * places
    tint = torch.stack([damage.red, torch.zeros_like(damage.red), damage.blue], 1).to(x)
    result: Tensor = underexposed(
        x,
        normal(x, generator),
        factor=fall * torch.exp2(tint[:, :, None, None] - stops),
        gamma=column(damage.gamma, x),
        gain=column(damage.gain, x),
        read=column(damage.read, x),
    )
    return result


def sample_light(count: int, generator: torch.Generator) -> LightDamage:
    """One in eight as it is; the others dark (one half), backlit or unevenly lit.

    Dark by 0..8 stops, up to a third of them by gamma; backlit and uneven ones by up to one stop
    more or less beside that. Noise of high ISO.
    """
    kind = torch.rand(count, generator=generator)
    some = kind >= 1 / 8
    dark, backlit, uneven = some & (kind < 0.55), (kind >= 0.55) & (kind < 0.8), kind >= 0.8
    total = uniform(count, 0.0, DARKEST_STOPS, generator) * dark
    share = uniform(count, 0.0, 1.0 / 3.0, generator)
    shift = uniform(count, -0.3, 1.0, generator) * (backlit | uneven)
    cells = int(torch.randint(2, 6, (1,), generator=generator))
    tint = 0.12 * torch.randn(2, count, generator=generator) * some
    return LightDamage(
        stops=total * (1.0 - share) + shift,
        gamma=1.0 + total * share / MID_GREY_STOPS,
        contrast=uniform(count, 0.3, 1.3, generator) * backlit,
        uneven=uniform(count, 1.0, 4.5, generator) * uneven,
        red=tint[0],
        blue=tint[1],
        gain=10.0 ** uniform(count, -4.5, -2.5, generator) * some,
        read=10.0 ** uniform(count, -4.5, -2.9, generator) * some,
        places=torch.rand(count, 1, cells, cells, generator=generator) * 1.4 - 0.2,
    )
