"""SqueezeNet 1.1 (Iandola et al., arXiv 1602.07360; version 1.1 of the authors' release)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.backbones.features import IMAGENET, Backbone, Preprocessing, Step


class Fire(nn.Module):
    """1x1 squeeze, ReLU, then 1x1 and 3x3 convolutions side by side; the last ReLU is left out.

    (N, c_in, H, W) to (N, 2 * expand, H, W): the network applies the ReLU, so that both sides of
    it can be looked at.
    """

    def __init__(self, c_in: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(c_in, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1)


class SqueezeNet(Backbone):
    """SqueezeNet 1.1 with torchvision's parameter names, classifier included.

    Layers: ``conv1``, ``relu1``, ``pool1``, then ``fire2_conv`` and ``fire2_relu`` to
    ``fire9_relu`` with ``pool3`` and ``pool5`` between. The stem has stride 2 and no padding, the
    pools are 3x3 with stride 2 and round up; the smallest picture is 17x17. The last row and column
    of a picture with even sides are not seen, and so get no gradient.
    """

    def __init__(self, preprocessing: Preprocessing = IMAGENET) -> None:
        super().__init__(preprocessing)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def steps(self) -> Iterator[tuple[str, Step]]:
        number = 1
        for layer in self.features:
            if isinstance(layer, Fire):
                number += 1
                yield f"fire{number}_conv", layer
                yield f"fire{number}_relu", F.relu
            elif isinstance(layer, nn.Conv2d):
                yield "conv1", layer
            elif isinstance(layer, nn.ReLU):
                yield "relu1", layer
            else:
                yield f"pool{number}", layer

    def classify(self, x: Tensor) -> Tensor:
        """Scores (N, 1000) of ImageNet's classes for pictures (N, 3, H, W) in [0, 1]."""
        (features,) = self(x, ["fire9_relu"])
        scores: Tensor = self.classifier(features)
        return scores.flatten(1)
