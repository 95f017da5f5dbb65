"""Degradations on batches of tensors, on whatever device they lie.

The same operators as :mod:`undegrade.degradation`, one parameter per sample, so that the loader
never leaves the device. Pictures are (N, 3, H, W) float32 sRGB in [0, 1]; parameters are (N,).
Random numbers come from the generator that is passed in.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from undegrade.degradation import jpeg_tables

RGB_TO_YCBCR = (
    (0.299, 0.587, 0.114),
    (-0.168735892, -0.331264108, 0.5),
    (0.5, -0.418687589, -0.081312411),
)
"""JFIF's full-range matrix (ITU-T T.871, section 7); chroma is offset by 128."""


def gaussian_noise(x: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Add white Gaussian noise of *sigma* (0..255 units) per sample; the result is not clipped."""
    noise = torch.randn(x.shape, generator=generator, device=x.device)
    return x + noise * (sigma / 255.0).view(-1, 1, 1, 1)


def quantise(x: Tensor) -> Tensor:
    """Clip to [0, 1] and round to 8 bit, as a file would."""
    return torch.round(torch.clamp(x, 0.0, 1.0) * 255.0) / 255.0


def bicubic_down(x: Tensor, scale: int) -> Tensor:
    """Antialiased bicubic reduction by *scale* (cubic a = -0.5), not rounded."""
    size = (x.shape[-2] // scale, x.shape[-1] // scale)
    return F.interpolate(x, size=size, mode="bicubic", antialias=True, align_corners=False)


@cache
def _dct(device: torch.device) -> Tensor:
    """The orthonormal 8-point DCT-II matrix, shape (8, 8)."""
    k = torch.arange(8, dtype=torch.float64)
    matrix = torch.cos((2 * k[None, :] + 1) * k[:, None] * math.pi / 16) / 2
    matrix[0] /= math.sqrt(2)
    return matrix.float().to(device)


def _through_blocks(plane: Tensor, table: Tensor) -> Tensor:
    """Quantise one plane (N, H, W) in 0..255 block by block with *table* (N, 8, 8)."""
    n, h, w = plane.shape
    dct = _dct(plane.device)
    blocks = plane.reshape(n, h // 8, 8, w // 8, 8).permute(0, 1, 3, 2, 4) - 128.0
    steps = table.view(n, 1, 1, 8, 8)
    coefficients = torch.round(dct @ blocks @ dct.T / steps) * steps
    decoded = torch.clamp(torch.round(dct.T @ coefficients @ dct + 128.0), 0.0, 255.0)
    return decoded.permute(0, 1, 3, 2, 4).reshape(n, h, w)


def _floor_with(plane: Tensor, offsets: tuple[float, float]) -> Tensor:
    """Round as libjpeg does: down, after an offset that alternates between even and odd columns."""
    offset = torch.tensor(offsets, device=plane.device).repeat(plane.shape[-1] // 2)
    return torch.floor(plane + offset)


def jpeg(x: Tensor, quality: Tensor, subsampling: str = "4:2:0") -> Tensor:
    """Encode and decode as baseline JPEG at *quality* (N,) in 1..100.

    Follows libjpeg: 8-bit input, rounded YCbCr, box-filtered chroma, IJG tables, rounded samples,
    triangle ("fancy") chroma upsampling. H and W must be multiples of 16 for 4:2:0, else of 8.
    Not differentiable: the rounding has no gradient.
    """
    step = {"4:2:0": 16, "4:4:4": 8}[subsampling]
    if x.shape[-1] % step or x.shape[-2] % step:
        raise ValueError(f"JPEG on tensors needs sides in multiples of {step}, not {x.shape[-2:]}")
    tables = [
        torch.stack(
            [
                torch.from_numpy(jpeg_tables.scaled_table(base, float(q))).float()
                for q in quality.tolist()
            ]
        ).to(x.device)
        for base in (jpeg_tables.LUMA, jpeg_tables.CHROMA)
    ]
    matrix = torch.tensor(RGB_TO_YCBCR, device=x.device)
    pixels = torch.round(torch.clamp(x, 0.0, 1.0) * 255.0)
    ycc = torch.einsum("oc,nchw->nohw", matrix, pixels)
    ycc[:, 1:] += 128.0
    ycc = torch.clamp(torch.round(ycc), 0.0, 255.0)

    luma = _through_blocks(ycc[:, 0], tables[0])
    chroma = ycc[:, 1:]
    if subsampling == "4:2:0":
        chroma = _floor_with(F.avg_pool2d(chroma, 2), (1 / 4, 2 / 4))
    n, _, h, w = chroma.shape
    chroma = _through_blocks(chroma.reshape(n * 2, h, w), tables[1].repeat_interleave(2, 0))
    chroma = chroma.view(n, 2, h, w)
    if subsampling == "4:2:0":
        chroma = F.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
        chroma = _floor_with(chroma, (8 / 16, 7 / 16))
    decoded = torch.cat([luma.unsqueeze(1), chroma], 1)
    decoded[:, 1:] -= 128.0
    rgb = torch.einsum("oc,nchw->nohw", torch.linalg.inv(matrix), decoded)
    return torch.clamp(torch.round(rgb), 0.0, 255.0) / 255.0
