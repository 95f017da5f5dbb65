"""The network that says what a crop has lost: noise, JPEG and detail, each with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.jpeg_tables import RGB_TO_YCBCR
from undegrade.training.networks.layers import start_he

BLOCK = 8
"""Side of JPEG's blocks, on whose grid crops must lie."""

STEPS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 19, 22, 26, 31, 37, 44, 52, 62, 74, 88, 105)
"""Quantiser steps that are tried on every frequency."""

FREQUENCIES = 20
"""Lowest frequencies (of 63) in zigzag order that are tried: the others are mostly zero."""

PERIODS = (2.2, 14.0)
"""Block sizes in pixels that are looked for, as resizing leaves them."""

FREQUENCY_STEP = 1 / 256
"""In cycles a pixel: half of what a crop of 128 can tell apart."""

AROUND = 25
"""Frequencies over whose mean a peak is measured: wider than one, narrower than their spacing."""

LARGEST_STEP = 12.0
"""Steps between pixels count up to this, in 0..255 units: edges of objects are no block edges."""


class DiagnosisNetwork(nn.Module):
    """Reads levels of damage off native pixels by what their 8 x 8 cosine transform holds.

    The crop must begin on the 8 x 8 grid of a JPEG that it has gone through, if any (see
    :mod:`undegrade.diagnosis.crops`). Nothing is learned about the transform itself, because it is
    sufficient for what is asked:

    * **noise** is what is left in the finest bands of the smoothest blocks, above all in chroma,
      and how it falls towards half and quarter size tells the size of its **grain**;
    * **JPEG** leaves coefficients on multiples of its steps, so that the mean over the blocks of
      ``cos(2 pi c / s)`` is near 1 where *s* is the step of a frequency or divides it (Fan and
      de Queiroz, "Identification of bitmap compression history", IEEE TIP 2003);
    * where the picture was **resized** after coding nothing lies on those steps any more, but its
      blocks still have edges: the spectrum of the steps between neighbouring pixels, averaged along
      the edges, has peaks at the multiples of one over the size of the blocks;
    * **blur** shows in how the energies fall with frequency, at full and at half size.

    Two readers share this analysis and nothing else, for noise as cameras leave it is learned
    from other damage than JPEG and blur are: ``grain`` reads noise and its grain, ``detail`` JPEG
    and blur.

    Parameters
    ----------
    noise: number of levels that ``grain`` reads; *detail*: that ``detail`` reads.
    channels: width of the readers.

    ``x`` (N, 3, H, W) sRGB in [0, 1], sides multiples of 32. Returns (N, 2 (noise + detail)):
    means, then log-variances, which :mod:`undegrade.training.losses.levels` reads. Run it in
    float32: coefficients up to 1024 must keep fractions of 1.
    """

    ycc: Tensor
    basis: Tensor
    turns: Tensor
    frequencies: Tensor

    def __init__(self, noise: int = 7, detail: int = 2, channels: int = 64) -> None:
        super().__init__()
        basis = _cosine_basis()
        self.register_buffer("ycc", torch.tensor(RGB_TO_YCBCR).view(3, 3, 1, 1), False)
        self.register_buffer("basis", basis.view(64, 1, BLOCK, BLOCK), False)
        self.register_buffer("turns", 2 * math.pi / torch.tensor(STEPS).view(-1, 1), False)
        waves = torch.arange(1 / PERIODS[1], 1 / PERIODS[0], FREQUENCY_STEP)
        self.register_buffer("frequencies", 2 * math.pi * waves, False)
        self.grain = Reader((3, 3, 3), len(waves), noise, channels, wide=3)
        self.detail = Reader((3, 1), len(waves), detail, channels, wide=2)
        start_he(self)

    def forward(self, x: Tensor) -> Tensor:
        ycc = F.conv2d(x, 255.0 * self.ycc)
        planes = torch.cat([ycc[:, :1] - 128.0, ycc[:, 1:]], 1)
        scales = [planes]
        for _ in range(2):
            scales.append(F.avg_pool2d(scales[-1], 2))
        fine, *coarser = (self._coefficients(scale) for scale in scales)
        turns = torch.cos(fine[:, 1 : FREQUENCIES + 1].flatten(2).unsqueeze(2) * self.turns)
        # Most of the means lie near 1: doubled, less 1, they spread around 0.
        lattice = 2.0 * turns.mean(3).flatten(1) - 1.0
        energies = [_logarithms(values) for values in (fine, *coarser)]
        comb = self._spectrum(planes[:, :1])
        read = [reader(energies, lattice, comb) for reader in (self.grain, self.detail)]
        means, variances = zip(*(levels.chunk(2, 1) for levels in read), strict=True)
        return torch.cat([*means, *variances], 1)

    def _spectrum(self, luma: Tensor) -> Tensor:
        """Log power of the steps across columns and rows of (N, 1, H, W), over that around it.

        (N, frequencies).
        """
        power = torch.zeros((), device=luma.device)
        for plane in (luma[:, 0], luma[:, 0].transpose(1, 2)):
            steps = (plane[:, :, 1:] - plane[:, :, :-1]).abs().clamp(max=LARGEST_STEP)
            profile = steps.mean(1)
            profile = profile - profile.mean(1, keepdim=True)
            at = torch.arange(profile.shape[1], device=luma.device).view(-1, 1) * self.frequencies
            power = power + (profile @ at.cos()).square() + (profile @ at.sin()).square()
        logarithm = torch.log(power + 1e-3)
        return logarithm - F.avg_pool1d(
            logarithm, AROUND, stride=1, padding=AROUND // 2, count_include_pad=False
        )

    def _coefficients(self, planes: Tensor) -> Tensor:
        """Orthonormal DCT-II of the blocks of (N, C, H, W): (N, 64 C, H / 8, W / 8), zigzag."""
        n, channels, height, width = planes.shape
        flat = F.conv2d(planes.reshape(n * channels, 1, height, width), self.basis, stride=BLOCK)
        return flat.reshape(n, channels * 64, height // BLOCK, width // BLOCK)


class Reader(nn.Module):
    """Levels and their log-variances (N, 2 levels) from what the transform holds.

    Logarithms of the coefficients of each block, at as many scales as *planes* has numbers of
    planes, go through two layers of convolutions over the blocks; mean, deviation and largest
    value over all blocks, the cosines and the spectrum go through dense layers.
    """

    def __init__(
        self, planes: Sequence[int], waves: int, levels: int, channels: int, wide: int
    ) -> None:
        super().__init__()
        self.scales = nn.ModuleList([_block_layers(64 * count, channels) for count in planes])
        self.inputs = [64 * count for count in planes]
        self.lattice = _dense(FREQUENCIES * len(STEPS), channels)
        self.comb = _dense(waves, channels)
        widths = [(3 * len(planes) + 2) * channels, wide * channels, 2 * channels]
        self.head = nn.Sequential()
        for c_in, c_out in pairwise(widths):
            self.head.extend([nn.Linear(c_in, c_out), nn.LeakyReLU(0.1)])
        self.head.append(nn.Linear(widths[-1], 2 * levels))

    def forward(self, energies: Sequence[Tensor], lattice: Tensor, comb: Tensor) -> Tensor:
        pooled = [
            _pooled(layers(values[:, :count]))
            for layers, values, count in zip(self.scales, energies, self.inputs, strict=False)
        ]
        levels: Tensor = self.head(torch.cat([*pooled, self.lattice(lattice), self.comb(comb)], 1))
        return levels


def _block_layers(c_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(c_in, channels, 1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(channels, channels, 3, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(channels, channels, 1),
    )


def _dense(c_in: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(c_in, 2 * channels), nn.LeakyReLU(0.1), nn.Linear(2 * channels, channels)
    )


def _logarithms(coefficients: Tensor) -> Tensor:
    """Noise and blur multiply energies: in logarithms they add."""
    return torch.log(coefficients.abs() + 0.25)


def _pooled(maps: Tensor) -> Tensor:
    """Mean, deviation and largest value of each channel, (N, 3 C)."""
    mean = maps.mean((2, 3))
    spread = (maps - mean[:, :, None, None]).square().mean((2, 3))
    return torch.cat([mean, (spread + 1e-6).sqrt(), maps.amax((2, 3))], 1)


def _cosine_basis() -> Tensor:
    """The orthonormal 8 x 8 DCT-II in zigzag order, (64, 8, 8)."""
    k = torch.arange(BLOCK, dtype=torch.float64)
    matrix = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / (2 * BLOCK)) / 2
    matrix[0] /= math.sqrt(2)
    order = sorted(
        ((v, u) for v in range(BLOCK) for u in range(BLOCK)),
        key=lambda at: (sum(at), at[0] if sum(at) % 2 else at[1]),
    )
    return torch.stack([torch.outer(matrix[v], matrix[u]) for v, u in order]).float()
