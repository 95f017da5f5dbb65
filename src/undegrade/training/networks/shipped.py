"""The networks that ship: the restorer, super-resolution, and light and colour; and none at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import ResidualPair, zero

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
        self.body = nn.Sequential(*(ResidualPair(channels, expand) for _ in range(pairs)))
        self.tail = zero(nn.Conv2d(channels, 3 * scale**2, 3, padding=1))
        self.radius = 2 * pairs + 2

    def forward(self, x: Tensor) -> Tensor:
        start = F.relu(self.head(x))
        correction = self.tail(self.body(start) + start).to(x.dtype)
        repeated = x.repeat_interleave(self.scale**2, dim=1)
        return F.pixel_shuffle(correction + repeated, self.scale)


class Identity(nn.Module):
    """A generator without parameters, for recipes that train a regressor alone.

    ``x`` (N, 3, H, W) comes out as it went in.
    """

    scale = 1
    multiple = 1
    radius = 0

    def forward(self, x: Tensor) -> Tensor:
        return x
