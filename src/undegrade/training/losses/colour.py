"""Colour loss: pictures compared through a blur (Ignatov et al., DPED, ICCV 2017, section 3.1)."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from undegrade.training.losses import checks
from undegrade.training.losses.window import blur

Reduction = Literal["mean", "norm", "sum"]

KERNEL, SIGMA = 21, 3.0
"""Side of the blur's kernel and its standard deviation in pixels."""


def colour_loss(
    output: Tensor,
    target: Tensor,
    *,
    kernel: int = KERNEL,
    sigma: float = SIGMA,
    reduction: Reduction = "mean",
) -> Tensor:
    """Compare brightness and colour and ignore texture and small shifts.

    With B the Gaussian blur, per channel and with zeros around the picture, and
    ``D = B(output) - B(target)``:

    - "mean": mean of ``D^2``;
    - "norm": ``||D||_2`` of each picture, mean over the batch (Prakash & Phumbhra, 2020);
    - "sum": ``sum(D^2) / (2 N)``, the size that DPED's published weights belong to.

    Three blurs go under DPED's name: the paper's formula amounts to a standard deviation of
    sqrt(3), its code means 3 and gets 4.34, all on a 21x21 kernel; hence the arguments.
    Pictures are (N, 3, H, W) in [0, 1].
    """
    checks.pictures(output, target, channels=3)
    if reduction not in get_args(Reduction):
        raise ValueError(f"no reduction is called {reduction!r}; there are: {get_args(Reduction)}")
    difference = blur(output - target, kernel, sigma, padding=kernel // 2)
    if reduction == "norm":
        norms: Tensor = torch.linalg.vector_norm(difference.flatten(1), dim=1)
        return norms.mean()
    if reduction == "sum":
        return (difference**2).sum() / (2 * len(output))
    return (difference**2).mean()
