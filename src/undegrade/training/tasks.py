"""What a network is asked to do: how pairs are made from photos and how results are scored."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from undegrade.degradation.jpeg_tables import jpeg_level, quality_of_level
from undegrade.training import degradations
from undegrade.training.data import PhotoSet

MAX_SIGMA = 50.0
"""Noise level 1 in 0..255 units."""


@dataclass(frozen=True)
class Batch:
    """Inputs of the network and what should come out of it."""

    inputs: tuple[Tensor, ...]
    target: Tensor


class Task(Protocol):
    """A source of training batches and of fixed validation batches by name."""

    def batch(
        self, photos: PhotoSet, count: int, patch: int, generator: torch.Generator
    ) -> Batch: ...

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]: ...


class RestoreTask:
    """Noise, JPEG artefacts, or the one and then the other, with their true levels as input.

    40 % of the samples carry noise alone (half of them clipped and rounded as in a file, half
    not, as the published protocol has it), 30 % JPEG alone, 30 % noise and then JPEG. Sigma is
    uniform in 0..50, the JPEG level uniform in the log of the quantiser step for quality 95..5.
    """

    JPEG_MARGIN = 16

    def batch(self, photos: PhotoSet, count: int, patch: int, generator: torch.Generator) -> Batch:
        clean = photos.crops(count, patch + self.JPEG_MARGIN, generator).float() / 255.0
        kind = torch.rand(count, generator=generator)
        noisy, coded = (kind < 0.4) | (kind >= 0.7), kind >= 0.4
        sigma = torch.rand(count, generator=generator) * MAX_SIGMA * noisy
        low, high = jpeg_level(95), jpeg_level(5)
        level = (low + (high - low) * torch.rand(count, generator=generator)) * coded
        as_file = torch.rand(count, generator=generator) < 0.5
        shift = torch.randint(0, self.JPEG_MARGIN, (2,), generator=generator).tolist()

        damaged = degradations.gaussian_noise(clean, sigma, generator)
        rounded = as_file | coded
        damaged[rounded] = degradations.quantise(damaged[rounded])
        if coded.any():
            quality = torch.tensor([quality_of_level(v) for v in level[coded].tolist()])
            damaged[coded] = degradations.jpeg(damaged[coded], quality)
        # Any phase of the 8x8 grid may meet the network's own grid of 2: a photo is often cropped.
        window = (..., slice(shift[0], shift[0] + patch), slice(shift[1], shift[1] + patch))
        levels = torch.stack([sigma / MAX_SIGMA, level], 1).view(-1, 2, 1, 1)
        return Batch((damaged[window], levels), clean[window])

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = _centres(photos, size)
        batches = {}
        for sigma in (15, 25, 50):
            generator = torch.Generator().manual_seed(0)
            noisy = degradations.gaussian_noise(
                clean, torch.full((len(clean),), float(sigma)), generator
            )
            batches[f"noise{sigma}"] = self._at(noisy, clean, sigma / MAX_SIGMA, 0.0)
        for quality in (10, 20, 40):
            coded = torch.stack([_pillow_jpeg(photo, quality) for photo in clean])
            batches[f"jpeg{quality}"] = self._at(coded, clean, 0.0, jpeg_level(quality))
        return batches

    @staticmethod
    def _at(damaged: Tensor, clean: Tensor, noise: float, jpeg: float) -> Batch:
        level = torch.tensor([noise, jpeg]).view(1, 2, 1, 1).repeat(len(clean), 1, 1, 1)
        return Batch((damaged, level), clean)


class UpscaleTask:
    """Super-resolution from antialiased bicubic reductions, rounded to 8 bit."""

    CONTEXT = 4
    """Low-resolution pixels around the patch that keep the reduction clear of the crop's edge."""

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def batch(self, photos: PhotoSet, count: int, patch: int, generator: torch.Generator) -> Batch:
        s, c = self.scale, self.CONTEXT
        wide = photos.crops(count, (patch + 2 * c) * s, generator).float() / 255.0
        small = degradations.quantise(degradations.bicubic_down(wide, s))
        return Batch(
            (small[..., c:-c, c:-c],), wide[..., c * s : -c * s, c * s : -c * s].contiguous()
        )

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = _centres(photos, size)
        small = degradations.quantise(degradations.bicubic_down(clean, self.scale))
        return {f"x{self.scale}": Batch((small,), clean)}


def _centres(photos: list[Tensor], size: int) -> Tensor:
    crops = []
    for photo in photos:
        top, left = (photo.shape[1] - size) // 2, (photo.shape[2] - size) // 2
        crops.append(photo[:, top : top + size, left : left + size])
    return torch.stack(crops).float() / 255.0


def _pillow_jpeg(photo: Tensor, quality: int) -> Tensor:
    image = Image.fromarray((photo.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    with Image.open(file) as coded:
        return torch.from_numpy(np.array(coded)).permute(2, 0, 1).float() / 255.0


def task(name: str, scale: int) -> Task:
    """The task called *name*: ``restore`` or ``upscale`` (by *scale*)."""
    if name == "restore":
        return RestoreTask()
    if name == "upscale":
        return UpscaleTask(scale)
    raise KeyError(f"no task is called {name!r}; there are: restore, upscale")
