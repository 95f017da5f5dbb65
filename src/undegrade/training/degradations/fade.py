"""Prints and slides whose dyes have faded, as a scanner sees them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.imaging.arrays import column
from undegrade.imaging.srgb import to_linear, to_srgb
from undegrade.training.degradations.draws import choice, uniform

DARKEST = 10.0**-2.4
"""Linear light of the densest black that a print has."""

LEAST_KEPT = 0.4
"""Share of its density that the worst dye keeps at least."""


class FadeDamage(NamedTuple):
    """Parameters of :func:`fade`."""

    kept: Tensor
    """Share of its density that each dye still has, (N, 3); 1 for new."""

    stain: Tensor
    """Density that the paper has gained, (N, 3) >= 0."""

    gain: Tensor
    """Exposure of the scan in stops, (N,)."""

    contrast: Tensor
    """Of encoded values around their middle, (N,); 1 for none lost."""

    lift: Tensor
    """Encoded value of black, by glare, (N,)."""


def fade(x: Tensor, damage: FadeDamage) -> Tensor:
    """Pictures *x* (N, 3, H, W) in sRGB with what time has taken from their dyes, in [0, 1].

    A dye of density ``D = -log10(l)``, ``l`` linear light, keeps a share of it, and the paper
    yellows: ``D' = kept D + stain``. So black turns grey, and where the dyes keep unlike shares,
    the dark parts take another colour than the light ones. Then the scanner: a gain in linear
    light, and ``lift + (contrast (v - 1/2) + 1/2) (1 - lift)`` of encoded values, as the
    degradation ``scan`` has it.
    """
    density = -torch.log10(to_linear(x).clamp(min=DARKEST))
    kept, stain = (one.to(x)[:, :, None, None] for one in (damage.kept, damage.stain))
    light = 10.0 ** -(kept * density + stain) * torch.exp2(column(damage.gain, x))
    seen = to_srgb(light.clamp(0.0, 1.0))
    contrast, lift = column(damage.contrast, x), column(damage.lift, x)
    faded: Tensor = lift + (contrast * (seen - 0.5) + 0.5) * (1.0 - lift)
    return faded.clamp(0.0, 1.0)


def sample_fade(count: int, generator: torch.Generator) -> FadeDamage:
    """One in five as it is; half with faded dyes, the others flat and tinted as ``scan`` draws."""
    kind = choice(count, (0.2, 0.5, 0.3), generator)
    dyes, flat = (kind == 1).float(), (kind == 2).float()
    shared = uniform(count, LEAST_KEPT, 1.0, generator)
    own = 0.2 * torch.randn(count, 3, generator=generator)
    kept = (shared[:, None] * torch.exp2(own)).clamp(LEAST_KEPT, 1.0)
    yellow = torch.tensor([0.04, 0.08, 0.16]) * uniform(count, 0.0, 1.0, generator)[:, None]
    tint = 0.3 * torch.randn(count, 3, generator=generator) * flat[:, None]
    return FadeDamage(
        kept=1.0 - dyes[:, None] * (1.0 - kept),
        # A flat scan's gains of red, green and blue are densities, too.
        stain=(dyes[:, None] * yellow - 0.301 * tint).clamp(-0.15, 0.16),
        gain=0.15 * torch.randn(count, generator=generator) * (dyes + flat),
        contrast=1.0 - uniform(count, 0.0, 0.5, generator) * flat,
        lift=uniform(count, 0.0, 0.2, generator) * flat,
    )
