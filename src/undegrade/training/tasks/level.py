"""DLL-GAN's tasks: one kind of degradation in numbered levels (Kas et al., 2024, section 4.1)."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor

from undegrade.errors import RecipeError
from undegrade.training import degradations
from undegrade.training.data.photos import Photos
from undegrade.training.tasks.base import Allows, Batch, centres, device_generator, through_pillow

LEVELS: dict[str, tuple[float, ...]] = {
    "sr": (4, 8, 16),
    "noise": (15, 25, 50, 70),
    "jpeg": (30, 20, 10),
}
"""Level 1, 2, ... of the paper: scale, sigma in 0..255 units, JPEG quality; level 0 is clean."""


def _numbers(key: str, value: object) -> tuple[float, ...]:
    values = value if isinstance(value, list | tuple) else (value,)
    if not values or not all(isinstance(v, int | float) for v in values):
        raise RecipeError(f"degradation.{key}", value, "must be a number or a list of numbers")
    return tuple(values)


class LevelTask:
    """Same-size restoration of one kind of degradation, by level.

    =====  ===========================================  =====================  ================
    kind   operator                                     parameter              continuous level
    =====  ===========================================  =====================  ================
    sr     bicubic down by s and up again, 8 bit        scale s                ``log2 s``
    noise  white Gaussian, not clipped                  sigma, 0..255 units    ``sigma``
    jpeg   JPEG, 4:2:0                                  quality                ``100 - q``
    =====  ===========================================  =====================  ================

    Parameters
    ----------
    kind: which degradation.
    levels: parameter of level 1, 2, ... from the mildest to the worst; the paper's by default.
    at: the parameters that the generator trains on, one drawn per sample; all levels by default.
        The paper has **one generator per level**: one value.
    spread: two parameters; the generator trains on all in between (sr: on its ``levels``), which
        makes it blind. Overrides *at*.
    continuous: share of the regressor's samples whose level lies anywhere up to the worst, not
        only on the paper's; its target is then interpolated between the indices.
    """

    allows = Allows(kinds=("generator", "regressor", "critic", "adversarial"), stored=True)

    FAINT = 0.5 / 255
    """Least rms by which two levels are taken to differ: on a flat crop all may leave nothing."""
    CELL = 16
    """Patches are cut from crops this much larger, so that no edge of a crop is seen."""

    def __init__(
        self,
        kind: str,
        levels: list[float] | None = None,
        at: list[float] | float | None = None,
        spread: tuple[float, float] | None = None,
        continuous: float = 0.0,
    ) -> None:
        if kind not in LEVELS:
            raise RecipeError("degradation.kind", kind, f"must be one of {', '.join(LEVELS)}")
        self.kind = kind
        self.levels = _numbers("levels", LEVELS[kind] if levels is None else levels)
        self.at = self.levels if at is None else _numbers("at", at)
        self.spread = None if spread is None else _numbers("spread", spread)
        self.continuous = continuous
        if kind == "sr" and any(s not in (2, 4, 8, 16) for s in (*self.levels, *self.at)):
            raise RecipeError(
                "degradation", list(self.at), "holds a scale that is not 2, 4, 8 or 16"
            )
        self._known = [self._continuous(v) for v in (self._nothing(), *self.levels)]
        if any(milder >= worse for milder, worse in pairwise(self._known)):
            raise RecipeError("degradation.levels", levels, "must go from the mildest to the worst")
        if self.spread is not None and len(self.spread) != 2:
            raise RecipeError("degradation.spread", spread, "must hold two values")

    def batch(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        clean = self._crops(photos, count, patch, generator)
        if self.spread and self.kind != "sr":
            low, high = self.spread
            drawn = low + (high - low) * torch.rand(count, generator=generator)
        else:
            picks = torch.randint(len(self.at), (count,), generator=generator)
            drawn = torch.tensor(self.at, dtype=torch.float32)[picks]
        return self._cut(self._damaged(clean, drawn, generator), clean, drawn, patch)

    def graded(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Batch:
        """Pictures of every level in equal parts, clean included, with their index."""
        clean = self._crops(photos, count, patch, generator)
        index = torch.randint(len(self.levels) + 1, (count,), generator=generator)
        drawn = torch.tensor([self._nothing(), *self.levels], dtype=torch.float32)[index]
        if self.continuous and self.kind != "sr":
            between = torch.rand(count, generator=generator) < self.continuous
            share = torch.rand(count, generator=generator)
            worst, none = self.levels[-1], self._nothing()
            drawn = torch.where(between, none + share * (worst - none), drawn)
        return self._cut(self._damaged(clean, drawn, generator), clean, drawn, patch)

    judged = graded

    def left(self, picture: Tensor, clean: Tensor, generator: torch.Generator) -> Tensor:
        """How much is left in what a generator made of *clean*, (N, 1).

        The index of the level, interpolated, at which the damage itself would leave as large a
        residual (rms) on the same crop; at most the worst.
        """
        residual = _rms(picture - clean)
        knots = [torch.zeros_like(residual)]
        for value in self.levels:
            drawn = torch.full((len(clean),), float(value))
            left = _rms(self._damaged(clean, drawn, generator) - clean)
            knots.append(torch.maximum(left, knots[-1] + self.FAINT))
        level = torch.zeros_like(residual)
        for below, above in pairwise(knots):
            level += ((residual - below) / (above - below)).clamp(0, 1)
        return level.view(-1, 1)

    def validation(self, photos: list[Tensor], size: int) -> dict[str, Batch]:
        clean = centres(photos, size)
        batches = {}
        for value in self.levels if self.spread else self.at:
            drawn = torch.full((len(clean),), float(value))
            if self.kind == "jpeg":
                damaged = through_pillow(clean, int(value))
            else:
                damaged = self._damaged(clean, drawn, torch.Generator().manual_seed(0))
            name = f"{self.kind}{value:g}"
            batches[name] = Batch((damaged,), clean, self.index(drawn).to(clean.device))
        return batches

    def index(self, parameter: Tensor) -> Tensor:
        """Degradation parameters (N,) as the paper's level index (N, 1), interpolated between."""
        x = torch.tensor([self._continuous(v) for v in parameter.tolist()], dtype=torch.float64)
        knots = torch.tensor(self._known, dtype=torch.float64)
        right = torch.searchsorted(knots, x).clamp(1, len(knots) - 1)
        left = right - 1
        share = (x - knots[left]) / (knots[right] - knots[left])
        return (left + share).float().view(-1, 1)

    def _continuous(self, value: float) -> float:
        if self.kind == "sr":
            return math.log2(value)
        return value if self.kind == "noise" else 100.0 - value

    def _nothing(self) -> float:
        """The parameter that means no degradation at all."""
        return {"sr": 1.0, "noise": 0.0, "jpeg": 100.0}[self.kind]

    def _crops(self, photos: Photos, count: int, patch: int, generator: torch.Generator) -> Tensor:
        side = -(-(patch + self.CELL) // self.CELL) * self.CELL
        return photos.crops(count, side, generator).float() / 255.0

    def _damaged(self, clean: Tensor, parameter: Tensor, generator: torch.Generator) -> Tensor:
        """Each picture at its own parameter (N,); where that means nothing, as it was."""
        device = clean.device
        if self.kind == "noise":
            noise = device_generator(generator, device)
            return degradations.gaussian_noise(clean, parameter.to(device), noise)
        damaged = clean.clone()
        for value in sorted(set(parameter.tolist())) if self.kind == "sr" else ():
            which = (parameter == value).to(device)
            if value > 1:
                small = degradations.quantise(degradations.bicubic_down(clean[which], int(value)))
                damaged[which] = degradations.quantise(degradations.bicubic_up(small, int(value)))
        if self.kind == "jpeg" and (coded := parameter < 100).any():
            damaged[coded.to(device)] = degradations.jpeg(
                clean[coded.to(device)], parameter[coded].to(device)
            )
        return damaged

    def _cut(self, damaged: Tensor, clean: Tensor, parameter: Tensor, patch: int) -> Batch:
        edge = (clean.shape[-1] - patch) // 2
        window = (..., slice(edge, edge + patch), slice(edge, edge + patch))
        level = self.index(parameter).to(clean.device)
        return Batch((damaged[window].contiguous(),), clean[window].contiguous(), level)


def _rms(difference: Tensor) -> Tensor:
    """Of each picture, (N,)."""
    return difference.square().mean((1, 2, 3)).sqrt()
