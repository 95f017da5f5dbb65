"""The shipped same-size restorer: noise and JPEG artefacts, steered by their levels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import ResidualPair, zero

GATE_SLOPE = 20.0
"""The correction is at full strength once the levels sum to ``1 / GATE_SLOPE``."""


class Restorer(nn.Module):
    """A residual network at half resolution that is told how much damage there is.

    Pixel-unshuffle by 2 (FFDNet, Zhang et al., TIP 2018, section III), residual pairs of plain
    3x3 convolutions, pixel-shuffle, and a global residual. Two levels steer it: they shift the
    features behind the first convolution through a small pointwise net, and they gate the
    correction, so that **level 0 is the identity by construction**, not by training.

    Parameters
    ----------
    channels, pairs: width and number of residual pairs (two convolutions each).
    levels: number of level channels; here noise and JPEG.
    expand: over-parameterisation of the convolutions while training, 0 for none.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W even; ``level`` (N, levels, 1, 1), or a map
    (N, levels, H/2, W/2), each level 0 (none) to 1 (the most trained on). Returns (N, 3, H, W),
    not clipped. The receptive radius is ``2 * (2 * pairs + 2) + 1`` pixels.
    """

    scale = 1
    multiple = 2

    def __init__(
        self, channels: int = 64, pairs: int = 5, levels: int = 2, expand: int = 0
    ) -> None:
        super().__init__()
        self.head = nn.Conv2d(12, channels, 3, padding=1)
        self.steer = nn.Sequential(nn.Conv2d(levels, 32, 1), nn.ReLU(), nn.Conv2d(32, channels, 1))
        self.body = nn.ModuleList([ResidualPair(channels, expand) for _ in range(pairs)])
        self.tail = zero(nn.Conv2d(channels, 12, 3, padding=1))
        self.radius = 2 * (2 * pairs + 2) + 1

    def forward(self, x: Tensor, level: Tensor) -> Tensor:
        features = F.relu(self.head(F.pixel_unshuffle(x, 2)) + self.steer(level))
        for pair in self.body:
            features = pair(features)
        gate = torch.clamp(GATE_SLOPE * level.sum(1, keepdim=True), 0.0, 1.0)
        return x + F.pixel_shuffle(self.tail(features).to(x.dtype) * gate, 2)
