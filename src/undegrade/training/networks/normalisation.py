"""Normalisations: of pictures by ImageNet's statistics, of features, and of weights."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from undegrade.training.networks.choices import checked

Statistics = Literal["instance", "running", "batch"]


class ImageNet(nn.Module):
    """sRGB in [0, 1] to zero mean and unit deviation over ImageNet; (N, 3, H, W) both ways."""

    mean: Tensor
    std: Tensor

    def __init__(self) -> None:
        super().__init__()
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        self.register_buffer("mean", mean.view(3, 1, 1), persistent=False)
        self.register_buffer("std", std.view(3, 1, 1), persistent=False)

    def forward(self, picture: Tensor) -> Tensor:
        return (picture - self.mean) / self.std

    def inverse(self, normalised: Tensor) -> Tensor:
        """Back to sRGB in [0, 1]."""
        return normalised * self.std + self.mean


def feature_norm(channels: int, statistics: str, eps: float = 1e-5) -> nn.Module:
    """A normalisation with learned scale and shift, ``2 * channels`` parameters.

    - ``instance``: the statistics of each picture, always. Its result depends on the whole
      picture, so that a tile or crop comes out differently.
    - ``running``: each picture's own while training, their running average in evaluation: every
      pixel is then mapped alike, tiles are exact, and the layer folds into its convolution.
    - ``batch``: batch normalisation (Ioffe & Szegedy, ICML 2015).
    """
    checked("statistics", statistics, get_args(Statistics))
    if statistics == "batch":
        return nn.BatchNorm2d(channels, eps=eps)
    return nn.InstanceNorm2d(
        channels, eps=eps, affine=True, track_running_stats=statistics == "running"
    )


def spectral(convolution: nn.Conv2d) -> nn.Conv2d:
    """Divide the weight by its largest singular value (Miyato et al., ICLR 2018), in place.

    One power iteration a training step, none in evaluation. The weight must not be all zero.
    """
    parametrizations.spectral_norm(convolution)
    return convolution
