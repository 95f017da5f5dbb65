"""Networks that estimate how damaged a picture is: DLL-GAN's R, large and small."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from undegrade.training.networks import initialisation
from undegrade.training.networks.normalisation import ImageNet
from undegrade.training.networks.published import load_published
from undegrade.training.networks.resnet18 import ResNet18


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
        load_published(self.backbone, state, without="fc")

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
            self.features.append(nn.Conv2d(c_in, c_out, 3, 2, padding=1, bias=False))
            self.features.extend([nn.BatchNorm2d(c_out), nn.LeakyReLU(0.2)])
        self.head = nn.Sequential(
            nn.Linear(2 * widths[-1], 4 * channels),
            nn.LeakyReLU(0.2),
            nn.Linear(4 * channels, levels),
        )
        initialisation.he(self)

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
