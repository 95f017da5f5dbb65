"""Total variation (Rudin, Osher & Fatemi, Physica D 60, 1992), in its two separable forms."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from undegrade.training.losses import checks


def total_variation(x: Tensor, power: Literal[1, 2] = 2) -> Tensor:
    """Mean of ``|dx|^power`` plus mean of ``|dy|^power`` over neighbours in (N, C, H, W).

    ``power=2`` is the smoothness term of DPED (Ignatov et al., ICCV 2017), each mean over its own
    number of differences; ``power=1`` is the anisotropic total variation, which keeps edges.
    0 for a flat picture.
    """
    checks.pictures(x)
    if min(x.shape[-2:]) < 2:
        raise ValueError(f"total variation needs two pixels a side, not {tuple(x.shape[-2:])}")
    across = (x[..., :, 1:] - x[..., :, :-1]).abs()
    down = (x[..., 1:, :] - x[..., :-1, :]).abs()
    return (across**power).mean() + (down**power).mean()
