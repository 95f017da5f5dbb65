"""The shipped super-resolution network: all work at low resolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import ResidualPair, zero


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
