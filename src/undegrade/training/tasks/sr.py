"""Super-resolution from antialiased bicubic reductions."""

from __future__ import annotations

import torch
from torch import Tensor

from undegrade.training import degradations
from undegrade.training.data.photos import Photos
from undegrade.training.tasks.base import Allows, Batch, centres


class SrTask:
    """Pairs of a picture reduced by *scale*, rounded to 8 bit, and the picture.

    *whole* takes photos as they are, of the size of the patch, and reduces them with their
    edges, as is done for faces; else the reduction keeps clear of the edges of the crop. Both
    pictures of a pair are then mirrored outwards by *rim* low-resolution pixels, because that is
    what a network sees beyond the borders when it is used; at 16 pixels much is border.
    """

    allows = Allows(scale=True, card="sr")

    CONTEXT = 4
    """Low-resolution pixels around the patch that keep the reduction clear of the crop's edge."""

    def __init__(self, scale: int, whole: bool = False, rim: int = 0) -> None:
        self.scale = scale
        self.context = 0 if whole else self.CONTEXT
        self.rim = rim

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        s, c = self.scale, self.context
        wide = photos.crops(count, (patch + 2 * c) * s, generator).float() / 255.0
        small = degradations.quantise(degradations.bicubic_down(wide, s))
        inner, outer = (
            slice(edge, side - edge)
            for edge, side in zip((c, c * s), (small.shape[-1], wide.shape[-1]), strict=True)
        )
        return self._rimmed(small[..., inner, inner], wide[..., outer, outer])

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        small = degradations.quantise(degradations.bicubic_down(clean, self.scale))
        return {f"x{self.scale}": self._rimmed(small, clean)}

    def _rimmed(self, small: Tensor, wide: Tensor) -> Batch:
        rimmed = _mirrored(small, self.rim), _mirrored(wide, self.rim * self.scale)
        return Batch((rimmed[0].contiguous(),), rimmed[1].contiguous())


def _mirrored(pictures: Tensor, edge: int) -> Tensor:
    """Symmetric reflection by *edge* pixels on each side: the outermost pixel comes twice."""
    for axis in (-2, -1) if edge else ():
        inside = torch.arange(pictures.shape[axis], device=pictures.device)
        mirrored = [inside[:edge].flip(0), inside, inside[-edge:].flip(0)]
        pictures = pictures.index_select(axis, torch.cat(mirrored))
    return pictures
