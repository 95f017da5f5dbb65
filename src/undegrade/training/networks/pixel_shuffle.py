"""Enlarging by sub-pixel convolution, without checkerboards."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks.initialisation import he
from undegrade.training.networks.normalisation import spectral


@torch.no_grad()
def icnr(convolution: nn.Conv2d, scale: int) -> nn.Conv2d:
    """Start a sub-pixel convolution as nearest neighbour enlargement, in place.

    Each group of scale^2 output channels gets the weights and bias of its first, so that the
    pixels of a shuffled cell begin equal (Aitken et al., "Checkerboard artifact free sub-pixel
    convolution", arXiv 1707.02937, section 3).
    """
    cell = scale**2
    convolution.weight.copy_(convolution.weight[::cell].repeat_interleave(cell, 0))
    if convolution.bias is not None:
        convolution.bias.copy_(convolution.bias[::cell].repeat_interleave(cell, 0))
    return convolution


class Blur(nn.Module):
    """The mean of each pixel with its left, upper and upper-left neighbours, edges repeated.

    Removes what checkerboard training brings back (Sugawara et al., arXiv 1806.02658); the size
    stays. (N, c, H, W) to (N, c, H, W).
    """

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(x, (1, 0, 1, 0), mode="replicate"), 2, stride=1)


class PixelShuffleUp(nn.Module):
    """1x1 convolution with spectral norm, optional batch norm, ReLU, shuffle by 2, optional blur.

    The enlargement of DeOldify's decoder, started by :func:`icnr`. (N, c_in, H, W) to
    (N, c_out, 2H, 2W); ``4 * c_out * (c_in + 1)`` parameters and ``8 * c_out`` of the norm.
    """

    def __init__(self, c_in: int, c_out: int, norm: bool = True, blur: bool = True) -> None:
        super().__init__()
        convolution = nn.Conv2d(c_in, 4 * c_out, 1)
        he(convolution)
        self.conv = nn.Sequential(spectral(icnr(convolution, 2)))
        if norm:
            self.conv.append(nn.BatchNorm2d(4 * c_out))
        self.blur = Blur() if blur else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        enlarged: Tensor = self.blur(F.pixel_shuffle(F.relu(self.conv(x)), 2))
        return enlarged
