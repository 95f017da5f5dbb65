"""Real damage on batches: cameras, scans and the web, with the noise that they leave, measured.

The formulas are those of the operators on arrays (:mod:`undegrade.degradation.sensor`,
:mod:`undegrade.degradation.camera`); here every sample draws its own parameters, and what is
clean goes through the same pipeline, so that the noise is known as it lies in the picture. Clean
is the mean of many shots, whose local brightness and colour are those of the noisy one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undegrade.degradation import sensor
from undegrade.degradation.camera import expected_noise
from undegrade.degradation.fade import flat
from undegrade.degradation.sensor import DEMOSAICS, DENOISERS
from undegrade.imaging import resize
from undegrade.imaging.arrays import column
from undegrade.imaging.jpeg_tables import jpeg_level
from undegrade.imaging.noise_levels import measure_noise
from undegrade.training.degradations.batches import choice, normal, quantise, uniform
from undegrade.training.degradations.jpeg import jpeg

HELD_OUT = {"demosaic": "hamilton", "denoiser": "sigma", "filter": "hamming"}
"""Kinds that training never draws, so that validation shows what it makes of the unknown."""

GRID = 8
"""Period of JPEG's blocks."""

ASTRAY = 0.3
"""Share of batches whose pictures do not begin on the grid of their last JPEG."""

MUCH = 0.6
"""Share of cameras that smooth much."""

MARGIN = 16
"""Pixels that are simulated on each side of what is kept."""


@dataclass(frozen=True)
class Real:
    """What :func:`real_damage` makes: pictures (N, 3, h, w) and what is known of them."""

    picture: Tensor
    """As a file holds it: 8-bit values in [0, 1]."""
    clean: Tensor
    """The mean of many through the same pipeline, without coding."""
    noise: Tensor
    """The levels :data:`undegrade.imaging.noise_levels.NOISE`, (N, 6), of the noise before the
    last coding."""
    grain: Tensor
    """The level of its grain, (N,)."""
    jpeg: Tensor
    """The level of the coarsest JPEG, (N,)."""
    at: tuple[int, int]
    """Where it begins, down and right, in what it was made of, resized."""


