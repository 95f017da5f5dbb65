"""MobileNetV2 (Sandler et al., CVPR 2018) as TensorFlow runs it, batch norms folded in."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.backbones.features import SYMMETRIC, Backbone, Preprocessing, Step

GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and first stride (table 2 of the paper)."""


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: the odd pixel goes after, not before."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        sides, kernels, strides = x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]
        for side, kernel, stride in zip(sides, kernels, strides, strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, groups=self.groups)


def conv_relu6(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """Convolution and ``min(max(x, 0), 6)``."""
    return nn.Sequential(SameConv(c_in, c_out, kernel, stride, groups=groups), nn.ReLU6())


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, linear 1x1 projection; plus the input where shapes allow.

    (N, c_in, H, W) to (N, c_out, ceil(H / stride), ceil(W / stride)). ``expand=1`` has no
    expansion.
    """

    def __init__(self, c_in: int, c_out: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = c_in * expand
        first = [conv_relu6(c_in, wide, 1)] if expand > 1 else []
        self.conv = nn.Sequential(
            *first, conv_relu6(wide, wide, 3, stride, groups=wide), nn.Conv2d(wide, c_out, 1)
        )
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(Backbone):
    """MobileNetV2 1.0; parameters ``features.N.conv...`` in torchvision's order, without norms.

    Layers: ``stem``, ``block1`` to ``block17`` (linear bottlenecks), ``head`` (1280 channels).
    Total stride 32: ``stem`` and ``block1`` lie at 1/2, ``block3`` at 1/4, ``block6`` at 1/8,
    ``block13`` at 1/16, ``block17`` and ``head`` at 1/32. Class 0 of the classifier is
    "background"; ImageNet's follow.
    """

    def __init__(self, preprocessing: Preprocessing = SYMMETRIC) -> None:
        super().__init__(preprocessing)
        layers = [conv_relu6(3, 32, 3, 2)]
        before = 32
        for expand, channels, blocks, stride in GROUPS:
            for index in range(blocks):
                step = stride if index == 0 else 1
                layers.append(InvertedResidual(before, channels, step, expand))
                before = channels
        self.features = nn.Sequential(*layers, conv_relu6(before, 1280, 1))
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1280, 1001, 1))

    def steps(self) -> Iterator[tuple[str, Step]]:
        blocks = len(self.features) - 2
        names = ("stem", *(f"block{i}" for i in range(1, blocks + 1)), "head")
        return zip(names, self.features, strict=True)

    def classify(self, x: Tensor) -> Tensor:
        """Scores (N, 1001) of background and ImageNet's classes for pictures in [0, 1]."""
        (features,) = self(x, ["head"])
        scores: Tensor = self.classifier(features)
        return scores.flatten(1)
