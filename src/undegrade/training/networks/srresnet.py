"""SRResNet, the SRGAN generator, and its discriminator of eight convolutions.

Ledig et al., "Photo-realistic single image super-resolution using a generative adversarial
network", CVPR 2017, section 2.1 and figure 4.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import zero
from undegrade.training.networks.layers import (
    ImageNet,
    Residual,
    checked,
    conv_norm,
    conv_norm_leaky,
    dense_head,
    icnr,
)


def _conv(channels: int, norm: bool) -> list[nn.Module]:
    """A 3x3 convolution that keeps the channels, with batch norm or else a bias."""
    if norm:
        return conv_norm(channels, channels)
    return [nn.Conv2d(channels, channels, 3, padding=1)]


def _residual(channels: int, norm: bool) -> Residual:
    """``x + bn(conv(prelu(bn(conv(x)))))``, the batch norms optional."""
    return Residual(*_conv(channels, norm), nn.PReLU(), *_conv(channels, norm))


class SRResNet(nn.Module):
    """16 residual blocks at low resolution, then pixel-shuffles; SRGAN's generator is the same.

    9x9 convolution and PReLU; the blocks; 3x3 convolution; the features behind the first PReLU
    are added; per factor of 2 (or once for 3) a 3x3 convolution, pixel-shuffle and PReLU; 9x9
    convolution. One PReLU slope a layer, no bias before a batch norm: **1,547,350 parameters**
    for x4, 64 channels and 16 blocks. The paper states no initialisation: PyTorch's own.

    Presets
    -------
    ``paper``: as published. The output is linear, in [-1, 1], and mapped to [0, 1] here.
    ``seed``: the faces variant: ImageNet-normalised input, a batch norm behind each enlarging
    convolution, tanh. Its eps of 0.8 (a slipped argument) is kept; its target in ImageNet's
    units, which tanh cannot reach, is not.
    ``mended``: no batch norm (EDSR, Lim et al., CVPRW 2017), enlarging convolutions started by
    ICNR, and bicubic enlargement plus a correction that starts at zero.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1]. Returns (N, 3, scale * H, scale * W), sRGB on that scale,
    not clipped. In evaluation the receptive radius is ``2 * blocks + 8`` input pixels.
    """

    multiple = 1

    def __init__(
        self, scale: int = 4, channels: int = 64, blocks: int = 16, preset: str = "paper"
    ) -> None:
        super().__init__()
        self.preset = checked("preset", preset, ("paper", "seed", "mended"))
        if scale not in (2, 3, 4, 8):
            raise ValueError(f"scale is {scale}; SRResNet enlarges by 2, 3, 4 or 8")
        self.scale = scale
        norm = preset != "mended"
        factors = [3] if scale == 3 else [2] * (scale.bit_length() - 1)
        self.head = nn.Sequential(nn.Conv2d(3, channels, 9, padding=4), nn.PReLU())
        self.body = nn.Sequential(
            *(_residual(channels, norm) for _ in range(blocks)), *_conv(channels, norm)
        )
        self.up = nn.Sequential()
        for factor in factors:
            enlarging = nn.Conv2d(channels, factor**2 * channels, 3, padding=1)
            self.up.append(enlarging if norm else icnr(enlarging, factor))
            if preset == "seed":
                self.up.append(nn.BatchNorm2d(factor**2 * channels))
            self.up.append(nn.PixelShuffle(factor)).append(nn.PReLU())
        self.tail = nn.Conv2d(channels, 3, 9, padding=4)
        if preset == "mended":
            zero(self.tail)
        if preset == "seed":
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eps = 0.8
        self.imagenet = ImageNet()
        self.radius = 2 * blocks + 8

    def forward(self, x: Tensor) -> Tensor:
        start = self.head(self.imagenet(x) if self.preset == "seed" else x)
        correction: Tensor = self.tail(self.up(start + self.body(start)))
        if self.preset == "mended":
            return correction + F.interpolate(x, scale_factor=self.scale, mode="bicubic")
        return ((F.tanh(correction) if self.preset == "seed" else correction) + 1) / 2


class SRDiscriminator(nn.Module):
    """Eight 3x3 convolutions, then dense layers (``head="dense"``) or a map (``head="patch"``).

    64, 64, 128, 128, 256, 256, 512, 512 channels with strides 1 and 2 in turn, leaky ReLU 0.2,
    batch norm on all but the first. ``dense``: 1024, leaky ReLU, 1, as published; **23,563,649
    parameters** for pictures of 96 x 96. ``patch``: a ninth 3x3 convolution to one logit per
    16 x 16 pixels, as in the seed's faces variant, for any size; 4,691,841 parameters.

    ``x`` (N, 3, size, size) sRGB in [0, 1]. Returns logits, (N, 1) or (N, 1, H / 16, W / 16)
    rounded up; the paper's sigmoid belongs to the loss.
    """

    def __init__(self, size: int = 96, channels: int = 64, head: str = "dense") -> None:
        super().__init__()
        checked("head", head, ("dense", "patch"))
        widths = [channels * factor for factor in (1, 1, 2, 2, 4, 4, 8, 8)]
        self.features = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1), nn.LeakyReLU(0.2))
        for index, (c_in, c_out) in enumerate(pairwise(widths)):
            self.features.extend(conv_norm_leaky(c_in, c_out, kernel=3, stride=2 - index % 2))
        self.head: nn.Module = nn.Conv2d(widths[-1], 1, 3, padding=1)
        if head == "dense":
            self.head = dense_head(widths[-1], size=size, width=16 * channels)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.features(2 * x - 1))
        return logits
