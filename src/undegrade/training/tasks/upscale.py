"""Super-resolution from antialiased bicubic reductions."""

from __future__ import annotations

import torch
from torch import Tensor

from undegrade.training import degradations
from undegrade.training.tasks.base import Batch, Photos, centres


class UpscaleTask:
    """Pairs of a picture reduced by *scale*, rounded to 8 bit, and the picture.

    *whole* takes photos as they are, of the size of the patch, and reduces them with their
    edges, as is done for faces; else the reduction keeps clear of the edges of the crop.
    """

    CONTEXT = 4
    """Low-resolution pixels around the patch that keep the reduction clear of the crop's edge."""

    def __init__(self, scale: int, whole: bool = False) -> None:
        self.scale = scale
        self.context = 0 if whole else self.CONTEXT

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        s, c = self.scale, self.context
        wide = photos.crops(count, (patch + 2 * c) * s, generator).float() / 255.0
        small = degradations.quantise(degradations.bicubic_down(wide, s))
        inner, outer = (
            slice(edge, side - edge)
            for edge, side in zip((c, c * s), (small.shape[-1], wide.shape[-1]), strict=True)
        )
        return Batch((small[..., inner, inner].contiguous(),), wide[..., outer, outer].contiguous())

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        small = degradations.quantise(degradations.bicubic_down(clean, self.scale))
        return {f"x{self.scale}": Batch((small,), clean)}
