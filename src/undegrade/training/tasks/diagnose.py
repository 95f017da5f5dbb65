"""Crops with known damage in the order of a real photo: what the diagnosis network learns from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from undegrade.degradation.jpeg_tables import jpeg_level
from undegrade.diagnosis.units import OCTAVES, QUANTITIES, blur_level
from undegrade.training import degradations
from undegrade.training.degradations.phone import tone_curve
from undegrade.training.networks.luma import luma
from undegrade.training.tasks.base import Batch, Photos, device_generator

MAX_SIGMA = 50.0
"""Noise level 1 in 0..255 units."""


class DiagnoseTask:
    """Independent damages, each absent in half of the samples; a quarter has none at all.

    1. **detail**: blurred (:func:`~undegrade.training.degradations.sample_blur`), or reduced and
       enlarged again;
    2. **light**: too dark, or a phone's cast and tone curve. Not a target: the thumbnail shows it,
       but the other levels must be right in spite of it;
    3. **noise**: white, or a sensor's; half of the sigmas uniform in 0..50, half mostly small;
    4. **JPEG** of any quality 5..98 and subsampling, one in eight through a second and finer one;
    5. a part (``RESIZED``) is resized after all that: by 0.66..1.41, or by a usual factor.

    One picture in eight is grey. Crops begin on the grid of their JPEG, as the use half finds it,
    but for a share (``ASTRAY``) where it has not.

    =======  =======================================  ==============================================
    target   unit                                     what exactly
    =======  =======================================  ==============================================
    noise    sigma of white noise, / 50               as strong once clipped; **before** coding
    jpeg     :func:`jpeg_level`: 0 at 100, 1 at 5     of the coarsest coding
    blur     :func:`blur_level`: log2 of the scale    at which the picture holds detail, over 3
    =======  =======================================  ==============================================

    Noise is that before coding because this is what the restorer is told when it is trained;
    what coding has erased shows in the uncertainty. Resizing afterwards scales it by the gain of
    the filter.
    """

    quantities = QUANTITIES
    CLEAN, GREY, RESIZED, ASTRAY = 1 / 4, 1 / 8, 5 / 16, 1 / 10
    BLOCK, MARGIN = 8, 8
    USUAL = (1 / 2, 2 / 3, 3 / 4, 5 / 4, 4 / 3, 3 / 2, 2.0)

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        resized = int(count * self.RESIZED)
        parts = [self._aligned(photos, count - resized, patch, generator)]
        if resized:
            parts.append(self._resized(photos, resized, patch, generator))
        picture, level = (torch.cat(values) for values in zip(*parts, strict=True))
        return Batch((picture,), picture, level)

    graded = batch

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        """None: a regressor is judged on graded crops."""
        return {}

    def _aligned(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, *patch*, *patch*) on the JPEG grid, and their levels (N, 3)."""
        damaged, level = self._damaged(photos, count, patch + 2 * self.MARGIN, generator)
        off = torch.rand(count, generator=generator) < self.ASTRAY
        shifts = torch.randint(0, self.BLOCK, (count, 2), generator=generator) * off[:, None]
        corners = (self.MARGIN + shifts).tolist()
        cut = [
            x[:, y : y + patch, z : z + patch] for x, (y, z) in zip(damaged, corners, strict=True)
        ]
        return torch.stack(cut), level

    def _resized(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`_aligned`, resized after coding by one factor for all, and so on no grid."""
        # Half of the factors are what programs offer: after those all blocks of JPEG look alike.
        anyhow = 2 ** float(torch.empty(1).uniform_(-0.6, 0.5, generator=generator))
        choice = int(torch.randint(2 * len(self.USUAL), (1,), generator=generator))
        factor = self.USUAL[choice] if choice < len(self.USUAL) else anyhow
        side = -(-int(patch / min(factor, 1.0) + 2 * self.MARGIN) // 48) * 48
        damaged, level = self._damaged(photos, count, side, generator)
        target = round(side * factor)
        picture = degradations.quantise(degradations.bicubic_to(damaged, target, target))
        level[:, 0] *= noise_gain(side, target)
        level[:, 2] = (level[:, 2] + math.log2(target / side) / OCTAVES).clamp(min=0.0)
        edge = torch.randint(0, target - patch + 1, (2,), generator=generator).tolist()
        return picture[:, :, edge[0] : edge[0] + patch, edge[1] : edge[1] + patch], level

    def _damaged(
        self, photos: Photos, count: int, side: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        x = photos.crops(count, side, generator).float() / 255.0
        grey = torch.rand(count, generator=generator) < self.GREY
        some = torch.rand(count, generator=generator) >= self.CLEAN
        detail, light, noise, coding = (torch.rand(4, count, generator=generator) < 0.5) & some
        x[grey] = degradations.quantise(luma(x[grey])).expand(-1, 3, -1, -1)
        level = torch.zeros(count, 3)
        level[:, 2] = self._soften(x, detail, generator)
        self._relight(x, light, generator)
        level[:, 0] = self._add_noise(x, noise, grey, generator)
        x = degradations.quantise(x)
        level[:, 1] = self._code(x, coding, generator)
        return x, level.to(x.device)

    def _soften(self, x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Blur or reduce the *chosen* of *x* in place; the blur levels of all, (N,)."""
        level = torch.zeros(len(x))
        kind = torch.rand(len(x), generator=generator)
        if (blurred := chosen & (kind < 0.7)).any():
            damage = degradations.sample_blur(int(blurred.sum()), generator)
            x[blurred] = degradations.blur(x[blurred], degradations.blur_kernels(damage))
            level[blurred] = torch.tensor([blur_level(sigma) for sigma in damage.sigma.tolist()])
        if (reduced := chosen & (kind >= 0.7)).any():
            side = x.shape[-1]
            small = round(side * 2 ** -float(torch.empty(1).uniform_(0, 2.5, generator=generator)))
            down = degradations.quantise(degradations.bicubic_to(x[reduced], small, small))
            x[reduced] = degradations.bicubic_to(down, side, side).clamp(0, 1)
            level[reduced] = math.log2(side / small) / OCTAVES
        return level

    def _relight(self, x: Tensor, chosen: Tensor, generator: torch.Generator) -> None:
        """Darken the *chosen* of *x* in place, or give them a phone's cast and tone."""
        dark = torch.rand(len(x), generator=generator) < 0.5
        if (under := chosen & dark).any():
            stops, gamma, *_ = degradations.sample_darkness(int(under.sum()), generator)
            none = torch.zeros_like(stops)
            x[under] = degradations.darken(
                x[under], stops, gamma, none, none, device_generator(generator, x.device)
            )
        if (shot := chosen & ~dark).any():
            count = int(shot.sum())
            drawn = degradations.sample_phone(count, generator)
            gains = torch.stack([drawn.red, torch.zeros(count), drawn.blue], 1).to(x)
            light = degradations.to_linear(x[shot]) * torch.exp2(gains)[:, :, None, None]
            x[shot] = tone_curve(degradations.to_srgb(light).clamp(0, 1), drawn.tone)

    def _add_noise(
        self, x: Tensor, chosen: Tensor, grey: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Noise on the *chosen* of *x* in place, not clipped; its level in all, (N,)."""
        level = torch.zeros(len(x))
        sensor = torch.rand(len(x), generator=generator) < 0.5
        share = torch.rand(2, len(x), generator=generator)
        sigma = MAX_SIGMA * torch.where(share[1] < 0.5, share[0], share[0] ** 3)
        local = device_generator(generator, x.device)
        if (white := chosen & ~sensor).any():
            x[white] = self._alike(
                x[white], degradations.gaussian_noise(x[white], sigma[white], local), grey[white]
            )
            level[white] = sigma[white] / MAX_SIGMA
        if (shot := chosen & sensor).any():
            drawn = degradations.sample_sensor_noise(int(shot.sum()), generator)
            before = x[shot]
            noisy = degradations.poisson_gaussian_noise(before, *drawn, local)
            x[shot] = self._alike(before, noisy, grey[shot])
            level[shot] = _white_equal(before, x[shot], local).cpu() * 255.0 / MAX_SIGMA
        return level

    @staticmethod
    def _alike(before: Tensor, noisy: Tensor, grey: Tensor) -> Tensor:
        """The same noise in all channels of what is *grey*."""
        noise = noisy - before
        noise[grey] = noise[grey, :1].expand(-1, 3, -1, -1)
        return before + noise

    def _code(self, x: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Code the *chosen* of *x* as JPEG in place; the levels of all, (N,)."""
        level = torch.zeros(len(x))
        count = int(chosen.sum())
        if not count:
            return level
        quality, subsampling = degradations.sample_jpeg(count, generator)
        even = torch.randint(5, 99, (count,), generator=generator).float()
        quality = torch.where(torch.rand(count, generator=generator) < 0.5, even, quality)
        coded = degradations.jpeg(x[chosen], quality, subsampling)
        again = torch.rand(count, generator=generator) < 1 / 8
        finer = torch.maximum(torch.randint(85, 99, (count,), generator=generator), quality)
        if again.any():
            coded[again] = degradations.jpeg(coded[again], finer[again], subsampling[again])
        x[chosen] = coded
        level[chosen] = torch.tensor([jpeg_level(q) for q in quality.tolist()])
        return level


def _white_equal(before: Tensor, noisy: Tensor, generator: torch.Generator) -> Tensor:
    """Deviation (N,) of the white noise that is as strong as that of *noisy* once both are clipped.

    A sensor's noise is far larger near black than what clipping leaves of it.
    """
    strength = _strength(before, noisy)
    white = torch.randn(before.shape, generator=generator, device=before.device)
    trial = _strength(before, before + strength.view(-1, 1, 1, 1) * white)
    return strength.square() / trial.clamp(min=1e-6)


def _strength(before: Tensor, noisy: Tensor) -> Tensor:
    return (noisy.clamp(0.0, 1.0) - before).square().mean((1, 2, 3)).sqrt()


def noise_gain(side: int, target: int) -> float:
    """By how much resizing from *side* to *target* pixels scales white noise."""
    rows = degradations.bicubic_to(torch.eye(side)[None, None], target, side)[0, 0]
    # Both axes are filtered alike, so the product of two root mean squares.
    return float(rows.square().sum(1).mean())
