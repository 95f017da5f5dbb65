"""Noise, JPEG artefacts and both, told by their levels: the task of the shipped restorer."""

from __future__ import annotations

import torch
from torch import Tensor

from undegrade.degradation.jpeg_tables import jpeg_level, quality_of_level
from undegrade.training import degradations
from undegrade.training.networks.luma import luma
from undegrade.training.tasks.base import Batch, Photos, centres, device_generator
from undegrade.training.tasks.files import through_pillow

MAX_SIGMA = 50.0
"""Noise level 1 in 0..255 units."""


class RestoreTask:
    """Noise, JPEG artefacts, or the one and then the other, with their true levels as input.

    35 % of the samples carry noise alone (half of them clipped and rounded as in a file, half
    not, as the published protocol has it), 40 % JPEG alone, 25 % noise and then JPEG. Sigma is
    uniform in 0..50, the JPEG level uniform in the log of the quantiser step for quality 95..5.
    Half of the batches lie on the 8x8 grid of their files, half anywhere: most photos keep their
    grid, but one is often cropped, and then any phase may meet the network's own grid of 4.
    One picture in eight is grey, and so is its noise: a grey photo runs as three equal channels.
    """

    GREY_SHARE = 1 / 8

    JPEG_MARGIN = 16
    ON_GRID = 0.5

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        clean = photos.crops(count, patch + self.JPEG_MARGIN, generator).float() / 255.0
        kind = torch.rand(count, generator=generator)
        noisy, coded = (kind < 0.35) | (kind >= 0.75), kind >= 0.35
        sigma = torch.rand(count, generator=generator) * MAX_SIGMA * noisy
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
        levels = torch.stack([sigma / MAX_SIGMA, level], 1).to(device)
        return Batch((damaged[window], levels.view(-1, 2, 1, 1)), clean[window], levels)

    def graded(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        """As :meth:`batch`, with every eighth sample clean."""
        batch = self.batch(photos, count, patch, generator)
        assert batch.level is not None
        clean = torch.arange(count, device=batch.target.device) % 8 == 0
        picture = torch.where(clean.view(-1, 1, 1, 1), batch.target, batch.inputs[0])
        level = torch.where(clean.view(-1, 1), torch.zeros_like(batch.level), batch.level)
        return Batch((picture, level.view(-1, 2, 1, 1)), batch.target, level)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        batches = {}
        for sigma in (15, 25, 50):
            generator = torch.Generator(clean.device).manual_seed(0)
            levels = torch.full((len(clean),), float(sigma), device=clean.device)
            noisy = degradations.gaussian_noise(clean, levels, generator)
            batches[f"noise{sigma}"] = self._at(noisy, clean, sigma / MAX_SIGMA, 0.0)
        for quality in (10, 20, 40):
            coded = through_pillow(clean, quality)
            batches[f"jpeg{quality}"] = self._at(coded, clean, 0.0, jpeg_level(quality))
        plain = luma(clean).expand(-1, 3, -1, -1)
        white = torch.randn(plain[:, :1].shape, generator=torch.Generator().manual_seed(0))
        noisy = plain + white.to(plain.device) * (25 / 255)
        batches["grey25"] = self._at(noisy, plain, 25 / MAX_SIGMA, 0.0)
        return batches

    @staticmethod
    def _at(damaged: Tensor, clean: Tensor, noise: float, jpeg: float) -> Batch:
        level = torch.tensor([[noise, jpeg]], device=clean.device).repeat(len(clean), 1)
        return Batch((damaged, level.view(-1, 2, 1, 1)), clean, level)
