"""Crops with known damage in the order of a real photo: what the diagnosis network learns from."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from undegrade.degradation.phone import tone_curve
from undegrade.diagnosis.units import OCTAVES, QUANTITIES, blur_level
from undegrade.imaging.arrays import column
from undegrade.imaging.jpeg_tables import jpeg_level
from undegrade.imaging.luma import luma
from undegrade.imaging.noise_levels import MAX_NOISE, measure_noise, white_levels
from undegrade.training import degradations
from undegrade.training.data.photos import Photos
from undegrade.training.tasks.base import (
    Allows,
    Batch,
    device_generator,
    real_crops,
    require_share,
)


class DiagnoseTask:
    """Crops of laboratory damage, of real damage, and of none.

    **Laboratory**: independent damages, each absent in half of the samples; a quarter has none.

    1. **detail**: blurred (:func:`~undegrade.training.degradations.sample_blur`), or reduced and
       enlarged again;
    2. **light**: too dark, or a phone's cast and tone curve. Not a target: the thumbnail shows it,
       but the other levels must be right in spite of it;
    3. **noise**: white, or a sensor's; half of the sigmas uniform in 0..50, half mostly small;
    4. **JPEG** of any quality 5..98 and subsampling, one in eight through a second and finer one;
    5. a part (``RESIZED``) is resized after all that: by 0.66..1.41, or by a usual factor.

    **Real** (a share *real*, 0..1, of the samples):
    :func:`~undegrade.training.degradations.real_damage`, one in eight of them clean.

    One picture in eight is grey. Crops begin on the grid of their JPEG, as the use half finds it,
    but for a share (``ASTRAY``) where it has not.

    ==========  =======================================  ===========================================
    target      unit                                     what exactly
    ==========  =======================================  ===========================================
    noise (6)   :func:`measure_noise`                    as it lies in the photo, **before** coding
    grain       the same                                 unknown (NaN) where there is hardly noise
    jpeg        :func:`jpeg_level`: 0 at 100, 1 at 5     of the coarsest coding
    blur        :func:`blur_level`: log2 of the scale    at which the picture holds detail, over 3;
                                                         unknown of real damage
    ==========  =======================================  ===========================================

    Noise is that before coding because this is what the restorer is told when it is trained;
    what coding has erased shows in the uncertainty.
    """

    allows = Allows(kinds=("regressor",), card="diagnose")

    quantities = QUANTITIES
    CLEAN, GREY, RESIZED, ASTRAY = 1 / 4, 1 / 8, 1 / 4, 1 / 10
    BLOCK, MARGIN = 8, 8
    USUAL = (1 / 2, 2 / 3, 3 / 4, 5 / 4, 4 / 3, 3 / 2, 2.0)
    LEAST = 0.5 / MAX_NOISE
    """Luma noise below which its grain means nothing."""

    def __init__(self, real: float = 0.5) -> None:
        require_share("degradation.real", real)
        self.real = real

    def batch(
        self,
        photos: Photos,
        count: int,
        patch: int,
        generator: torch.Generator,
        unseen: bool = False,
    ) -> Batch:
        real = int(count * self.real)
        resized = int((count - real) * self.RESIZED)
        parts = []
        if plain := count - real - resized:
            parts.append(self._aligned(photos, plain, patch, generator))
        if resized:
            parts.append(self._resized(photos, resized, patch, generator))
        if real:
            parts.append(self._real(photos, real, patch, generator, unseen))
        picture, level = (torch.cat(values) for values in zip(*parts, strict=True))
        return Batch((picture,), picture, level)

    graded = batch

    def judged(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        """As :meth:`graded`, with real damage of kinds that training never draws."""
        return self.batch(photos, count, patch, generator, unseen=True)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        """None: a regressor is judged on graded crops."""
        return {}

    def _real(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator, unseen: bool
    ) -> tuple[Tensor, Tensor]:
        made = real_crops(photos, count, patch, generator, unseen)
        return made.picture, self._levels(made.noise, made.grain, made.jpeg)

    def _levels(
        self, noise: Tensor, grain: Tensor, jpeg: Tensor, blur: Tensor | None = None
    ) -> Tensor:
        """The targets (N, 9) in the order of :attr:`quantities`."""
        unknown = torch.full_like(grain, math.nan)
        strength = noise[:, :3].square().mean(1).sqrt()
        grain = torch.where(strength >= self.LEAST, grain, unknown)
        blur = unknown if blur is None else blur.to(grain)
        return torch.cat([noise, torch.stack([grain, jpeg.to(grain), blur], 1)], 1)

    def _aligned(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, *patch*, *patch*) on the JPEG grid, and their levels (N, 9)."""
        side = patch + 2 * self.MARGIN
        damaged, *rest = self._damaged(photos, count, side, generator)
        off = torch.rand(count, generator=generator) < self.ASTRAY
        shifts = torch.randint(0, self.BLOCK, (count, 2), generator=generator) * off[:, None]
        corners = (self.MARGIN + shifts).tolist()
        cut = [
            x[:, y : y + patch, z : z + patch] for x, (y, z) in zip(damaged, corners, strict=True)
        ]
        noise, quiet, nominal, coded, blur = rest
        levels, grain = measure_noise(noise, quiet)
        # Of white noise the level is known, and better than any measure of one crop.
        known = ~nominal.isnan().any(1)
        levels[known], grain[known] = nominal[known], 0.0
        return torch.stack(cut), self._levels(levels, grain, coded, blur)

    def _resized(
        self, photos: Photos, count: int, patch: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """As :meth:`_aligned`, resized after coding by one factor for all, and so on no grid."""
        # Half of the factors are what programs offer: after those all blocks of JPEG look alike.
        anyhow = 2 ** float(torch.empty(1).uniform_(-0.6, 0.5, generator=generator))
        choice = int(torch.randint(2 * len(self.USUAL), (1,), generator=generator))
        factor = self.USUAL[choice] if choice < len(self.USUAL) else anyhow
        side = -(-int(patch / min(factor, 1.0) + 2 * self.MARGIN) // 48) * 48
        damaged, noise, quiet, _, coded, blur = self._damaged(photos, count, side, generator)
        target = round(side * factor)
        picture, noise, quiet = (
            degradations.bicubic_to(plane, target, target) for plane in (damaged, noise, quiet)
        )
        blur = (blur + math.log2(target / side) / OCTAVES).clamp(min=0.0)
        edge = torch.randint(0, target - patch + 1, (2,), generator=generator).tolist()
        window = (..., slice(edge[0], edge[0] + patch), slice(edge[1], edge[1] + patch))
        levels, grain = measure_noise(noise, quiet)
        return degradations.quantise(picture[window]), self._levels(levels, grain, coded, blur)

    def _damaged(
        self, photos: Photos, count: int, side: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Pictures, their noise before coding, what is under it, its levels where they are known
        without measuring (else NaN), and the levels of JPEG and blur."""
        x = photos.crops(count, side, generator).float() / 255.0
        grey = torch.rand(count, generator=generator) < self.GREY
        some = torch.rand(count, generator=generator) >= self.CLEAN
        detail, light, noise, coding = (torch.rand(4, count, generator=generator) < 0.5) & some
        x[grey] = degradations.quantise(luma(x[grey])).expand(-1, 3, -1, -1)
        blur = self._soften(x, detail, generator)
        self._relight(x, light, generator)
        quiet = x.clamp(0.0, 1.0)
        nominal = self._add_noise(x, noise, grey, generator)
        x = degradations.quantise(x)
        added = torch.where(noise.view(-1, 1, 1, 1).to(x.device), x - quiet, 0.0)
        coded = self._code(x, coding, generator)
        return x, added, quiet, nominal.to(x.device), coded.to(x.device), blur.to(x.device)

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
            stops, gamma, *_ = degradations.sample_lowlight(int(under.sum()), generator)
            none = torch.zeros_like(stops)
            x[under] = degradations.lowlight(
                x[under], stops, gamma, none, none, device_generator(generator, x.device)
            )
        if (shot := chosen & ~dark).any():
            count = int(shot.sum())
            drawn = degradations.sample_phone(count, generator)
            gains = torch.stack([drawn.red, torch.zeros(count), drawn.blue], 1).to(x)
            light = degradations.to_linear(x[shot]) * torch.exp2(gains)[:, :, None, None]
            x[shot] = tone_curve(degradations.to_srgb(light).clamp(0, 1), column(drawn.tone, x))

    def _add_noise(
        self, x: Tensor, chosen: Tensor, grey: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Noise on the *chosen* of *x* in place, not clipped.

        Returns the levels of noise (N, 6): those of white noise and of none, NaN for a sensor's.
        """
        sensor = torch.rand(len(x), generator=generator) < 0.5
        share = torch.rand(2, len(x), generator=generator)
        sigma = MAX_NOISE * torch.where(share[1] < 0.5, share[0], share[0] ** 3) * chosen
        local = device_generator(generator, x.device)
        if (white := chosen & ~sensor).any():
            x[white] = self._alike(
                x[white], degradations.gaussian_noise(x[white], sigma[white], local), grey[white]
            )
        if (shot := chosen & sensor).any():
            drawn = degradations.sample_sensor_noise(int(shot.sum()), generator)
            before = x[shot]
            noisy = degradations.poisson_gaussian_noise(before, *drawn, local)
            x[shot] = self._alike(before, noisy, grey[shot])
        known = zip(sigma.tolist(), grey.tolist(), strict=True)
        level = torch.tensor([white_levels(s, g) for s, g in known])
        level[chosen & sensor] = math.nan
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
