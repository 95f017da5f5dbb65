"""Super-resolution: from antialiased bicubic reductions, and from what people enlarge."""

from __future__ import annotations

import torch
from torch import Tensor

from undegrade.degradation.sensor import gaussian
from undegrade.diagnosis.decide import THRESHOLDS
from undegrade.imaging.noise_levels import MAX_NOISE, NOISE
from undegrade.training import degradations
from undegrade.training.data.photos import Photos
from undegrade.training.degradations.batches import uniform
from undegrade.training.networks.layers import mirrored
from undegrade.training.tasks.base import Allows, Batch, centres, require_share, share_of
from undegrade.training.tasks.restore import LEVELS, graded_levels, told_real


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
        inner, outer = slice(c, c + patch), slice(c * s, (c + patch) * s)
        return self._rimmed(small[..., inner, inner], wide[..., outer, outer])

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        small = degradations.quantise(degradations.bicubic_down(clean, self.scale))
        return {f"x{self.scale}": self._rimmed(small, clean)}

    def _rimmed(self, small: Tensor, wide: Tensor) -> Batch:
        return Batch((mirrored(small, self.rim),), mirrored(wide, self.rim * self.scale))


class RealSrTask:
    """What people enlarge, told its levels: small photos of cameras, cut or off the web.

    A share *real* of the samples is blurred by up to half the scale, reduced by any filter, and
    then what :func:`~undegrade.training.degradations.real_damage` makes of it, but for scans, whose
    colours would not be the truth's. The rest are bicubic reductions. A network that takes no
    levels sees what the recipe's ``restorer`` makes of the picture: so a plan has it, which
    restores first. Levels are told as a plan tells them: none where damage is too weak to be found,
    else with an error, and noise rather too high.

    Parameters
    ----------
    scale: of the truth to the input. real: share of real samples, 0..1.
    """

    allows = Allows(scale=True, levels=True, card="sr")

    ERROR, MORE = 0.15, 0.3
    """Relative standard deviation of told levels, and share by which noise is told too high at
    most."""

    BLUR = 0.5
    """Standard deviation of the strongest blur, in pixels of the input."""

    def __init__(self, scale: int, real: float = 0.5) -> None:
        require_share("degradation.real", real)
        self.plain, self.scale, self.real = SrTask(scale), scale, real

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        real = share_of(count, self.real, generator)
        parts = []
        if real < count:
            parts.append(_untold(self.plain.batch(photos, count - real, patch, generator)))
        if real:
            side = degradations.source_side(patch, 1.0) * self.scale
            clean = photos.crops(real, side, generator).float() / 255.0
            parts.append(self._real(clean, patch, generator))
        pictures, told, targets = zip(*((*one.inputs, one.target) for one in parts), strict=True)
        return Batch((torch.cat(pictures), torch.cat(told)), torch.cat(targets))

    def _real(
        self, clean: Tensor, patch: int, generator: torch.Generator, unseen: bool = False
    ) -> Batch:
        count, scale = len(clean), self.scale
        blur = uniform(count, 0.0, self.BLUR * scale, generator)
        small = degradations.resized(
            gaussian(clean, blur), clean.shape[-1] // scale, generator, unseen=unseen
        )
        made = degradations.real_damage(
            small.clamp(0.0, 1.0), patch, 1.0, generator, unseen=unseen, scans=False
        )
        told = told_real(made)
        error = torch.exp(torch.randn(told.shape, generator=generator) * self.ERROR)
        error[:, : len(NOISE)] *= 1.0 + uniform(count, 0.0, self.MORE, generator)[:, None]
        told = (told * error.to(told) * _found(made)).view(count, len(LEVELS), 1, 1)
        top, left = (begin * scale for begin in made.at)
        side = patch * scale
        target = clean[..., top : top + side, left : left + side].contiguous()
        return Batch((made.picture, told), target)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        """Bicubic reductions, and real ones of kinds that training never draws."""
        clean = centres(photos, size)
        side = size // self.scale
        patch = side - degradations.source_side(0, 1.0)
        batches = {
            name: _untold(batch) for name, batch in self.plain.validation(photos, size).items()
        }
        if patch > 0:
            generator = torch.Generator().manual_seed(0)
            batches["real"] = self._real(clean, patch // 8 * 8, generator, unseen=True)
        return batches


def _found(made: degradations.Real) -> Tensor:
    """Which of :data:`LEVELS` a diagnosis would act on, (N, 8): those of noise all or none."""
    noise, jpeg = graded_levels(made).unbind(1)
    noisy = noise >= THRESHOLDS["noise"].limit / MAX_NOISE
    coded = jpeg >= THRESHOLDS["jpeg"].limit
    return torch.stack([coded if name == "jpeg" else noisy for name in LEVELS], 1)


def _untold(batch: Batch) -> Batch:
    (picture,) = batch.inputs
    none = torch.zeros(len(picture), len(LEVELS), 1, 1, device=picture.device)
    return Batch((picture, none), batch.target)
