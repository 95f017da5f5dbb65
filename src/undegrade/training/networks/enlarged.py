"""A same-size network behind a bicubic enlargement: super-resolution of pictures as they are."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.degradation.resize import imresize

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
        enlarged = F.conv2d(_mirrored(_mirrored(x, 2), 3), self.kernel, groups=3)
        picture = F.pixel_shuffle(enlarged, self.scale).clamp(0, 1)
        return cast(Tensor, self.network(picture))


def _mirrored(x: Tensor, axis: int) -> Tensor:
    """*x* with ``REACH`` pixels of its mirror image at both ends of *axis*."""
    length = x.shape[axis]
    start = x.narrow(axis, 0, REACH).flip(axis)
    return torch.cat([start, x, x.narrow(axis, length - REACH, REACH).flip(axis)], axis)
