"""Out of focus, shaken, or through a soft lens: one kernel a picture, edges mirrored."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from undegrade.degradation.blur import NEGLIGIBLE_SIGMA, WORST_SIGMA, Blur, kernel
from undegrade.training.degradations.batches import (
    check_parameters,
    check_pictures,
    choice,
    uniform,
)

SHAPES = ("gaussian", "disk", "motion")
"""What the indices in :class:`BlurDamage` mean."""


class BlurDamage(NamedTuple):
    """Parameters of :func:`blur_kernels`, each (N,), named and in units as ``Blur.fields``.

    *shape* holds indices into :data:`SHAPES`, int64; *angle* is in degrees counter-clockwise from
    the horizontal.
    """

    sigma: Tensor
    shape: Tensor
    ratio: Tensor
    angle: Tensor


def gaussian_blur(x: Tensor, sigma: Tensor) -> Tensor:
    """Convolve with a round Gaussian of *sigma* (N,) pixels, cut at 4 sigma."""
    check_pictures(x)
    check_parameters(len(x), Blur.fields, sigma=sigma)
    # At the least sigma the neighbours' weights vanish in float32: the identity, without a 0 / 0.
    sigma = sigma.to(x).clamp(min=NEGLIGIBLE_SIGMA)[:, None]
    ends = torch.ceil(4.0 * sigma)
    reach = int(ends.max())
    offsets = torch.arange(-reach, reach + 1, device=x.device)
    taps = torch.exp(-0.5 * (offsets / sigma) ** 2) * (offsets.abs() <= ends)
    taps = taps / taps.sum(1, keepdim=True)
    down, across = _band(taps, x.shape[-2]), _band(taps, x.shape[-1])
    return down @ _mirrored(x, reach) @ across.mT


def blur(x: Tensor, kernels: Tensor) -> Tensor:
    """Convolve each picture of (N, C, H, W) with its own kernel of (N, k, k), *k* odd."""
    check_pictures(x)
    if kernels.ndim != 3 or len(kernels) != len(x):
        raise ValueError(f"kernels must be ({len(x)}, k, k), not {tuple(kernels.shape)}")
    side = kernels.shape[2]
    if kernels.shape[1] != side or side % 2 == 0:
        raise ValueError(f"a kernel must be square with odd sides, not {tuple(kernels.shape[1:])}")
    x = _mirrored(x, side // 2)
    n, channels, height, width = x.shape
    # torch correlates: a convolution needs its kernel turned around.
    weights = kernels.to(x).flip(1, 2).repeat_interleave(channels, 0).unsqueeze(1)
    planes = F.conv2d(x.reshape(1, n * channels, height, width), weights, groups=n * channels)
    return planes.view(n, channels, *planes.shape[2:])


def blur_kernels(damage: BlurDamage) -> Tensor:
    """Kernels of *damage* for :func:`blur`: (N, k, k) float32 of sum 1, *k* as the largest has."""
    ranged = damage._asdict()
    del ranged["shape"]
    check_parameters(len(damage.sigma), Blur.fields, **ranged)
    kernels = [_kernel(*row) for row in zip(*(v.tolist() for v in damage), strict=True)]
    side = max(weights.shape[0] for weights in kernels)
    padded = [np.pad(weights, (side - weights.shape[0]) // 2) for weights in kernels]
    return torch.from_numpy(np.stack(padded)).float().to(damage.sigma.device)


def sample_blur(count: int, generator: torch.Generator) -> BlurDamage:
    """Sigma uniform in 0..4; Gaussian in six of ten, half of them round."""
    shape = choice(count, (0.6, 0.2, 0.2), generator)
    narrower = uniform(count, 0.3, 1.7, generator).clamp(min=1.0) - 1.0
    return BlurDamage(
        sigma=uniform(count, 0.0, WORST_SIGMA, generator),
        shape=shape,
        ratio=1.0 - narrower * (shape == SHAPES.index("gaussian")),
        angle=uniform(count, 0.0, 180.0, generator),
    )


def _kernel(sigma: float, shape: int, ratio: float, angle: float) -> NDArray[np.float64]:
    """One kernel, or a single 1 where it would be the identity."""
    if sigma == 0 or (SHAPES[shape] == "gaussian" and sigma <= NEGLIGIBLE_SIGMA):
        return np.ones((1, 1))
    return kernel({"sigma": sigma, "shape": SHAPES[shape], "ratio": ratio, "angle": angle})


def _mirrored(x: Tensor, reach: int) -> Tensor:
    """*x* continued by *reach* on all sides, its edge samples repeated."""
    for axis in (-2, -1):
        length = x.shape[axis]
        index = torch.arange(-reach, length + reach, device=x.device) % (2 * length)
        x = x.index_select(axis, torch.where(index < length, index, 2 * length - 1 - index))
    return x


def _band(taps: Tensor, length: int) -> Tensor:
    """The matrices (N, 1, length, length + 2 * reach) that filter with *taps* (N, 2 * reach + 1).

    Row ``i`` holds the taps from column ``i`` on.
    """
    padded = F.pad(taps, (length - 1, length - 1))
    return padded.unfold(-1, length - 1 + taps.shape[1], 1).flip(1).unsqueeze(1)
