"""Through a JPEG file and back without leaving the device: the steps of libjpeg, batched."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.degradation.jpeg import SUBSAMPLINGS, Jpeg
from undegrade.imaging.jpeg_tables import (
    CHROMA_STEPS,
    LUMA_STEPS,
    RGB_TO_YCBCR,
    WORST_SCALE,
    YCBCR_TO_RGB,
    jpeg_level,
)
from undegrade.training.degradations.batches import (
    check_parameters,
    check_pictures,
    choice,
    uniform,
)

HALF_MARGIN = 1e-4
"""More than float32 loses in a block: a half that comes out just under one still rounds up."""


Values: TypeAlias = tuple[float, ...] | tuple[tuple[float, ...], ...]


class JpegDamage(NamedTuple):
    """Parameters of :func:`jpeg` in its order, each (N,)."""

    quality: Tensor
    """Setting of the encoder, IJG scale, whole numbers in float32."""

    subsampling: Tensor
    """Indices into ``undegrade.degradation.jpeg.SUBSAMPLINGS``, int64."""


class _Reduction(NamedTuple):
    """How chroma shrinks and grows.

    libjpeg rounds down after adding an offset, one to even and another to odd columns.
    """

    down: int
    across: int
    reducing: tuple[float, float] = (0.0, 0.0)
    enlarging: tuple[float, float] = (0.0, 0.0)


REDUCTIONS = {
    "4:2:0": _Reduction(2, 2, (1 / 4, 2 / 4), (8 / 16, 7 / 16)),
    "4:2:2": _Reduction(1, 2, (0, 1 / 2), (1 / 4, 2 / 4)),
    "4:4:4": _Reduction(1, 1),
}


def jpeg(x: Tensor, quality: Tensor, subsampling: str | Tensor = "4:2:0") -> Tensor:
    """Encode and decode as baseline JPEG at *quality* (N,) in 1..100.

    Follows libjpeg: 8-bit input, rounded YCbCr, box-filtered chroma, IJG tables, rounded samples,
    triangle ("fancy") chroma upsampling. Not differentiable: the rounding has no gradient.

    Parameters
    ----------
    x: (N, 3, H, W), or (N, 1, H, W), which makes grey files; clipped and rounded to 8 bit.
    quality: (N,), not only whole numbers.
    subsampling: ``"4:2:0"``, ``"4:2:2"`` or ``"4:4:4"``, or (N,) indices into ``SUBSAMPLINGS`` of
        :mod:`undegrade.degradation.jpeg`. Grey files have none.

    Returns 8-bit values in [0, 1], of the shape of *x*.
    """
    check_pictures(x)
    check_parameters(len(x), Jpeg.fields, quality=quality)
    if isinstance(subsampling, Tensor):
        return _mixed(x, quality, subsampling.to(x.device))
    if subsampling not in REDUCTIONS:
        raise ValueError(f"subsampling must be one of {', '.join(REDUCTIONS)}, not {subsampling!r}")
    luma_steps, chroma_steps = scaled_tables(quality.to(x))
    pixels = torch.round(x.clamp(0.0, 1.0) * 255.0)
    if x.shape[1] == 1:
        return _through_blocks(pixels[:, 0], luma_steps).unsqueeze(1) / 255.0

    ycc = torch.einsum("oc,nchw->nohw", _constant(RGB_TO_YCBCR, x.device), pixels)
    ycc[:, 1:] += 128.0
    ycc = torch.round(ycc).clamp(0.0, 255.0)
    luma = _through_blocks(ycc[:, 0], luma_steps)
    chroma = _through_reduction(ycc[:, 1:], chroma_steps, REDUCTIONS[subsampling])
    decoded = torch.cat([luma.unsqueeze(1), chroma - 128.0], 1)
    rgb = torch.einsum("oc,nchw->nohw", _constant(YCBCR_TO_RGB, x.device), decoded)
    return torch.round(rgb).clamp(0.0, 255.0) / 255.0


def sample_jpeg(count: int, generator: torch.Generator) -> JpegDamage:
    """Quality 5..98, uniform in the level; 4:2:0 in three of four, else 4:4:4 or 4:2:2."""
    level = uniform(count, jpeg_level(98), 1.0, generator)
    return JpegDamage(
        quality=quality_of_level(level).round(),
        subsampling=choice(count, (0.75, 0.05, 0.2), generator),
    )


def _mixed(x: Tensor, quality: Tensor, subsampling: Tensor) -> Tensor:
    """Each picture with its own subsampling: those that share one go together."""
    if subsampling.shape != (len(x),):
        raise ValueError(f"subsampling must be ({len(x)},), not {tuple(subsampling.shape)}")
    result = torch.empty_like(x)
    for index in set(subsampling.tolist()):
        if index not in range(len(SUBSAMPLINGS)):
            raise ValueError(f"subsampling must hold 0..{len(SUBSAMPLINGS) - 1}, not {index}")
        chosen = subsampling == index
        result[chosen] = jpeg(x[chosen], quality.to(x.device)[chosen], SUBSAMPLINGS[index])
    return result


def _through_reduction(chroma: Tensor, steps: Tensor, how: _Reduction) -> Tensor:
    """Both chroma planes (N, 2, H, W) in 0..255: reduced, quantised, enlarged."""
    n, _, height, width = chroma.shape
    # libjpeg repeats the last column before it reduces, the last row only up to a pair.
    chroma = _extended(chroma, how.down, 8 * how.across)
    small = _round_down(F.avg_pool2d(chroma, (how.down, how.across)), how.reducing)
    quantised = _through_blocks(small.flatten(0, 1), steps.repeat_interleave(2, 0))
    small = quantised.view(n, 2, *quantised.shape[1:])[..., : math.ceil(width / how.across)]
    # Its triangle filter needs three columns.
    mode = "bilinear" if small.shape[-1] > 2 else "nearest"
    scales = (float(how.down), float(how.across))
    large = _round_down(F.interpolate(small, scale_factor=scales, mode=mode), how.enlarging)
    return large[..., :height, :width]


def _through_blocks(planes: Tensor, steps: Tensor) -> Tensor:
    """Quantise planes (N, H, W) in 0..255 by blocks of 8 x 8 with *steps* (N, 64).

    libjpeg computes coefficients in eighths, and rounds halves away from zero where it quantises
    and up where it decodes; flat blocks and coarse tables make such halves often.
    """
    n, height, width = planes.shape
    dct, steps = _dct(planes.device), steps.unsqueeze(1)
    planes = _extended(planes, 8, 8)
    grid = (n, planes.shape[1] // 8, 8, planes.shape[2] // 8, 8)
    blocks = planes.reshape(grid).transpose(2, 3).reshape(n, -1, 64)
    coefficients = torch.round((blocks - 128.0) @ dct.T * 8.0) / 8.0
    multiples = torch.floor(coefficients.abs() / steps + 0.5) * coefficients.sign()
    decoded = torch.floor((multiples * steps) @ dct + 128.5 + HALF_MARGIN).clamp(0.0, 255.0)
    decoded = decoded.view(n, grid[1], grid[3], 8, 8).transpose(2, 3)
    return decoded.reshape(planes.shape)[:, :height, :width]


def _extended(planes: Tensor, down: int, across: int) -> Tensor:
    """Repeat the last row and column up to multiples of *down* and *across*."""
    below, right = -planes.shape[-2] % down, -planes.shape[-1] % across
    return F.pad(planes, (0, right, 0, below), mode="replicate") if below or right else planes


def _round_down(planes: Tensor, offsets: tuple[float, float]) -> Tensor:
    """Add *offsets* to the even and the odd columns, then round down."""
    if not any(offsets):
        return planes
    pairs = planes.reshape(*planes.shape[:-1], -1, 2) + _constant(offsets, planes.device)
    return torch.floor(pairs).flatten(-2)


@cache
def _dct(device: torch.device) -> Tensor:
    """The orthonormal DCT-II of an 8 x 8 block, flattened by rows: (64, 64)."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return torch.kron(matrix, matrix).float().to(device)


