"""The shipped network for light and colour: a thumbnail guides two steps of repair."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import ResidualPair, zero
from undegrade.training.networks.drgn import Steps

THUMBNAIL = 48
"""Side of the thumbnail: the whole picture, averaged to 48 x 48 whatever its shape."""

BLACKEST = 1e-4
"""What is left of ``1 - x`` in white, so that its power has a gradient."""


class Guide(nn.Module):
    """What the whole picture needs: thumbnail (N, 3, 48, 48) to (N, outputs, 1, 1), 0 at first."""

    def __init__(self, outputs: int, channels: int = 16) -> None:
        super().__init__()
        c = channels
        self.layers = nn.Sequential(
            *(nn.Conv2d(3, c, 3, 2, 1), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(c, 2 * c, 3, 2, 1), nn.LeakyReLU(0.1)),
            *(nn.Conv2d(2 * c, 4 * c, 3, 2, 1), nn.LeakyReLU(0.1)),
        )
        self.head = nn.Sequential(
            nn.Conv2d(8 * c + 6, 4 * c, 1), nn.LeakyReLU(0.1), zero(nn.Conv2d(4 * c, outputs, 1))
        )

    def forward(self, thumbnail: Tensor) -> Tensor:
        maps = self.layers(thumbnail)
        # The mean and its logarithm: exposure is a factor.
        mean = thumbnail.mean((2, 3), keepdim=True)
        seen = [maps.mean((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True), mean]
        wanted: Tensor = self.head(torch.cat([*seen, torch.log2(mean + 0.01)], 1))
        return wanted


class Guided(nn.Module):
    """DRGN's two steps behind an exposure curve, both guided by a thumbnail of the whole picture.

    ``I* = ReG(curve(I_L) - DeG(curve(I_L), I_L))``. What can only be told from the whole picture,
    exposure and colour, is read off the thumbnail once; what a pixel needs beyond that, off its
    surroundings. So the receptive radius is finite and tiles equal the whole, which the published
    generators, with attention over the picture, do not allow. The curve ``1 - (1 - x)^(2^s)`` with
    ``s`` stops for each channel brightens without clipping and is the identity at 0.

    DeG (Jiang et al., "Degrade is upgrade", AAAI 2022) works at a quarter of the resolution, where
    noise and colour are coarse, ReG at half of it; both are residual pairs whose features the
    guide scales and shifts. All three begin as zero, so that the network begins as the identity.

    Parameters
    ----------
    coarse, fine: channels of DeG and of ReG.
    pairs: residual pairs of each.
    hints: outputs of the guide beside the three exposures.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], sides multiples of 4; ``thumbnail`` (N, 3, 48, 48) of the
    whole picture. Returns (N, 3, H, W), not clipped. The radius is
    ``4 (2 pairs + 2) + 2 (2 pairs + 2) + 4`` pixels.
    """

    scale = 1
    multiple = 4
    thumbnail = THUMBNAIL

    def __init__(
        self, coarse: int = 64, fine: int = 48, pairs: int = 3, hints: int = 12, expand: int = 0
    ) -> None:
        super().__init__()
        self.guide = Guide(3 + hints)
        self.hints = nn.Conv2d(hints, 2 * (coarse + fine), 1)
        self.widths = [coarse, coarse, fine, fine]
        self.deg = _Step(2 * 3 * 16, 3 * 16, coarse, pairs, expand)
        self.reg = _Step(3 * 4, 3 * 4, fine, pairs, expand)
        self.radius = 6 * (2 * pairs + 2) + 4

    def steps(self, x: Tensor, thumbnail: Tensor) -> Steps:
        """The degradation of the brightened picture, the base without it, and the result."""
        # The curve keeps fp32: what lies near black decides the colours of a dark picture.
        with torch.autocast(x.device.type, enabled=False):
            full = torch.promote_types(x.dtype, torch.float32)
            wanted = self.guide(thumbnail.to(full))
            exponent = torch.exp2(wanted[:, :3])
            lit = 1.0 - torch.clamp(1.0 - x.to(full), min=BLACKEST) ** exponent
        turns = self.hints(wanted[:, 3:]).split(self.widths, 1)
        both = F.pixel_unshuffle(torch.cat([lit, x], 1), 4)
        degradation = F.pixel_shuffle(self.deg(both, *turns[:2]), 4)
        base = lit - degradation
        refined = self.reg(F.pixel_unshuffle(base, 2), *turns[2:])
        return Steps(degradation, base, base + F.pixel_shuffle(refined, 2))

    def forward(self, x: Tensor, thumbnail: Tensor) -> Tensor:
        return self.steps(x, thumbnail).enhanced


class _Step(nn.Module):
    """3x3 in, guided residual pairs, 3x3 out, all at one resolution."""

    def __init__(self, c_in: int, c_out: int, channels: int, pairs: int, expand: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(c_in, channels, 3, padding=1)
        self.body = nn.ModuleList([ResidualPair(channels, expand) for _ in range(pairs)])
        self.tail = zero(nn.Conv2d(channels, c_out, 3, padding=1))

    def forward(self, x: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
        features = F.relu(self.head(x) * (1.0 + gain) + shift)
        for pair in self.body:
            features = pair(features)
        output: Tensor = self.tail(features)
        return output
