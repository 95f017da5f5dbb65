"""The quantisation tables of JPEG for a batch of qualities.

Batched equals of :mod:`undegrade.imaging.jpeg_tables`, which names the sources.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from undegrade.imaging.jpeg_tables import CHROMA_STEPS, LUMA_STEPS, WORST_SCALE


def scaled_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """The tables for luma and chroma at *quality* (N,) in 1..100, each (N, 64), values 1..255."""
    # In float32, and still the encoder's whole numbers: all steps are exact or far from the next.
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)
    percent = torch.floor(scale + 1e-4)[:, None]
    luma, chroma = (
        torch.floor((torch.from_numpy(base).to(quality).view(1, 64) * percent + 50.0) / 100.0)
        for base in (LUMA_STEPS, CHROMA_STEPS)
    )
    return luma.clamp(1.0, 255.0), chroma.clamp(1.0, 255.0)


def quality_of_level(level: Tensor) -> Tensor:
    """The quality 1..100 of a level of damage (N,): 100 at level 0, 5 at 1, not rounded."""
    scale = torch.expm1(level * math.log1p(10.0 * WORST_SCALE)) / 10.0
    quality = torch.where(scale > 1, 50.0 / scale, 100.0 - 50.0 * scale)
    return quality.clamp(1.0, 100.0)
