"""Aligned pairs of a bad and a good photo, and damage made to look like them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.diagnosis.shade import lift
from undegrade.diagnosis.units import MAX_LIFT
from undegrade.errors import RecipeError
from undegrade.training import degradations, plugins
from undegrade.training.data.photos import Photos
from undegrade.training.networks.light import THUMBNAIL
from undegrade.training.tasks.base import Allows, Batch, Task, centres, device_generator


class PairsTask:
    """Real pairs: low and normal light, phone and camera.

    The photos are (6, H, W), input above target. *references* also draws targets of other pairs
    (DRGN's normal-light reference images) into every batch. *stops* varies the exposure of inputs
    by up to so much either way, so that a network learns what light a scene should have had, and
    not how far this camera was off.
    """

    allows = Allows(pairs=True, systems=True)

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
            shot = degradations.quantise(degradations.to_srgb(exposed.clamp(0, 1)))
        return Batch((shot,), pairs[:, 3:].contiguous(), None, reference)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        pairs = centres(photos, size)
        return {"pairs": Batch((pairs[:, :3].contiguous(),), pairs[:, 3:].contiguous())}


class DegradeTask:
    """Clean photos and what *operator* makes of them, clipped and rounded as in a file.

    Parameters
    ----------
    operator: function of pictures (N, 3, H, W) in [0, 1], a generator and *arguments* that gives
        pictures of that size, or its name ``package.module:function`` in a recipe.
    margin: pixels around a patch, even, that keep it clear of the edges of a crop.
    name: of its validation.
    """

    allows = Allows(systems=True)

    def __init__(
        self,
        operator: str | Callable[..., Tensor],
        margin: int = 0,
        name: str = "degraded",
        **arguments: Any,
    ) -> None:
        found: Any = operator
        if isinstance(operator, str):
            found = plugins.find("degradation.operator", "degradations", {}, operator)
        self.operator: Callable[..., Tensor] = partial(found, **arguments)
        if isinstance(operator, str):  # what does not fit must show before the first step
            made = self.operator(torch.zeros(2, 3, 32, 32), torch.Generator().manual_seed(0))
            if not isinstance(made, Tensor) or made.shape != (2, 3, 32, 32):
                why = f"gives {tuple(getattr(made, 'shape', ()))} for pictures (2, 3, 32, 32)"
                raise RecipeError("degradation.operator", operator, why)
        self.margin, self.name = margin, name

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        clean = photos.crops(count, patch + self.margin, generator).float() / 255.0
        shot = degradations.quantise(self.operator(clean, generator))
        edge = self.margin // 2
        window = (..., slice(edge, edge + patch), slice(edge, edge + patch))
        return Batch((shot[window].contiguous(),), clean[window].contiguous())

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        shot = degradations.quantise(self.operator(clean, torch.Generator().manual_seed(0)))
        return {self.name: Batch((shot,), clean)}


class PhoneTask(DegradeTask):
    """Clean photos and what a cheap phone's camera would have made of them."""

    allows = Allows(systems=True, card="phone")

    def __init__(self) -> None:
        super().__init__(_phone, margin=32, name="phone")


NIGHT = 0.04
"""Mean linear light below which a picture is meant to be dark."""

LEAST_TOLD = 0.2
"""Stops of lift below which nothing is told."""


class LowlightTask(DegradeTask):
    """Clean photos, and the same in too little light, against it, or in uneven light.

    A photo that is dark itself is its own target as it is: night stays night.
    """

    allows = Allows(systems=True, card="lowlight")

    def __init__(self) -> None:
        super().__init__(_relit, name="light")


class ToldLowlightTask(LowlightTask):
    """As :class:`LowlightTask`, half of them with the lift that the truth has over the input.

    Where nothing lies in shadow, or hardly becomes lighter, nothing is told.
    """

    allows = Allows(systems=True, levels=True, card="lowlight")

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        made = super().batch(photos, count, patch, generator)
        heard = torch.rand(count, generator=generator) < 0.5
        return _told(made, heard.to(made.target.device))

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        (made,) = super().validation(photos, size).values()
        every = torch.ones(len(made.target), dtype=torch.bool, device=made.target.device)
        return {"light": _told(made, ~every), "told": _told(made, every)}


def _told(batch: Batch, heard: Tensor) -> Batch:
    (picture,) = batch.inputs
    before, after = (
        F.adaptive_avg_pool2d(x, THUMBNAIL).permute(0, 2, 3, 1).cpu().numpy()
        for x in (picture, batch.target)
    )
    lifts = torch.tensor([lift(one, other) for one, other in zip(before, after, strict=True)])
    told = torch.where(lifts >= LEAST_TOLD, lifts / MAX_LIFT, 0.0).clamp(max=1.0).to(picture)
    return replace(batch, inputs=(picture, (told * heard).view(-1, 1, 1, 1)))


class FadeTask(DegradeTask):
    """Clean photos, and what is left of them after decades: faded dyes, scanned."""

    allows = Allows(systems=True, card="fade")

    def __init__(self) -> None:
        super().__init__(_faded, name="fade")


def _phone(clean: Tensor, generator: torch.Generator) -> Tensor:
    damage = degradations.sample_phone(len(clean), generator)
    return degradations.phone(clean, damage, device_generator(generator, clean.device))


def _relit(clean: Tensor, generator: torch.Generator) -> Tensor:
    drawn = degradations.sample_light(len(clean), generator)
    relit = degradations.relight(clean, drawn, device_generator(generator, clean.device))
    night = degradations.to_linear(clean).mean((1, 2, 3)) < NIGHT
    return torch.where(night.view(-1, 1, 1, 1), clean, relit)


def _faded(clean: Tensor, generator: torch.Generator) -> Tensor:
    return degradations.fade(clean, degradations.sample_fade(len(clean), generator))


class GuidedTask:
    """*task* on larger crops, of which the network sees a part and a thumbnail of all.

    *context* is the side in pixels of what stands for the whole picture. Inputs are the patch
    (N, 3, patch, patch), the thumbnail (N, 3, 96, 96), averages over equal areas, and the patch's
    place in it (N, 4): its top and left, and a pixel's height and width, in sides of the whole.
    """

    def __init__(self, task: Task, context: int) -> None:
        self.task = task
        self.context = context

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        side = max(patch, self.context)
        whole = _with_thumbnail(self.task.batch(photos, count, side, generator))
        room = side - patch
        top, left = torch.randint(0, room + 1, (2,), generator=generator).tolist()
        window = (..., slice(top, top + patch), slice(left, left + patch))
        picture, thumbnail, place, *told = whole.inputs
        place = place + torch.tensor([top / side, left / side, 0.0, 0.0]).to(place)
        return replace(
            whole,
            inputs=(picture[window].contiguous(), thumbnail, place, *told),
            target=whole.target[window].contiguous(),
            reference=None if whole.reference is None else whole.reference[window].contiguous(),
        )

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        found = self.task.validation(photos, size)
        return {name: _with_thumbnail(batch) for name, batch in found.items()}


def _with_thumbnail(batch: Batch) -> Batch:
    picture, *told = batch.inputs
    around = None
    if batch.reference is not None:
        around = F.adaptive_avg_pool2d(batch.reference, THUMBNAIL)
    height, width = picture.shape[-2:]
    place = picture.new_tensor([0.0, 0.0, 1 / height, 1 / width]).expand(len(picture), -1)
    inputs = (picture, F.adaptive_avg_pool2d(picture, THUMBNAIL), place, *told)
    return replace(batch, inputs=inputs, reference_thumbnail=around)