@cache
def _constant(values: Values, device: torch.device) -> Tensor:
    """*values* as float32 on *device*, sent there once."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def scaled_tables(quality: Tensor) -> tuple[Tensor, Tensor]:
    """The tables for luma and chroma at *quality* (N,) in 1..100, each (N, 64), values 1..255.

    The batched equal of :mod:`undegrade.imaging.jpeg_tables`, which names the sources.
    """
    # In float32, and still the encoder's whole numbers: all steps are exact or far from the next.
    scale = torch.where(quality < 50, 5000.0 / quality, 200.0 - 2.0 * quality)
    percent = torch.floor(scale + 1e-4)[:, None]
    luma, chroma = (
        torch.floor((torch.from_numpy(base).to(quality).view(1, 64) * percent + 50.0) / 100.0)
        for base in (LUMA_STEPS, CHROMA_STEPS)
    )
    return luma.clamp(1.0, 255.0), chroma.clamp(1.0, 255.0)


def quality_of_level(level: Tensor) -> Tensor:
    """The quality 1..100 of a level of damage (N,): 100 at level 0, 5 at 1, not rounded."""
    scale = torch.expm1(level * math.log1p(10.0 * WORST_SCALE)) / 10.0
    quality = torch.where(scale > 1, 50.0 / scale, 100.0 - 50.0 * scale)
    return quality.clamp(1.0, 100.0)
