"""A residual DCGAN whose generator starts from a small picture instead of noise.

The seed names the idea ("modified DCGAN, LR image as input, 5 residual layers"); its own code
never ran, so the sizes here are ours. Layers and initialisation follow Radford et al.,
"Unsupervised representation learning with deep convolutional generative adversarial networks",
ICLR 2016.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import zero
from undegrade.training.networks.layers import (
    Residual,
    checked,
    conv_norm,
    conv_norm_leaky,
    start_dcgan,
)


def _residual(channels: int) -> Residual:
    """``x + bn(conv(relu(bn(conv(x)))))``."""
    return Residual(*conv_norm(channels, channels), nn.ReLU(), *conv_norm(channels, channels))


class DCGANGenerator(nn.Module):
    """3x3 convolution, residual layers at low resolution, nearest x2 and 3x3 per factor of two.

    128 channels and PReLU in the head, 5 residual layers, then 128, 64, 64 ... channels with
    batch norm and ReLU at the growing sizes, and a 3x3 convolution to RGB. **1,704,004
    parameters** for x4. All weights N(0, 0.02^2).

    Presets
    -------
    ``seed``: the picture itself through a sigmoid, as the seed's sketch ends.
    ``mended``: ``bicubic(x) + tanh(f(x))``, whose last convolution starts at zero.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1]; scale 2, 4 or 8. Returns (N, 3, scale * H, scale * W):
    sRGB, within [0, 1] for ``seed`` and not clipped for ``mended``. The receptive radius in
    evaluation is ``2 * blocks + 2`` input pixels.
    """

    multiple = 1

    def __init__(
        self, scale: int = 4, channels: int = 128, blocks: int = 5, preset: str = "seed"
    ) -> None:
        super().__init__()
        self.preset = checked("preset", preset, ("seed", "mended"))
        if scale not in (2, 4, 8):
            raise ValueError(f"scale is {scale}; the DCGAN generator enlarges by 2, 4 or 8")
        self.scale = scale
        doublings = scale.bit_length() - 1
        widths = [channels, channels, *[channels // 2] * (doublings - 1)]
        self.head = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.PReLU())
        self.body = nn.Sequential(*(_residual(channels) for _ in range(blocks)))
        self.up = nn.Sequential()
        for c_in, c_out in pairwise(widths):
            self.up.append(nn.Upsample(scale_factor=2, mode="nearest"))
            self.up.extend([*conv_norm(c_in, c_out), nn.ReLU()])
        self.tail = nn.Conv2d(widths[-1], 3, 3, padding=1)
        start_dcgan(self)
        if preset == "mended":
            zero(self.tail)
        self.radius = 2 * blocks + 2

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.tail(self.up(self.body(self.head(x))))
        if self.preset == "seed":
            return F.sigmoid(output)
        return F.interpolate(x, scale_factor=self.scale, mode="bicubic") + F.tanh(output)


class DCGANDiscriminator(nn.Module):
    """4x4 convolutions with stride 2 to 64, 128, 256, 512 channels, then 4x4 to one logit.

    Batch norm on all but the first, leaky ReLU 0.2, weights N(0, 0.02^2); **2,765,633
    parameters** (the last convolution has a bias).

    ``x`` (N, 3, H, W) sRGB in [0, 1], mapped to [-1, 1] inside. Returns logits
    (N, 1, H / 16 - 3, W / 16 - 3): a single one for 64 x 64, a map for more.
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, channels, 4, 2, padding=1), nn.LeakyReLU(0.2))
        for width in (channels, 2 * channels, 4 * channels):
            self.layers.extend(conv_norm_leaky(width, 2 * width, kernel=4, stride=2))
        self.layers.append(nn.Conv2d(8 * channels, 1, 4))
        start_dcgan(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(2 * x - 1)
        return logits
