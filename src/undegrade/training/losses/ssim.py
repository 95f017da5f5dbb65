"""Structural similarity (Wang, Bovik, Sheikh & Simoncelli, IEEE TIP 13(4), 2004)."""

from __future__ import annotations

from torch import Tensor

from undegrade.training.losses import checks
from undegrade.training.losses.window import blur


def ssim(
    x: Tensor, y: Tensor, *, size: int = 11, sigma: float = 1.5, data_range: float = 1.0
) -> Tensor:
    """SSIM of each pair of pictures, mean over the channels; (N, C, H, W) twice to (N,).

    ``(2 mx my + C1)(2 sxy + C2) / ((mx^2 + my^2 + C1)(sx^2 + sy^2 + C2))`` with
    ``C1 = (0.01 L)^2`` and ``C2 = (0.03 L)^2``; moments under a Gaussian window, without padding:
    the mean is over the positions where the window lies wholly inside. 1 for equal pictures, at
    least -1.
    """
    checks.pictures(x, y)
    if min(x.shape[-2:]) < size:
        raise ValueError(f"SSIM needs sides of at least {size} pixels, not {tuple(x.shape[-2:])}")
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = blur(x, size, sigma), blur(y, size, sigma)
    sxx = blur(x * x, size, sigma) - mx * mx
    syy = blur(y * y, size, sigma) - my * my
    sxy = blur(x * y, size, sigma) - mx * my
    luminance = (2 * mx * my + c1) / (mx * mx + my * my + c1)
    structure = (2 * sxy + c2) / (sxx + syy + c2)
    return (luminance * structure).mean((1, 2, 3))


def ssim_loss(output: Tensor, target: Tensor) -> Tensor:
    """``1 - SSIM``, mean over the batch: 0 for equal pictures, at most 2."""
    return 1 - ssim(output.to(target.dtype), target).mean()
