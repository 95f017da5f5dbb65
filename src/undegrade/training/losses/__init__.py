"""Losses: pure functions where there is nothing to keep, small modules where there is.

Pictures are (N, 3, H, W) float32 sRGB in [0, 1] unless a loss says otherwise; a loss is a scalar,
the mean over the batch. Wrong shapes are a ``ValueError``.
"""

from undegrade.training.losses.adversarial import (
    discriminator_loss,
    generator_loss,
    swapped_loss,
)
from undegrade.training.losses.colour import colour_loss
from undegrade.training.losses.content import ContentLoss
from undegrade.training.losses.degradation_level import DegradationLevelLoss
from undegrade.training.losses.kl import degradation_kl
from undegrade.training.losses.lpips import LPIPS
from undegrade.training.losses.pixel import charbonnier, l1, mse
from undegrade.training.losses.ssim import ssim, ssim_loss
from undegrade.training.losses.total_variation import total_variation

__all__ = [
    "LPIPS",
    "ContentLoss",
    "DegradationLevelLoss",
    "charbonnier",
    "colour_loss",
    "degradation_kl",
    "discriminator_loss",
    "generator_loss",
    "l1",
    "mse",
    "ssim",
    "ssim_loss",
    "swapped_loss",
    "total_variation",
]
