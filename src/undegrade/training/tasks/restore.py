"""Noise, JPEG artefacts and both, told by their levels: the task of the shipped restorer."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from undegrade.imaging.jpeg_tables import jpeg_level, quality_of_level
from undegrade.imaging.luma import luma
from undegrade.imaging.noise_levels import MAX_NOISE, NOISE, white_levels
from undegrade.training import degradations
from undegrade.training.data.photos import Photos
from undegrade.training.tasks.base import (
    Allows,
    Batch,
    Task,
    centres,
    device_generator,
    real_crops,
    require_share,
    share_of,
    through_pillow,
)

LEVELS = (*NOISE, "jpeg", "grain")
"""What the network is told, in the order of its channels: seven levels and a trait."""


class RestoreTask:
    """Damage with its true levels as input: half of the laboratory, half as photos have it.

    **Laboratory** (what published protocols measure): 35 % of the samples carry white noise alone
    (half of them clipped and rounded as in a file, half not), 40 % JPEG alone, 25 % noise and then
    JPEG. Sigma is uniform in 0..50, the JPEG level uniform in the log of the quantiser step for
    quality 95..5. Half of the batches lie on the 8x8 grid of their files, half anywhere: most
    photos keep their grid, but one is often cropped, and then any phase may meet the network's own
    grid of 4. One picture in eight is grey, and so is its noise: a grey photo runs as three equal
    channels.

    **Real** (a share *real*, 0..1, of the samples): cameras, scans, mixed noise and the web
    (:func:`~undegrade.training.degradations.real_damage`). Their levels are told with an error, as
    a diagnosis has it.
    """

    allows = Allows(kinds=("generator", "regressor", "critic", "adversarial"), levels=True)

    GREY_SHARE = 1 / 8

    JPEG_MARGIN = 16
    ON_GRID = 0.5

    ERROR = 0.15
    """Relative standard deviation with which the levels of real samples are told."""

    def __init__(self, real: float = 0.5) -> None:
        require_share("degradation.real", real)
        self.real = real

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        real = share_of(count, self.real, generator)
        parts = []
        if real < count:
            parts.append(self._laboratory(photos, count - real, patch, generator))
        if real:
            parts.append(self._real(photos, real, patch, generator))
        picture, told, clean, level = (torch.cat(part) for part in zip(*parts, strict=True))
        return Batch((picture, told.view(-1, len(LEVELS), 1, 1)), clean, level)

    def _laboratory(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        clean = photos.crops(count, patch + self.JPEG_MARGIN, generator).float() / 255.0
        kind = torch.rand(count, generator=generator)
        noisy, coded = (kind < 0.35) | (kind >= 0.75), kind >= 0.35
        sigma = torch.rand(count, generator=generator) * MAX_NOISE * noisy
        low, high = jpeg_level(95), jpeg_level(5)
        level = (low + (high - low) * torch.rand(count, generator=generator)) * coded
        as_file = torch.rand(count, generator=generator) < 0.5
        shift = torch.randint(0, self.JPEG_MARGIN, (2,), generator=generator).tolist()
        if torch.rand((), generator=generator) < self.ON_GRID:
            shift = [self.JPEG_MARGIN // 2] * 2

        device = clean.device
        grey = (torch.rand(count, generator=generator) < self.GREY_SHARE).to(device)
        clean[grey] = degradations.quantise(luma(clean[grey])).expand(-1, 3, -1, -1)
        damaged = degradations.gaussian_noise(
            clean, sigma.to(device), device_generator(generator, device)
        )
        damaged[grey] = damaged[grey, :1].expand(-1, 3, -1, -1)
        rounded = (as_file | coded).to(device)
        damaged[rounded] = degradations.quantise(damaged[rounded])
        if coded.any():
            quality = torch.tensor([quality_of_level(v) for v in level[coded].tolist()])
            coded = coded.to(device)
            damaged[coded] = degradations.jpeg(damaged[coded], quality.to(device))
        window = (..., slice(shift[0], shift[0] + patch), slice(shift[1], shift[1] + patch))
        told = torch.stack(
            [
                told_white(s, v, g)
                for s, v, g in zip(sigma.tolist(), level.tolist(), grey.tolist(), strict=True)
            ]
        )
        levels = torch.stack([sigma / MAX_NOISE, level], 1)
        return damaged[window], told.to(device), clean[window], levels.to(device)

    def _real(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        made = real_crops(photos, count, patch, generator)
        told = told_real(made)
        error = torch.randn(told.shape, generator=generator).to(told) * self.ERROR
        told = torch.cat([told[:, :-1] * torch.exp(error[:, :-1]), told[:, -1:] + error[:, -1:]], 1)
        return made.picture, told.clamp(min=0.0), made.clean, graded_levels(made)

    def graded(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        """As :meth:`batch`, with every eighth sample clean; its level is (N, 2): noise and JPEG."""
        batch = self.batch(photos, count, patch, generator)
        assert batch.level is not None
        clean = (torch.arange(count, device=batch.target.device) % 8 == 0).view(-1, 1, 1, 1)
        picture = torch.where(clean, batch.target, batch.inputs[0])
        told = batch.inputs[1].masked_fill(clean, 0.0)
        return Batch((picture, told), batch.target, batch.level.masked_fill(clean[..., 0, 0], 0.0))

    judged = graded

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        """White noise, JPEG, grey noise, and real damage of kinds that training never draws."""
        clean = centres(photos, size)
        batches = {}
        for sigma in (15, 25, 50):
            generator = torch.Generator(clean.device).manual_seed(0)
            levels = torch.full((len(clean),), float(sigma), device=clean.device)
            noisy = degradations.gaussian_noise(clean, levels, generator)
            batches[f"noise{sigma}"] = told_alike(noisy, clean, told_white(sigma, 0.0))
        for quality in (10, 20, 40):
            coded, told = through_pillow(clean, quality), told_white(0.0, jpeg_level(quality))
            batches[f"jpeg{quality}"] = told_alike(coded, clean, told)
        plain = luma(clean).expand(-1, 3, -1, -1)
        white = torch.randn(plain[:, :1].shape, generator=torch.Generator().manual_seed(0))
        noisy = plain + white.to(plain.device) * (25 / 255)
        batches["grey25"] = told_alike(noisy, plain, told_white(25.0, 0.0, grey=True))
        for name, factor in (("camera", 1.0), ("web", 0.75)):
            inner = (size // 2 if size >= 128 else size // 4) // 8 * 8
            side = min(size, degradations.source_side(inner, factor))
            generator = torch.Generator().manual_seed(0)
            made = degradations.real_damage(
                clean[..., :side, :side], inner, factor, generator, unseen=True
            )
            told = told_real(made).view(-1, len(LEVELS), 1, 1)
            batches[name] = Batch((made.picture, told), made.clean, graded_levels(made))
        return batches


class RestoredTask:
    """*task*, whose pictures a trained *restorer* has restored by the levels that it told."""

    def __init__(self, task: Task, restorer: nn.Module) -> None:
        self.task, self.restorer = task, restorer

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        return self._restored(self.task.batch(photos, count, patch, generator))

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        found = self.task.validation(photos, size)
        return {name: self._restored(batch) for name, batch in found.items()}

    @torch.no_grad()
    def _restored(self, batch: Batch) -> Batch:
        picture, level = batch.inputs
        damaged = level.flatten(1).any(1)
        restored = picture.clone()
        if damaged.any():
            made = self.restorer(picture[damaged], level[damaged])
            restored[damaged] = degradations.quantise(made.clamp(0.0, 1.0))
        return replace(batch, inputs=(restored,))


def told_alike(damaged: Tensor, clean: Tensor, told: Tensor) -> Batch:
    """*damaged* pictures, all told the same levels (8,)."""
    levels = told.to(clean.device).repeat(len(clean), 1)[:, :, None, None]
    return Batch((damaged, levels), clean)


def told_white(sigma: float, jpeg: float, grey: bool = False) -> Tensor:
    """:data:`LEVELS` of white noise of *sigma*, 0..255 units, and the level of *jpeg*."""
    return torch.tensor([*white_levels(sigma, grey), jpeg, 0.0])


def told_real(made: degradations.Real) -> Tensor:
    """:data:`LEVELS` of real damage, (N, 8)."""
    return torch.cat([made.noise, made.jpeg[:, None], made.grain[:, None]], 1)


def graded_levels(made: degradations.Real) -> Tensor:
    """What a regressor reads: the noise of the whole picture, and JPEG; (N, 2)."""
    noise = made.noise.square().sum(1).div(3).sqrt()
    return torch.stack([noise, made.jpeg], 1)
