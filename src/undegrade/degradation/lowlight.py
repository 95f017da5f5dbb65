"""Too little light: underexposed, and the noise that comes with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from undegrade.degradation.base import Degradation, Image, Parameters, draw_seed
from undegrade.degradation.fields import AS_FILE, SEED, Number
from undegrade.degradation.noise import SENSOR, sensor_noise, white
from undegrade.imaging.arrays import Array
from undegrade.imaging.srgb import MID_GREY_STOPS, to_linear, to_srgb

WORST_STOPS = 5.0
"""Stops by which mid grey is darkened at level 1."""


class Lowlight(Degradation):
    """Underexposed by *stops*, with a sensor's noise.

    ``d = 2**-stops * l**gamma`` in linear light ``l``, then ``y = srgb(d + sqrt(gain * d + read**2)
    * n)`` with ``n ~ N(0, 1)``, clipped to [0, 1]; *as_file* also rounds to 8 bit. *gamma* above 1
    darkens the middle more than white, as a steep tone curve does. Level: the stops that mid grey
    loses, ``stops + 2.22 (gamma - 1)``, over 5; the noise is not counted.

    Source: Lore, Akintayo, Sarkar, "LLNet", Pattern Recognition 2017, section 3.2 (gamma and
    noise), with exposure and noise moved to linear light.
    """

    name = "lowlight"
    fields = (
        Number("stops", 0.0, 12.0, "exposure that is missing, in stops"),
        Number("gamma", 1.0, 5.0, "exponent in linear light, 1 for none", 1.0),
        *SENSOR,
        SEED,
        AS_FILE,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Mid grey loses 0..5 stops, up to a third of them by gamma; noise of high ISO."""
        total, share = rng.uniform(0.0, WORST_STOPS), rng.uniform(0.0, 1.0 / 3.0)
        return {
            "stops": round(total * (1.0 - share), 3),
            "gamma": round(1.0 + total * share / MID_GREY_STOPS, 4),
            "gain": round(10.0 ** rng.uniform(-4.0, -2.5), 7),
            "read": round(10.0 ** rng.uniform(-4.0, -2.7), 7),
            "seed": draw_seed(rng),
            "as_file": False,
        }

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        result: Image = underexposed(
            image,
            white(image.shape, parameters["seed"]),
            factor=np.float32(2.0 ** -parameters["stops"]),
            **{key: np.float32(parameters[key]) for key in ("gamma", "gain", "read")},
        )
        return result

    def _level(self, parameters: Parameters) -> float:
        stops = parameters["stops"] + MID_GREY_STOPS * (parameters["gamma"] - 1.0)
        return float(stops) / WORST_STOPS


def underexposed(x: Array, noise: Array, *, factor: Any, gamma: Any, gain: Any, read: Any) -> Array:
    """``srgb(d + sqrt(gain * d + read**2) * n)`` with ``d = factor * l**gamma``, in [0, 1].

    *noise* is standard normal; the others are numbers, or arrays that broadcast against *x*.
    """
    xp = array_namespace(x)
    dark = xp.clip(to_linear(x), min=0.0) ** gamma * factor
    return xp.clip(to_srgb(sensor_noise(dark, noise, gain, read)), 0.0, 1.0)
