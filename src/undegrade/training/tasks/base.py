"""What a task is: the making of batches from photos."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from undegrade.errors import InputError, RecipeError
from undegrade.training import degradations
from undegrade.training.data.photos import Photos


@dataclass(frozen=True)
class Batch:
    """Inputs of the generator and what should come out of it, float32 sRGB in [0, 1]."""

    inputs: tuple[Tensor, ...]
    """The picture (N, 3, h, w), and the levels (N, kinds, 1, 1) where the network takes them."""
    target: Tensor
    """The truth, (N, 3, H, W)."""
    level: Tensor | None = None
    """What a regressor should read off the picture, (N, kinds)."""
    reference: Tensor | None = None
    """Other well-exposed pictures, (N, 3, H, W), that belong to no input."""
    reference_thumbnail: Tensor | None = None
    """Thumbnails of what is around them, (N, 3, h, w), where the network takes thumbnails."""

    def take(self, which: slice | Tensor) -> Batch:
        """The samples that *which* picks."""
        taken: dict[str, Any] = {
            name: value[which] for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, inputs=tuple(x[which] for x in self.inputs), **taken)


@dataclass(frozen=True)
class Allows:
    """What a recipe may ask of a task; every task says so in its attribute ``allows``."""

    kinds: tuple[str, ...] = ("generator", "critic", "adversarial")
    """Kinds of stages."""
    scale: bool = False
    """Whether the truth is larger than the input, and must be."""
    pairs: bool = False
    """Whether it learns from aligned pairs of photos, and from nothing else."""
    levels: bool = False
    """Whether the network is told the levels of the degradation."""
    systems: bool = False
    """Whether a network may work in two steps."""
    stored: bool = False
    """Whether it knows what is left of a degradation in outputs of a generator."""
    card: str = "restore"
    """What the card of a network calls its task."""


class Task(Protocol):
    """A source of training batches and of fixed validation batches by name.

    A batch is a pure function of the photos and of the generator's state.
    """

    def batch(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> Batch: ...

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]: ...


class GradedTask(Task, Protocol):
    """A task that can also show a regressor every level of its degradation, clean included."""

    def graded(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> Batch: ...

    def judged(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        """As :meth:`graded`, of damage of kinds that training never draws, where there are any."""
        ...


def require_share(key: str, value: float) -> None:
    """Raise :class:`RecipeError` naming *key* unless *value* is a share."""
    if not 0 <= value <= 1:
        raise RecipeError(key, value, "must be a share, 0..1")


def share_of(count: int, share: float, generator: torch.Generator) -> int:
    """How many of *count* samples a *share* is this time: its mean over many draws is exact."""
    drawn = round(count * share + float(torch.rand((), generator=generator)) - 0.5)
    return min(max(drawn, 0), count)


def device_generator(generator: torch.Generator, device: torch.device) -> torch.Generator:
    """A generator on *device* that goes on from *generator*: itself where it lives there."""
    if generator.device.type == device.type:
        return generator
    seed = int(torch.randint(2**62, (1,), generator=generator))
    return torch.Generator(device).manual_seed(seed)


def real_crops(
    photos: Photos, count: int, patch: int, generator: torch.Generator, unseen: bool = False
) -> degradations.Real:
    """Crops as cameras, scans and the web leave them, resized by one factor for all."""
    factor = degradations.sample_factor(generator)
    clean = photos.crops(count, degradations.source_side(patch, factor), generator).float() / 255.0
    return degradations.real_damage(clean, patch, factor, generator, unseen=unseen)


def centres(photos: list[Tensor], size: int) -> Tensor:
    """The middle of each photo, (N, C, size, size) float32; the whole photo where it is smaller.

    Raises :class:`InputError` where the photos are smaller than *size* and of different sizes.
    """
    crops = []
    for photo in photos:
        top, left = ((side - size) // 2 for side in photo.shape[1:])
        crops.append(photo[:, max(top, 0) :, max(left, 0) :][:, :size, :size])
    if len({crop.shape for crop in crops}) > 1:
        smallest = min(crops, key=Tensor.numel)
        raise InputError(
            f"a photo held out for validation has only {smallest.shape[2]} x {smallest.shape[1]} "
            f"of {size} x {size} pixels",
            "lower validation.crop of the recipe, or remove the photo",
        )
    return torch.stack(crops).float() / 255.0


def through_pillow(pictures: Tensor, quality: int) -> Tensor:
    """Each picture (N, 3, H, W) in [0, 1] as Pillow's JPEG of *quality* 1..95 gives it back.

    For validation; training has its own encoder on tensors.
    """
    coded = []
    for picture in pictures:
        pixels = (picture.permute(1, 2, 0).cpu().numpy() * 255).round().astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        with Image.open(file) as image:
            coded.append(torch.from_numpy(np.array(image)).permute(2, 0, 1))
    return torch.stack(coded).float().to(pictures.device) / 255.0
