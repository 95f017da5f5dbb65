"""Aligned pairs of a bad and a good photo, and damage made to look like them."""

from __future__ import annotations

import torch
from torch import Tensor

from undegrade.training import degradations
from undegrade.training.tasks.base import Batch, Photos, as_file, centres, device_generator


class PairsTask:
    """Real pairs: low and normal light, phone and camera.

    The photos are (6, H, W), input above target. *references* also draws targets of other pairs
    (DRGN's normal-light reference images) into every batch. *stops* varies the exposure of inputs
    by up to so much either way, so that a network learns what light a scene should have had, and
    not how far this camera was off.
    """

    def __init__(self, references: bool = False, stops: float = 0.0) -> None:
        self.references = references
        self.stops = stops

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        pairs = photos.crops(count, patch, generator).float() / 255.0
        reference = None
        if self.references:
            reference = photos.crops(count, patch, generator)[:, 3:].float() / 255.0
        shot = pairs[:, :3].contiguous()
        if self.stops:
            turns = self.stops * (2 * torch.rand(count, 1, 1, 1, generator=generator) - 1)
            exposed = degradations.to_linear(shot) * torch.exp2(turns).to(shot.device)
            shot = as_file(degradations.to_srgb(exposed.clamp(0, 1)))
        return Batch((shot,), pairs[:, 3:].contiguous(), None, reference)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        pairs = centres(photos, size)
        return {"pairs": Batch((pairs[:, :3].contiguous(),), pairs[:, 3:].contiguous())}


class PhoneTask:
    """Clean photos and what a cheap phone's camera would have made of them."""

    MARGIN = 32
    """Pixels around a patch that keep its blur and its JPEG clear of the crop's edge."""

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        clean = photos.crops(count, patch + self.MARGIN, generator).float() / 255.0
        shot = as_file(_phone(clean, generator))
        edge = self.MARGIN // 2
        window = (..., slice(edge, edge + patch), slice(edge, edge + patch))
        return Batch((shot[window].contiguous(),), clean[window].contiguous())

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        return {"phone": Batch((as_file(_phone(clean, torch.Generator().manual_seed(0))),), clean)}


class LowlightTask:
    """Clean photos and what they would have been with too little light."""

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        clean = photos.crops(count, patch, generator).float() / 255.0
        return Batch((as_file(_darkened(clean, generator)),), clean)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        dark = as_file(_darkened(clean, torch.Generator().manual_seed(0)))
        return {"dark": Batch((dark,), clean)}


def _phone(clean: Tensor, generator: torch.Generator) -> Tensor:
    damage = degradations.sample_phone(len(clean), generator)
    return degradations.phone(clean, damage, device_generator(generator, clean.device))


def _darkened(clean: Tensor, generator: torch.Generator) -> Tensor:
    damage = degradations.sample_lowlight(len(clean), generator)
    return degradations.lowlight(clean, *damage, device_generator(generator, clean.device))
