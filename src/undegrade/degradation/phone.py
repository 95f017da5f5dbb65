"""A cheap phone's camera: a soft lens, noise, a colour cast, and software that overdoes it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from undegrade.degradation.base import Degradation, Image, Parameters, draw_seed
from undegrade.degradation.blur import gaussian
from undegrade.degradation.fields import SEED, Number, Whole
from undegrade.degradation.jpeg import SUBSAMPLING, draw_subsampling, through_jpeg
from undegrade.degradation.noise import SENSOR, draw_sensor, sensor_noise, sigma_at_mid_grey, white
from undegrade.imaging.arrays import Array, as_like
from undegrade.imaging.jpeg_tables import jpeg_level, quality_of_level
from undegrade.imaging.srgb import to_linear, to_srgb

WORST_BLUR = 2.0
WORST_NOISE = 25.0
WORST_SHARPEN = 2.0
WORST_CAST = 0.5
WORST_HUE = 15.0
WORST_TONE = 4.0
"""Where each part alone has level 1: pixels, 0..255 units, amount, stops, degrees, steepness."""

STRAIGHT_TONE = 1e-3
"""Under this steepness the tone curve is a straight line."""


class Phone(Degradation):
    """What a cheap camera phone makes of a scene, step by step as it happens there.

    1. lens: ``l`` = linear light, blurred by a Gaussian of *blur* pixels;
    2. sensor: ``l + sqrt(gain * l + read**2) * n``, ``n ~ N(0, 1)``;
    3. colour, RGB only: ``M(hue) diag(2**red, 1, 2**blue) l``, with ``M`` the turn by *hue*
       degrees around the grey axis, then encoded and clipped;
    4. tone: ``tanh(tone (v - 1/2)) / (2 tanh(tone / 2)) + 1/2``, which crushes shadows and lights;
    5. sharpening: ``v + sharpen * (v - G_radius * v)``, an unsharp mask that leaves halos;
    6. JPEG at *quality*.

    The output is 8-bit values in [0, 1]. Level: the root mean square of six parts, each 1 at its
    worst: blur / 2, noise at mid grey / 25, sharpen / 2, colour (the larger of cast / 0.5 stops and
    hue / 15 degrees), tone / 4, and the JPEG level.

    The parts follow what DPED's phones show beside its DSLR: Ignatov et al., "DSLR-quality photos
    on mobile devices with deep convolutional networks", ICCV 2017, section 3.
    """

    name = "phone"
    fields = (
        Number("blur", 0.0, 10.0, "standard deviation of the lens in pixels", 0.0),
        *SENSOR,
        Number("red", -3.0, 3.0, "gain of red in stops", 0.0),
        Number("blue", -3.0, 3.0, "gain of blue in stops", 0.0),
        Number("hue", -90.0, 90.0, "turn of all hues in degrees", 0.0),
        Number("tone", 0.0, 20.0, "steepness of the tone curve, 0 for straight", 0.0),
        Number("sharpen", 0.0, 10.0, "amount of the unsharp mask", 0.0),
        Number("radius", 0.3, 20.0, "standard deviation of the unsharp mask in pixels", 1.0),
        Whole("quality", 1, 100, "setting of the JPEG encoder, IJG scale", 100),
        SUBSAMPLING,
        SEED,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Each part uniform up to its worst."""
        sensor = draw_sensor(rng, WORST_NOISE)
        red, blue = rng.uniform(-WORST_CAST, WORST_CAST, 2)
        return {
            "blur": round(rng.uniform(0.0, WORST_BLUR), 3),
            **sensor,
            "red": round(float(red), 3),
            "blue": round(float(blue), 3),
            "hue": round(rng.uniform(-WORST_HUE, WORST_HUE), 2),
            "tone": round(rng.uniform(0.0, WORST_TONE), 3),
            "sharpen": round(rng.uniform(0.0, WORST_SHARPEN), 3),
            "radius": round(rng.uniform(0.5, 2.0), 3),
            "quality": round(quality_of_level(rng.uniform(jpeg_level(98), 1.0))),
            "subsampling": draw_subsampling(rng),
            "seed": draw_seed(rng),
        }

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        p = parameters
        light = gaussian(to_linear(image), p["blur"])
        noise = white(light.shape, p["seed"])
        light = sensor_noise(light, noise, np.float32(p["gain"]), np.float32(p["read"]))
        if image.shape[2] == 3:
            turn = colour_matrices(*(np.array([p[key]]) for key in ("red", "blue", "hue")))[0]
            light = light @ turn.T.astype(np.float32)
        encoded = tone_curve(np.clip(to_srgb(light), 0.0, 1.0), p["tone"])
        if p["sharpen"]:
            encoded = encoded + p["sharpen"] * (encoded - gaussian(encoded, p["radius"]))
        return through_jpeg(encoded, p["quality"], p["subsampling"])

    def _level(self, parameters: Parameters) -> float:
        p = parameters
        parts = (
            p["blur"] / WORST_BLUR,
            sigma_at_mid_grey(p["gain"], p["read"]) / WORST_NOISE,
            p["sharpen"] / WORST_SHARPEN,
            max(abs(p["red"]) / WORST_CAST, abs(p["blue"]) / WORST_CAST, abs(p["hue"]) / WORST_HUE),
            p["tone"] / WORST_TONE,
            jpeg_level(p["quality"]),
        )
        return math.sqrt(sum(part**2 for part in parts) / len(parts))


def colour_matrices(red: Array, blue: Array, hue: Array) -> Array:
    """Gains of *red* and *blue* in stops, then a turn by *hue* degrees around grey: (N, 3, 3).

    ``M = cos I + (1 - cos) / 3 J + sin / sqrt(3) K`` with ``J`` all ones and ``K`` the cross
    product with (1, 1, 1): its rows sum to 1, so grey stays grey. Source: Rodrigues' formula.
    """
    xp = array_namespace(red)
    angle = xp.reshape(hue * (math.pi / 180.0), (-1, 1, 1))
    identity = as_like([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], red)
    cross = as_like([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], red)
    turn = xp.cos(angle) * identity + (1.0 - xp.cos(angle)) / 3.0
    turn = turn + xp.sin(angle) / math.sqrt(3.0) * cross
    return turn * xp.stack([2.0**red, xp.ones_like(red), 2.0**blue], axis=1)[:, None, :]


def tone_curve(encoded: Array, tone: Any) -> Array:
    """An S-curve through 0, 1/2 and 1 on encoded values in [0, 1].

    *tone* is its steepness, a number or an array that broadcasts; below 0.001 it is straight.
    """
    xp = array_namespace(encoded)
    tone = as_like(tone, encoded)
    steep = xp.clip(tone, min=STRAIGHT_TONE)
    curve = xp.tanh(steep * (encoded - 0.5)) / (2.0 * xp.tanh(steep / 2.0)) + 0.5
    return xp.where(tone < STRAIGHT_TONE, encoded, curve)
