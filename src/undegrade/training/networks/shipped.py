"""The networks that ship: the restorer, super-resolution, and light and colour; and none at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import ResidualPair, zero
from undegrade.training.networks.drgn import Steps

GATE_SLOPE = 20.0
"""The correction is at full strength once the levels sum to ``1 / GATE_SLOPE``."""


class Restorer(nn.Module):
    """A residual network at half and quarter resolution that is told how much damage there is.

    Pixel-unshuffle by 2 (FFDNet, Zhang et al., TIP 2018, section III), residual pairs of plain 3x3
    convolutions, pixel-shuffle, and a global residual. In the middle, a :class:`Deep` branch at
    quarter resolution sees farther, for strong noise and whole JPEG blocks. Levels steer it:
    they shift the features behind the first convolution through a small pointwise net, and they
    gate the correction, so that **level 0 is the identity by construction**, not by training.
    Traits say of what kind the damage is, such as the size of its grain, and gate nothing.

    Parameters
    ----------
    channels, pairs: width and number of residual pairs (two convolutions each).
    levels: number of level channels, such as noise and JPEG.
    traits: number of further channels behind them.
    expand: over-parameterisation of the convolutions while training, 0 for none.
    deep, deep_pairs: width of the branch at quarter resolution, 0 for none, and its pairs.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W multiples of ``multiple``, which is 4 with the branch
    and 2 without; ``level`` (N, levels + traits, 1, 1), or a map (N, levels + traits, H/2, W/2),
    each 0 (none) to 1 (the most trained on). Returns (N, 3, H, W),
    not clipped. The receptive radius is ``2 * (2 * pairs + 2) + 1`` pixels, and
    ``2 * (4 * deep_pairs + 1)`` more with the branch.
    """

    scale = 1

    def __init__(
        self,
        channels: int = 64,
        pairs: int = 5,
        levels: int = 2,
        expand: int = 0,
        deep: int = 0,
        deep_pairs: int = 2,
        traits: int = 0,
    ) -> None:
        super().__init__()
        self.head = nn.Conv2d(12, channels, 3, padding=1)
        self.steer = nn.Sequential(
            nn.Conv2d(levels + traits, 32, 1), nn.ReLU(), nn.Conv2d(32, channels, 1)
        )
        body = [ResidualPair(channels, expand) for _ in range(pairs)]
        for pair in body:
            zero(pair.second)  # the identity: a trained network may be given one more pair
        self.body = nn.ModuleList(body)
        self.tail = zero(nn.Conv2d(channels, 12, 3, padding=1))
        self.deep = Deep(channels, deep, deep_pairs, expand) if deep else None
        self.levels = levels
        self.told = levels + traits
        self.multiple = 4 if deep else 2
        self.radius = 2 * (2 * pairs + 2) + 1 + (2 * (4 * deep_pairs + 1) if deep else 0)

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        features = F.relu(self.head(F.pixel_unshuffle(x, 2)) + self.steer(level))
        for index, pair in enumerate(self.body):
            if self.deep is not None and index == (len(self.body) - 1) // 2:
                features = self.deep(features)
            features = pair(features)
        gate = torch.clamp(GATE_SLOPE * level[:, : self.levels].sum(1, keepdim=True), 0.0, 1.0)
        return x + F.pixel_shuffle(self.tail(features).to(x.dtype) * gate, 2)


class Deep(nn.Module):
    """Residual pairs at half the resolution, whose result is added to the features.

    (N, c, H, W) not negative, H and W even, to the same. It starts as the identity, so that a
    trained network may be given one and loses nothing.
    """

    def __init__(self, channels: int, width: int, pairs: int, expand: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels, width, 2, stride=2)
        self.body = nn.Sequential(*[ResidualPair(width, expand) for _ in range(pairs)])
        self.up = zero(nn.Conv2d(width, 4 * channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        inner = self.body(F.relu(self.down(x)))
        return F.relu(x + F.pixel_shuffle(self.up(inner), 2))


class SuperResolution(nn.Module):
    """Residual pairs at low resolution, pixel-shuffle at the end (ESPCN, Shi et al., CVPR 2016).

    The picture enlarged by nearest neighbour is added to the output, as in ABPN (Du et al.,
    CVPRW 2021): that costs no convolution, needs no neighbours, and the network starts there
    because its last convolution starts at zero.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1]. Returns (N, 3, scale * H, scale * W), not clipped. The
    receptive radius is ``2 * pairs + 2`` input pixels.
    """

    multiple = 1

    def __init__(self, scale: int, channels: int = 64, pairs: int = 5, expand: int = 0) -> None:
        super().__init__()
        self.scale = scale
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.ModuleList([ResidualPair(channels, expand) for _ in range(pairs)])
        self.tail = zero(nn.Conv2d(channels, 3 * scale**2, 3, padding=1))
        self.radius = 2 * pairs + 2

    def forward(self, x: Tensor) -> Tensor:
        start = F.relu(self.head(x))
        features = start
        for pair in self.body:
            features = pair(features)
        correction = self.tail(features + start).to(x.dtype)
        repeated = x.repeat_interleave(self.scale**2, dim=1)
        return F.pixel_shuffle(correction + repeated, self.scale)


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


class Identity(nn.Module):
    """A generator without parameters, for recipes that train a regressor alone.

    ``x`` (N, 3, H, W) comes out as it went in.
    """

    scale = 1
    multiple = 1
    radius = 0

    def forward(self, x: Tensor) -> Tensor:
        return x
