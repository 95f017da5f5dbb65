"""ResNet-18, with the key names of torchvision's published weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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
