"""Noise: white Gaussian on the encoded values, and a sensor's on linear light."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from undegrade.degradation.base import Degradation, Image, Parameters, draw_seed
from undegrade.degradation.fields import AS_FILE, SEED, Number
from undegrade.imaging.arrays import Array
from undegrade.imaging.noise_levels import MAX_NOISE
from undegrade.imaging.srgb import MID_GREY, MID_GREY_SLOPE, to_linear, to_srgb

GAIN = Number("gain", 0.0, 1.0, "linear light of one photoelectron, white = 1")
READ = Number("read", 0.0, 1.0, "standard deviation of the read noise in linear light")
SENSOR = (replace(GAIN, default=0.0), replace(READ, default=0.0))
"""The same, of what need not have any."""


class GaussianNoise(Degradation):
    """White Gaussian noise on the encoded values.

    ``y = x + sigma / 255 * n`` with ``n ~ N(0, 1)`` per sample and *sigma* in 0..255 units.
    Not clipped and not rounded, as the denoising literature has it; *as_file* does both, which is
    another and easier task. Level: ``sigma / 50``.
    """

    name = "gaussian-noise"
    fields = (Number("sigma", 0.0, 255.0, "standard deviation in 0..255 units"), SEED, AS_FILE)

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Sigma uniform in 0..50."""
        sigma = round(rng.uniform(0.0, MAX_NOISE), 3)
        return {"sigma": sigma, "seed": draw_seed(rng), "as_file": False}

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        noise = white(image.shape, parameters["seed"])
        noisy: Image = image + noise * (parameters["sigma"] / 255.0)
        return noisy

    def _level(self, parameters: Parameters) -> float:
        return float(parameters["sigma"]) / MAX_NOISE


class PoissonGaussianNoise(Degradation):
    """A sensor's noise: photons arrive at random, and reading them out adds more.

    In linear light ``l``, ``y = srgb(l + sqrt(gain * l + read**2) * n)`` with ``n ~ N(0, 1)`` per
    sample: the Gaussian approximation of Poisson counts with *gain* per photoelectron. Not
    clipped (the encoding is continued oddly below zero, so dark noise keeps its mean) unless
    *as_file*. Level: the standard deviation that mid grey gets in encoded 0..255 units, over 50.

    Source: Foi, Trimeche, Katkovnik, Egiazarian, "Practical Poissonian-Gaussian noise modeling
    and fitting for single-image raw-data", IEEE TIP 2008, equation 3.
    """

    name = "poisson-gaussian-noise"
    fields = (GAIN, READ, SEED, AS_FILE)

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Level uniform in 0..1; read noise up to a fifth of the variance at mid grey."""
        return {**draw_sensor(rng, MAX_NOISE), "seed": draw_seed(rng), "as_file": False}

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        if parameters["gain"] == parameters["read"] == 0:
            return image
        gain, read = np.float32(parameters["gain"]), np.float32(parameters["read"])
        noise = white(image.shape, parameters["seed"])
        return to_srgb(sensor_noise(to_linear(image), noise, gain, read))

    def _level(self, parameters: Parameters) -> float:
        return sigma_at_mid_grey(parameters["gain"], parameters["read"]) / MAX_NOISE


def draw_sensor(rng: np.random.Generator, worst: float) -> Parameters:
    """Gain and read noise that give mid grey up to *worst*, encoded, 0..255 units."""
    variance = (rng.uniform(0.0, worst) / 255.0 / MID_GREY_SLOPE) ** 2
    share = rng.uniform(0.0, 0.2)
    gain, read = (1.0 - share) * variance / MID_GREY, math.sqrt(share * variance)
    return {"gain": round(gain, 6), "read": round(read, 6)}


def white(shape: tuple[int, ...], seed: int) -> Image:
    """Standard normal noise of *shape*, float32, the same for the same *seed*."""
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


def sensor_noise(light: Array, noise: Array, gain: Any, read: Any) -> Array:
    """``l + sqrt(gain * max(l, 0) + read**2) * n`` on linear light, not clipped.

    *noise* is standard normal; *gain* and *read* are numbers, or arrays that broadcast.
    """
    xp = array_namespace(light)
    return light + xp.sqrt(xp.clip(light, min=0.0) * gain + read**2) * noise


def sigma_at_mid_grey(gain: float, read: float) -> float:
    """The encoded standard deviation, 0..255 units, that sensor noise has at mid grey."""
    return 255.0 * MID_GREY_SLOPE * math.sqrt(gain * MID_GREY + read**2)
