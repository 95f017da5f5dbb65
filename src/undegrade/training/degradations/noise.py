"""Noise: white Gaussian on the encoded values, and a sensor's on linear light."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from undegrade.degradation.noise import GaussianNoise, PoissonGaussianNoise
from undegrade.degradation.noise import sensor_noise as formula
from undegrade.imaging.arrays import column
from undegrade.imaging.noise_levels import MAX_NOISE
from undegrade.imaging.srgb import MID_GREY, MID_GREY_SLOPE, to_linear, to_srgb
from undegrade.training.degradations.batches import (
    check_parameters,
    check_pictures,
    normal,
    uniform,
)


class SensorNoiseDamage(NamedTuple):
    """Parameters of :func:`poisson_gaussian_noise` in its order, each (N,).

    In units as ``PoissonGaussianNoise.fields``.
    """

    gain: Tensor
    read: Tensor


def gaussian_noise(x: Tensor, sigma: Tensor, generator: torch.Generator) -> Tensor:
    """Add white Gaussian noise of *sigma* (N,), 0..255 units; the result is not clipped."""
    check_pictures(x)
    check_parameters(len(x), GaussianNoise.fields, sigma=sigma)
    result: Tensor = x + normal(x, generator) * column(sigma / 255.0, x)
    return result


def poisson_gaussian_noise(
    x: Tensor, gain: Tensor, read: Tensor, generator: torch.Generator
) -> Tensor:
    """A sensor's noise on sRGB values, added in linear light; the result is not clipped.

    ``y = srgb(l + sqrt(gain * l + read**2) * n)`` with ``n ~ N(0, 1)``; see
    :class:`undegrade.degradation.noise.PoissonGaussianNoise`.
    """
    check_pictures(x)
    return to_srgb(sensor_noise(to_linear(x), gain, read, generator))


def sensor_noise(light: Tensor, gain: Tensor, read: Tensor, generator: torch.Generator) -> Tensor:
    """``l + sqrt(gain * max(l, 0) + read**2) * n`` on linear light (N, C, H, W), not clipped."""
    check_parameters(len(light), PoissonGaussianNoise.fields, gain=gain, read=read)
    result: Tensor = formula(
        light, normal(light, generator), column(gain, light), column(read, light)
    )
    return result


def sample_sensor_noise(
    count: int, generator: torch.Generator, worst: float = MAX_NOISE
) -> SensorNoiseDamage:
    """Deviation at mid grey uniform in 0..*worst* (encoded, 0..255 units).

    Read noise makes up to a fifth of that variance.
    """
    variance = (uniform(count, 0.0, worst, generator) / 255.0 / MID_GREY_SLOPE) ** 2
    share = uniform(count, 0.0, 0.2, generator)
    return SensorNoiseDamage((1.0 - share) * variance / MID_GREY, (share * variance).sqrt())
