"""Prints and slides whose dyes have faded, as a scanner sees them."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.degradation.fade import LEAST_KEPT, YELLOWEST, faded, flat
from undegrade.imaging.arrays import column
from undegrade.training.degradations.batches import choice, uniform

STOP = math.log10(2)
"""Density of a stop."""


class FadeDamage(NamedTuple):
    """Parameters of :func:`fade`."""

    kept: Tensor
    """Share of its density that each dye still has, (N, 3); 1 for new."""

    stain: Tensor
    """Density that the paper has gained, (N, 3); below 0 for a scanner's gain."""

    gain: Tensor
    """Exposure of the scan in stops, (N,)."""

    contrast: Tensor
    """Of encoded values around their middle, (N,); 1 for none lost."""

    lift: Tensor
    """Encoded value of black, by glare, (N,)."""


def fade(x: Tensor, damage: FadeDamage) -> Tensor:
    """Pictures *x* (N, 3, H, W) in sRGB with what time has taken from them, in [0, 1].

    Dyes as :func:`undegrade.degradation.fade.faded` has them; then the scanner's glare, as in the
    degradation ``scan``: :func:`undegrade.degradation.fade.flat`.
    """
    kept, stain = (one.to(x)[:, :, None, None] for one in (damage.kept, damage.stain))
    seen: Tensor = faded(x, kept, stain, column(damage.gain, x))
    scanned: Tensor = flat(seen, column(damage.contrast, x), column(damage.lift, x))
    return scanned.clamp(0.0, 1.0)


def sample_fade(count: int, generator: torch.Generator) -> FadeDamage:
    """One in five as it is; half with faded dyes, the others flat and tinted as ``scan`` draws."""
    kind = choice(count, (0.2, 0.5, 0.3), generator)
    dyes, flattened = (kind == 1).float(), (kind == 2).float()
    shared = uniform(count, LEAST_KEPT, 1.0, generator)
    own = 0.2 * torch.randn(count, 3, generator=generator)
    kept = (shared[:, None] * torch.exp2(own)).clamp(LEAST_KEPT, 1.0)
    yellow = torch.tensor(YELLOWEST) * uniform(count, 0.0, 1.0, generator)[:, None]
    tint = 0.3 * torch.randn(count, 3, generator=generator) * flattened[:, None]
    return FadeDamage(
        kept=1.0 - dyes[:, None] * (1.0 - kept),
        # A flat scan's gains of red, green and blue are densities, too.
        stain=(dyes[:, None] * yellow - STOP * tint).clamp(-0.15, max(YELLOWEST)),
        gain=0.15 * torch.randn(count, generator=generator) * (dyes + flattened),
        contrast=1.0 - uniform(count, 0.0, 0.5, generator) * flattened,
        lift=uniform(count, 0.0, 0.2, generator) * flattened,
    )
