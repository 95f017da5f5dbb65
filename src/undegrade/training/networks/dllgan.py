"""DLL-GAN: generator, discriminators, regressors of degradation levels, and its super-resolution.

Kas et al., "DLL-GAN: degradation-level-based learnable adversarial loss for image enhancement",
Expert Systems with Applications 237, 2024. The paper's code is not public; the layers are as a
reader of the paper re-implemented them, which is CycleGAN's 9-block generator (Zhu et al., ICCV
2017, appendix 7.2; Johnson et al., ECCV 2016) with batch norm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.luma import luma
from undegrade.imaging.resize import imresize
from undegrade.training.networks.layers import (
    ImageNet,
    Residual,
    between,
    checked,
    conv_norm,
    conv_norm_leaky,
    mirrored,
    spectral,
    start_dcgan,
    start_gaussian,
    start_he,
)


def _reflected(channels: int) -> list[nn.Module]:
    return [
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, channels, 3, bias=False),
        nn.BatchNorm2d(channels),
    ]


def _residual(channels: int) -> Residual:
    """``x + bn(conv(relu(bn(conv(x)))))`` with reflected borders."""
    return Residual(*_reflected(channels), nn.ReLU(), *_reflected(channels))


class DLLGenerator(nn.Module):
    """Encoder of two strides, 9 residual blocks at a quarter of the size, decoder.

    7x7 convolution to 64 channels, 3x3 with stride 2 to 128 and 256, the blocks, twice up to 128
    and 64, 7x7 to RGB, tanh; batch norm and ReLU in between, no bias before a batch norm, weights
    N(0, 0.02^2). **11,383,427 parameters** in both presets.

    Presets
    -------
    ``faithful``: transposed 3x3 convolutions enlarge, which leaves checkerboards; the picture
    itself is the output of tanh, mapped to [0, 1].
    ``mended``: nearest neighbour and a 3x3 convolution enlarge. (A residual ``x + f(x)`` was
    tried, too: with no short-cut around the strides f cannot undo noise pixel by pixel, and
    denoising learned half as fast.)

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W multiples of 4 and at least 8; for
    super-resolution already enlarged by bicubic. Returns (N, 3, H, W), sRGB within [0, 1]. The
    receptive radius in evaluation is ``8 * blocks`` pixels and 12 for ``faithful``, 15 for
    ``mended``.
    """

    scale = 1
    multiple = 4

    def __init__(self, channels: int = 64, blocks: int = 9, preset: str = "faithful") -> None:
        super().__init__()
        self.preset = checked("preset", preset, ("faithful", "mended"))
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, channels, 7, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        for width in (channels, 2 * channels):
            self.layers.extend([*conv_norm(width, 2 * width, stride=2), nn.ReLU()])
        self.layers.extend([_residual(4 * channels) for _ in range(blocks)])
        for width in (4 * channels, 2 * channels):
            self.layers.extend([*self._up(width, width // 2), nn.ReLU()])
        self.tail = nn.Conv2d(channels, 3, 7)
        self.layers.append(nn.ReflectionPad2d(3))
        start_dcgan(self)
        self.radius = 8 * blocks + (12 if preset == "faithful" else 15)

    def _up(self, c_in: int, c_out: int) -> list[nn.Module]:
        if self.preset == "faithful":
            larger = nn.ConvTranspose2d(c_in, c_out, 3, 2, padding=1, output_padding=1, bias=False)
            return [larger, nn.BatchNorm2d(c_out)]
        return [nn.Upsample(scale_factor=2, mode="nearest"), *conv_norm(c_in, c_out)]

    def forward(self, x: Tensor) -> Tensor:
        return (F.tanh(self.tail(self.layers(2 * x - 1))) + 1) / 2


class PixelDiscriminator(nn.Module):
    """Judges each pixel by its colour alone: 1x1 convolutions to 64, 128, 1.

    Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017,
    "1 x 1 PixelGAN": leaky ReLU 0.2, batch norm on the second; weights N(0, 0.02^2). **8,833
    parameters**.

    ``x`` (N, 3, H, W) sRGB in [0, 1], mapped to [-1, 1] inside. Returns logits (N, 1, H, W).
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 2 * channels, 1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 1, 1),
        )
        start_dcgan(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(2 * x - 1)
        return logits


class BasicBlock(nn.Module):
    """``relu(bn(conv(relu(bn(conv(x))))) + s(x))``; s is a 1x1 convolution where shapes change."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.downsample: nn.Module | None = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x: Tensor) -> Tensor:
        features = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(features + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """He et al., "Deep residual learning for image recognition", CVPR 2016, table 1, 18 layers.

    7x7 convolution with stride 2, 3x3 max-pooling with stride 2, four stages of two basic blocks
    of 64, 128, 256 and 512 channels, global mean, dense layer. Convolutions start by He's rule
    over the fan-out. 11,176,512 parameters and ``513 * classes``; 11,689,512 for ImageNet.

    ``x`` (N, 3, H, W) normalised by ImageNet's statistics; returns (N, classes).
    """

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(BasicBlock(64, 64, 1), BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(BasicBlock(64, 128, 2), BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(BasicBlock(128, 256, 2), BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(BasicBlock(256, 512, 2), BasicBlock(512, 512, 1))
        self.fc = nn.Linear(512, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        features = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, padding=1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            features = stage(features)
        logits: Tensor = self.fc(torch.mean(features, (2, 3)))
        return logits


def bounded(estimate: Tensor, maximum: float | None) -> Tensor:
    """*estimate* as it is for ``maximum=None``, else ``maximum * sigmoid(estimate)``.

    A generator that minimises a linear head can drive it below zero without end, and draws
    hatching to do so; a bounded head has nothing below "clean" to offer.
    """
    return estimate if maximum is None else maximum * estimate.sigmoid()


class ResNet18Regressor(nn.Module):
    """ResNet-18 with its last layer replaced by level estimates, as DLL-GAN's R.

    **11,177,025 parameters** for one level. ``maximum=None`` is faithful (a linear head);
    a number bounds the estimate, see :func:`bounded`.

    ``x`` (N, 3, H, W) sRGB in [0, 1], any size. Returns (N, levels). Freeze it for the
    generator's training with ``eval()`` and ``requires_grad_(False)``: batch norm must not learn
    from generated pictures.
    """

    def __init__(self, levels: int = 1, maximum: float | None = None) -> None:
        super().__init__()
        self.maximum = maximum
        self.imagenet = ImageNet()
        self.backbone = ResNet18(classes=levels)

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Start from an ImageNet classifier's state dict; the last layer stays as it is."""
        own = {f"fc.{key}": value for key, value in self.backbone.fc.state_dict().items()}
        self.backbone.load_state_dict(dict(state) | own)

    def forward(self, x: Tensor) -> Tensor:
        return bounded(self.backbone(self.imagenet(x)), self.maximum)


class SmallRegressor(nn.Module):
    """Five strided convolutions, mean and standard-deviation pooling, two dense layers.

    Needs no published weights. 3x3 convolutions with stride 2 to c, 2c, 4c, 4c, 8c channels with
    batch norm and leaky ReLU 0.2; ``[mean, std]`` of each channel over the picture, because noise
    moves the deviation and not the mean; dense 128, leaky ReLU, dense. He's initialisation.
    **602,401 parameters** for ``channels=32`` and one level.

    A deviation grows with what a picture holds, and borders count for more in a small one. So a
    picture is read in windows of ``WINDOW`` pixels a side, evenly spaced and overlapping where its
    sides are no multiples, and its level is their mean: of a whole photo it is that of its crops.

    ``x`` (N, 3, H, W) sRGB in [0, 1], any size; smaller than a window it is one. Returns
    (N, levels), see :func:`bounded`.
    """

    WINDOW = 64

    def __init__(self, levels: int = 1, channels: int = 32, maximum: float | None = None) -> None:
        super().__init__()
        self.maximum = maximum
        widths = [3, *(channels * factor for factor in (1, 2, 4, 4, 8))]
        self.features = nn.Sequential()
        for c_in, c_out in pairwise(widths):
            self.features.extend(conv_norm_leaky(c_in, c_out, kernel=3, stride=2))
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1], 4 * channels),
            nn.LeakyReLU(0.2),
            nn.Linear(4 * channels, levels),
        )
        start_he(self)

    def forward(self, x: Tensor) -> Tensor:
        cut = windows(x, self.WINDOW)
        features = self.features(2 * cut.flatten(0, 1) - 1)
        mean = features.mean((2, 3))
        spread = (features.var((2, 3), correction=0) + 1e-6).sqrt()
        estimates = bounded(self.head(torch.cat([mean, spread], 1)), self.maximum)
        return estimates.view(*cut.shape[:2], -1).mean(1)


