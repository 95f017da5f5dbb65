"""Losses: pure functions where there is nothing to keep, small modules where there is.

Pictures are (N, 3, H, W) float32 sRGB in [0, 1] unless a loss says otherwise; a loss is a scalar,
the mean over the batch. Wrong shapes are a ``ValueError``.
"""

from undegrade.training.losses.adversarial import discriminator_loss, generator_loss, swapped_loss
from undegrade.training.losses.levels import DegradationLevelLoss
from undegrade.training.losses.perceptual import LPIPS, ContentLoss
from undegrade.training.losses.pictures import (
    charbonnier,
    colour_loss,
    consistency,
    degradation_kl,
    l1,
    matched,
    mse,
    psnr_loss,
    ssim,
    ssim_loss,
    total_variation,
)

__all__ = [
    "LPIPS",
    "ContentLoss",
    "DegradationLevelLoss",
    "charbonnier",
    "colour_loss",
    "consistency",
    "degradation_kl",
    "discriminator_loss",
    "generator_loss",
    "l1",
    "matched",
    "mse",
    "psnr_loss",
    "ssim",
    "ssim_loss",
    "swapped_loss",
    "total_variation",
]
