"""Normalisations: of pictures by ImageNet's statistics, of features, and of weights."""

from __future__ import annotations

from typing import Literal, cast, get_args

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
    - ``running``: a running average, in training as in evaluation, see :class:`Renormalisation`:
      every pixel is mapped alike, tiles are exact, the layer folds into its convolution, and what
      is trained is what is exported.
    - ``batch``: batch normalisation (Ioffe & Szegedy, ICML 2015), which trains on the statistics
      of the batch and is exported with their running average.
    """
    checked("statistics", statistics, get_args(Statistics))
    if statistics == "batch":
        return nn.BatchNorm2d(channels, eps=eps)
    if statistics == "running":
        return Renormalisation(channels, eps=eps)
    return nn.InstanceNorm2d(channels, eps=eps, affine=True)


class Renormalisation(nn.BatchNorm2d):
    """Batch renormalisation (Ioffe, NeurIPS 2017): training goes by the running statistics, too.

    ``y = (x - m) / s * r + d`` with m and s of the batch, and ``r = s / S``, ``d = (m - M) / S``
    as constants, which makes it ``(x - M) / S`` of the running M and S while the gradient still
    knows that the batch moves m and s. r and d come in over the first ``SETTLED`` steps, in which
    the running statistics are no more than their start, and stay within ``MOST_R`` and ``MOST_D``.
    """

    SETTLED = 300
    MOST_R, MOST_D = 3.0, 5.0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        running_mean, running_var = cast(Tensor, self.running_mean), cast(Tensor, self.running_var)
        steps = cast(Tensor, self.num_batches_tracked)
        values = x.float()
        var, mean = torch.var_mean(values, (0, 2, 3), correction=0)
        deviation = (var + self.eps).sqrt()
        with torch.no_grad():
            trust = (steps / self.SETTLED).clamp(max=1.0)
            settled = (running_var + self.eps).sqrt()
            r = (deviation / settled).clamp(1 / self.MOST_R, self.MOST_R)
            d = ((mean - running_mean) / settled).clamp(-self.MOST_D, self.MOST_D)
            r, d = 1.0 + trust * (r - 1.0), trust * d
            # As torch's own: the variance is kept without bias.
            count = x.numel() / x.shape[1]
            unbiased = var * (count / max(count - 1, 1))
            running_mean.lerp_(mean, cast(float, self.momentum))
            running_var.lerp_(unbiased, cast(float, self.momentum))
            steps += 1
        scale = cast(Tensor, self.weight) * r / deviation
        shift = cast(Tensor, self.weight) * (d - mean * r / deviation) + cast(Tensor, self.bias)
        return (values * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)).to(x.dtype)


def spectral(convolution: nn.Conv2d) -> nn.Conv2d:
    """Divide the weight by its largest singular value (Miyato et al., ICLR 2018), in place.

    One power iteration a training step, none in evaluation. The weight must not be all zero.
    """
    parametrizations.spectral_norm(convolution)
    return convolution
