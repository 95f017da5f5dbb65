"""Distances from pixel to pixel: L1, MSE, and Charbonnier between the two.

What half precision made is compared in the precision of the target.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.training.losses import checks


def l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean of ``|d|`` over all samples of two (N, C, H, W); a scalar, 0 for equal pictures."""
    checks.pictures(output, target)
    return F.l1_loss(output.to(target.dtype), target)


def mse(output: Tensor, target: Tensor, reduction: Literal["mean", "sum"] = "mean") -> Tensor:
    """Mean of ``d^2``; PSNR is -10 log10 of it for a range of [0, 1].

    "sum" is ``sum(d^2) / (2 N)``, the size that VDSR's published rate of 0.1 belongs to (Kim et
    al., CVPR 2016, section 3.2).
    """
    checks.pictures(output, target)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"no reduction is called {reduction!r}; there are: mean, sum")
    if reduction == "sum":
        return ((output.to(target.dtype) - target) ** 2).sum() / (2 * len(output))
    return F.mse_loss(output.to(target.dtype), target)


def charbonnier(output: Tensor, target: Tensor, epsilon: float = 1e-3) -> Tensor:
    """Mean of ``sqrt(d^2 + epsilon^2)`` (Lai et al., LapSRN, CVPR 2017, equation 2).

    L1 with a rounded tip: *epsilon* for equal pictures, and differentiable there.
    """
    checks.pictures(output, target)
    return torch.sqrt((output.to(target.dtype) - target) ** 2 + epsilon**2).mean()