def windows(x: Tensor, side: int) -> Tensor:
    """Windows of (N, C, H, W) that cover it, as few as can: (N, n, C, side, side) or smaller."""
    tops, lefts = (_starts(length, side) for length in x.shape[2:])
    cut = [x[:, :, top : top + side, left : left + side] for top in tops for left in lefts]
    return torch.stack(cut, 1)


def _starts(length: int, side: int) -> list[int]:
    """Where windows of *side* begin that are evenly spaced over *length*."""
    gaps = max(1, -(-length // side)) - 1
    return [0, *(round(index * (length - side) / gaps) for index in range(1, gaps + 1))]


class PatchDiscriminator(nn.Module):
    """4x4 convolutions: 64 s2, 128 s2, 256 s2, 512 s1, 1 s1, leaky ReLU 0.2 between.

    Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017,
    appendix 6.1.2, with spectral norm in place of batch norm; weights N(0, 0.02^2). **2,764,737
    parameters**. Serves DRGN as D_low (on pictures) and as D_de (on signed degradations): two
    networks of this kind, whose layers the paper's public parts do not give.

    Parameters
    ----------
    channels: of the first convolution.
    grey: judge brightness alone, as the discriminators of texture do.
    signed: of differences in [-1, 1], which are judged as they are; pictures in [0, 1] are brought
        to that range, for under spectral norm the size of the input is the size of the gradient.

    ``x`` (N, 3, H, W). Returns logits (N, 1, H / 8 - 2, W / 8 - 2), H and W at least
    24; each sees 70 x 70 pixels.
    """

    def __init__(self, channels: int = 64, grey: bool = False, signed: bool = False) -> None:
        super().__init__()
        self.grey = grey
        self.signed = signed
        widths = [1 if grey else 3, *(channels * factor for factor in (1, 2, 4, 8)), 1]
        convolutions = (
            nn.Conv2d(c_in, c_out, 4, stride, padding=1)
            for (c_in, c_out), stride in zip(pairwise(widths), (2, 2, 2, 1, 1), strict=True)
        )
        self.layers = between(convolutions, partial(nn.LeakyReLU, 0.2))
        start_gaussian(self, 0.02)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                spectral(layer)

    def forward(self, x: Tensor) -> Tensor:
        seen = luma(x) if self.grey else x
        logits: Tensor = self.layers(seen if self.signed else 2 * seen - 1)
        return logits


REACH = 2
"""Pixels on either side that bicubic looks at."""


class Enlarged(nn.Module):
    """``network(bicubic(x))``, the bicubic being MATLAB's (a = -0.5, mirrored edges), clipped.

    What tasks call :func:`~undegrade.training.degradations.bicubic_up`, as one convolution and a
    pixel-shuffle, so that it can be exported for pictures of any size.

    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W at least 2. Returns (N, 3, scale * H, scale * W).
    """

    kernel: Tensor

    def __init__(self, network: nn.Module, scale: int) -> None:
        super().__init__()
        assert isinstance(network.multiple, int)
        assert isinstance(network.radius, int | None)
        self.network = network
        self.scale = scale
        self.multiple = network.multiple // math.gcd(network.multiple, scale)
        self.radius = None
        if network.radius is not None:
            self.radius = -(-network.radius // scale) + REACH + 1
        # Resizing is linear: its weights are what it makes of the identity, away from the edges.
        width = 2 * REACH + 1
        weights = imresize(np.eye(3 * width), scale=(scale, 1.0))
        middle = weights[(width + REACH) * scale :][:scale, width : 2 * width]
        both = np.einsum("ik,jl->ijkl", middle, middle).reshape(scale**2, 1, width, width)
        kernel = torch.from_numpy(both).float().repeat(3, 1, 1, 1)
        self.register_buffer("kernel", kernel, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        enlarged = F.conv2d(mirrored(x, REACH), self.kernel, groups=3)
        picture = F.pixel_shuffle(enlarged, self.scale).clamp(0, 1)
        return cast(Tensor, self.network(picture))
