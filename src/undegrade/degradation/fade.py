"""Prints and slides whose dyes have faded, as a scanner sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import array_namespace

from undegrade.degradation.base import Degradation, Image, Parameters
from undegrade.degradation.fields import Number
from undegrade.imaging.arrays import Array
from undegrade.imaging.srgb import to_linear, to_srgb

DARKEST = 10.0**-2.4
"""Linear light of the densest black that a print has."""

LEAST_KEPT = 0.4
"""Share of its density that the worst dye keeps at least."""

YELLOWEST = (0.04, 0.08, 0.16)
"""Density that old paper gains in red, green and blue at most."""

COLOURS = ("red", "green", "blue")


class Fade(Degradation):
    """What time takes from a print or a slide, see :func:`faded`.

    The output is not rounded. Level: the density that the worst dye has lost, over the most that it
    can lose here.
    """

    name = "fade"
    fields = (
        *(Number(f"{c}_kept", LEAST_KEPT, 1.0, f"share of density left in {c}") for c in COLOURS),
        *(
            Number(f"{c}_stain", 0.0, 0.3, f"density that the paper gained in {c}", 0.0)
            for c in COLOURS
        ),
        Number("gain", -2.0, 2.0, "exposure of the scan in stops", 0.0),
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Dyes that keep 0.4 to all of their density, each by itself a little; yellowed paper."""
        kept = rng.uniform(LEAST_KEPT, 1.0) * 2.0 ** rng.normal(0.0, 0.2, 3)
        stain = np.array(YELLOWEST) * rng.uniform()
        drawn = {
            **{f"{c}_kept": v for c, v in zip(COLOURS, kept.clip(LEAST_KEPT, 1.0), strict=True)},
            **{f"{c}_stain": v for c, v in zip(COLOURS, stain, strict=True)},
            "gain": np.clip(rng.normal(0.0, 0.15), -2.0, 2.0),
        }
        return {name: round(float(value), 3) for name, value in drawn.items()}

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        kept, stain = (
            np.array([parameters[f"{c}_{what}"] for c in COLOURS], np.float32)
            for what in ("kept", "stain")
        )
        if image.shape[2] == 1:
            kept, stain = kept.mean(keepdims=True), stain.mean(keepdims=True)
        made: Image = faded(image, kept, stain, np.float32(parameters["gain"]))
        return made

    def _level(self, parameters: Parameters) -> float:
        worst = min(parameters[f"{c}_kept"] for c in COLOURS)
        return float((1.0 - worst) / (1.0 - LEAST_KEPT))


def flat(encoded: Array, contrast: Any, lift: Any) -> Array:
    """What glare and a scanner leave of tones: ``lift + (contrast (v - 1/2) + 1/2) (1 - lift)``.

    *contrast* is what is left of it, *lift* the grey of what was black; not clipped.
    """
    return lift + (contrast * (encoded - 0.5) + 0.5) * (1.0 - lift)


def faded(x: Array, kept: Any, stain: Any, gain: Any) -> Array:
    """sRGB values *x* in [0, 1] with what time has taken from their dyes, in [0, 1].

    A dye of density ``D = -log10(l)``, ``l`` linear light of 10^-2.4 at least, keeps a share of it,
    and the paper yellows: ``l' = 2^gain 10^-(kept D + stain)``. So black turns grey, and where the
    dyes keep unlike shares, the dark parts take another colour than the light ones. The parameters
    are numbers or arrays that broadcast.
    """
    xp = array_namespace(x)
    density = -xp.log10(xp.clip(to_linear(x), min=DARKEST))
    light = 10.0 ** -(kept * density + stain) * 2.0**gain
    return xp.clip(to_srgb(xp.clip(light, min=0.0, max=1.0)), min=0.0, max=1.0)
