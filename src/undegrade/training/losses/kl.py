"""DRGN's divergence between two sets of degradations (Jiang et al., AAAI 2022)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.training.losses import checks


def gaussian_kl(mean: Tensor, variance: Tensor, mean_ref: Tensor, variance_ref: Tensor) -> Tensor:
    """``KL(N(m1, v1) || N(m2, v2)) = (log(v2 / v1) + (v1 + (m1 - m2)^2) / v2 - 1) / 2``.

    Element by element; not symmetric; 0 for equal moments and positive otherwise.
    """
    spread = (variance + (mean - mean_ref) ** 2) / variance_ref
    return 0.5 * (torch.log(variance_ref / variance) + spread - 1)


def degradation_kl(
    degradation: Tensor, reference: Tensor, *, cell: int = 8, floor: float = 1e-6
) -> Tensor:
    """Divergence of the degradations I_D from those of the reference pictures I_D,ref.

    Each (N, C, H, W) of signed degradations is averaged over cells of *cell* x *cell* pixels;
    each channel's cells, of the whole batch, make one Gaussian; the loss is the mean over the
    channels of :func:`gaussian_kl`. The two batches may differ in N, H and W, as their pictures
    have nothing to do with each other. *floor* is added to the variances, so that flat
    degradations have a divergence too. ``cell=1`` compares noise as well.
    """
    for x in (degradation, reference):
        checks.pictures(x)
        if min(x.shape[-2:]) < cell:
            raise ValueError(f"cells of {cell} pixels do not fit into {tuple(x.shape)}")
    if degradation.shape[1] != reference.shape[1]:
        raise ValueError(
            f"the degradations have {degradation.shape[1]} and {reference.shape[1]} channels"
        )
    moments: list[Tensor] = []
    for x in (degradation, reference):
        cells = F.avg_pool2d(x, cell).transpose(0, 1).flatten(1)
        moments += [cells.mean(1), cells.var(1, correction=0) + floor]
    return gaussian_kl(*moments).mean()