def source_side(side: int, factor: float) -> int:
    """Side of the clean crops that :func:`real_damage` needs for pictures of *side*."""
    return -(-int((side + 2 * GRID) / min(factor, 1.0)) // GRID) * GRID + 2 * MARGIN


def sample_factor(generator: torch.Generator) -> float:
    """The factor by which a batch is resized: 1 in half of them, else 0.4 to 1.4."""
    drawn = torch.rand(2, generator=generator).tolist()
    return 1.0 if drawn[0] < 0.5 else 0.4 + drawn[1]


def real_damage(
    x: Tensor,
    side: int,
    factor: float,
    generator: torch.Generator,
    *,
    unseen: bool = False,
    scans: bool = True,
) -> Real:
    """Camera, scan or mixed noise, first JPEG, resizing by *factor*, second JPEG.

    Parameters
    ----------
    x: clean pictures (N, 3, S, S) with S of at least :func:`source_side`.
    side: of the pictures that come out.
    factor: 1 leaves the size; then a second JPEG lies on another grid in one of four.
    unseen: draw the kinds of :data:`HELD_OUT` and no others.
    scans: whether some are scans, whose colours have changed.
    """
    count = len(x)
    noisy, clean = torch.empty_like(x), torch.empty_like(x)
    kind = choice(count, (0.65, 0.15, 0.2) if scans else (0.8, 0.0, 0.2), generator)
    if unseen:
        kind = torch.zeros_like(kind)
    for index, make in enumerate((_camera, _scan, _mixed)):
        if (some := kind == index).any():
            noisy[some], clean[some] = make(x[some], generator, unseen)
    noise = noisy - clean
    coded = torch.rand(count, generator=generator) < 0.8
    level = torch.zeros(count)
    picture = _coded(noisy, coded, (60, 99), level, generator)
    again = torch.rand(count, generator=generator) < (0.7 if factor != 1 else 0.25)
    if factor != 1:
        planes = torch.cat([picture, clean, noise])
        planes = resized(planes, round(x.shape[-1] * factor), generator, unseen=unseen)
        picture, clean, noise = planes.chunk(3)
        picture, clean = quantise(picture), clean.clamp(0.0, 1.0)
    # The last JPEG begins where the picture does, but for a share that was cut.
    top = left = start = MARGIN if factor == 1 else int(MARGIN * factor)
    shift = torch.randint(0, GRID, (2,), generator=generator).tolist()
    cut = 0, 0
    if bool(again.any()):
        top, left = start + shift[0], start + shift[1]
        window = (..., slice(top, top + side + GRID), slice(left, left + side + GRID))
        picture, clean, noise = picture[window], clean[window], noise[window]
        picture = _coded(picture.contiguous(), again, (35, 96), level, generator)
        cut = top, left
        top = left = 0
    if torch.rand((), generator=generator) < ASTRAY:
        top, left = top + shift[1], left + shift[0]
    window = (..., slice(top, top + side), slice(left, left + side))
    picture, clean, noise = (plane[window].contiguous() for plane in (picture, clean, noise))
    levels, grain = measure_noise(noise, clean)
    at = cut[0] + top, cut[1] + left
    return Real(picture, clean, levels, grain, level.to(x.device), at)


def _camera(x: Tensor, generator: torch.Generator, unseen: bool) -> tuple[Tensor, Tensor]:
    count = len(x)
    iso = 100.0 * 2.0 ** uniform(count, 0.0, 8.5, generator)
    shot = iso * sensor.SHOT_AT_ISO_1
    relative = 10.0 ** (0.25 * torch.randn(count, generator=generator))
    read = torch.tensor(
        [sensor.read_variance(s, r) for s, r in zip(shot.tolist(), relative.tolist(), strict=True)]
    )
    settings: dict[str, Any] = {
        "lens": uniform(count, 0.3, 0.9, generator),
        "shot": shot,
        "read": read,
        "red": uniform(count, 1.3, 2.5, generator),
        "blue": uniform(count, 1.2, 2.3, generator),
        "saturation": uniform(count, 0.1, 1.0, generator),
        "tone": uniform(count, 0.0, 1.0, generator),
        "demosaic": _kinds(DEMOSAICS, (0.25, 0.25, 0.5, 0.0), "demosaic", count, generator, unseen),
        "phase": torch.randint(0, 4, (count,), generator=generator).tolist(),
    }
    light = sensor.scene(x, settings["tone"])
    taken, mean = sensor.expose_often(light, normal(x, generator), **settings)
    some = torch.rand(2, count, generator=generator) < 0.75
    # As most cameras smooth that write JPEGs: of luma little is left that is finer than four
    # pixels, and chroma lies in blotches of eight and more.
    much = torch.rand(count, generator=generator) < MUCH
    share, width, colour, reach = torch.rand(4, count, generator=generator)
    smoothing: dict[str, Any] = {
        "kind": _kinds(DENOISERS, (0.3, 0.35, 0.35, 0.0), "denoiser", count, generator, unseen),
        "luma": torch.where(much, 0.6 + 0.4 * share, share.sqrt() * some[0]),
        "luma_radius": torch.where(much, 0.7 * 3.0**width, 0.5 * 4.0**width),
        "chroma": torch.where(much, 0.7 + 0.3 * colour, (0.2 + 0.8 * colour) * some[1]),
        "radius": torch.where(much, 2.0 * 4.0**reach, 0.5 + 4.5 * reach),
        "sigma": torch.tensor(
            [expected_noise(s, r) for s, r in zip(shot.tolist(), read.tolist(), strict=True)]
        ),
    }
    amount = uniform(count, -0.5, 1.0, generator).clamp(min=0.0)
    radius = uniform(count, 0.5, 1.5, generator)
    both = (sensor.denoise(picture, **smoothing) for picture in (taken, mean))
    noisy, clean = (sensor.sharpen(picture, amount, radius) for picture in both)
    return noisy, clean


def _scan(x: Tensor, generator: torch.Generator, unseen: bool) -> tuple[Tensor, Tensor]:
    count = len(x)
    x = sensor.gaussian(x, uniform(count, -1.0, 0.9, generator).clamp(min=0.0))
    faded = torch.rand(count, generator=generator) < 0.5
    lift = column(uniform(count, 0.0, 0.2, generator) * faded, x)
    contrast = column(1.0 - uniform(count, 0.0, 0.5, generator) * faded, x)
    gains = torch.exp2(0.3 * torch.randn(count, 3, 1, 1, generator=generator)).to(x)
    gains = torch.where(faded.view(-1, 1, 1, 1).to(x.device), gains.clamp(0.7, 1.3), 1.0)
    clean: Tensor = (flat(x, contrast, lift) * gains).clamp(0.0, 1.0)
    noise = torch.cat([normal(x[:, :1], generator), normal(x, generator)], 1)
    amount = 25.0 / 255.0 * uniform(count, 0.05, 1.0, generator) ** 1.5
    size = uniform(count, 0.0, 2.2, generator)
    shared = uniform(count, 0.5, 1.0, generator)
    return _clipped(clean, sensor.film_grain(clean, noise, amount, size, shared))


def _mixed(x: Tensor, generator: torch.Generator, unseen: bool) -> tuple[Tensor, Tensor]:
    """White noise with a covariance of its own over the channels, partly made coarse.

    Part of it grows with brightness, as speckle does. Source: Zhang et al., "Practical blind image
    denoising via Swin-Conv-UNet", 2022, section 3.2.
    """
    count = len(x)
    mixing = torch.randn(count, 3, 3, generator=generator)
    own = torch.rand(count, 1, 1, generator=generator)
    mixing = own * torch.eye(3) + (1.0 - own) * mixing / 3**0.5
    white = torch.einsum("nij,njhw->nihw", mixing.to(x), normal(x, generator))
    coarse = torch.rand(count, generator=generator) < 0.5
    white = sensor.gaussian(white, uniform(count, 0.3, 2.5, generator) * coarse)
    white = white / white.square().mean((1, 2, 3), keepdim=True).sqrt().clamp(min=1e-6)
    sigma = 30.0 / 255.0 * uniform(count, 0.03, 1.0, generator) ** 1.5
    speckle = column(torch.rand(count, generator=generator), x)
    spread = (1.0 - speckle) + speckle * 2.0 * x.mean(1, keepdim=True)
    return _clipped(x, x + column(sigma, x) * spread * white)


def _clipped(clean: Tensor, noisy: Tensor) -> tuple[Tensor, Tensor]:
    """*noisy* within [0, 1], and the mean of many such pictures of *clean*."""
    mean: Tensor = sensor.mean_of_shots(clean, noisy, lambda x: x.clamp(0.0, 1.0))
    return noisy.clamp(0.0, 1.0), mean


def _kinds(
    names: tuple[str, ...],
    shares: tuple[float, ...],
    what: str,
    count: int,
    generator: torch.Generator,
    unseen: bool,
) -> list[int]:
    """Indices into *names*: drawn by *shares*, or what training never sees."""
    drawn: list[int] = choice(count, shares, generator).tolist()
    return [names.index(HELD_OUT[what])] * count if unseen else drawn


def resized(x: Tensor, size: int, generator: torch.Generator, *, unseen: bool = False) -> Tensor:
    """Square pictures (N, 3, S, S) at *size*, by one filter of the web's or by the unseen one."""
    name = HELD_OUT["filter"]
    if not unseen:
        known = [one for one in resize.FILTERS if one != name]
        name = known[int(torch.randint(len(known), (1,), generator=generator))]
    matrix = _resizing(x.shape[-1], size, name).to(x)
    return matrix @ x @ matrix.mT


def _coded(
    x: Tensor, chosen: Tensor, quality: tuple[int, int], level: Tensor, generator: torch.Generator
) -> Tensor:
    """*x* in 8 bit, the *chosen* of it through JPEG; *level* (N,) becomes that of the coarsest."""
    qualities = torch.randint(*quality, (len(x),), generator=generator)
    subsampling = choice(len(x), (0.75, 0.05, 0.2), generator)
    picture = quantise(x)
    if chosen.any():
        inside = chosen.to(x.device)
        picture[inside] = jpeg(picture[inside], qualities[chosen].float(), subsampling[chosen])
        found = torch.tensor([jpeg_level(q) for q in qualities[chosen].tolist()])
        level[chosen] = torch.maximum(level[chosen], found)
    return picture


@lru_cache(maxsize=256)
def _resizing(length: int, size: int, name: str) -> Tensor:
    """The weights (size, length) that resize one axis: what resizing makes of the identity."""
    rows = resize.resized(np.eye(length, dtype=np.float32)[:, :, None], size, length, name)
    return torch.from_numpy(np.ascontiguousarray(rows[:, :, 0]))
