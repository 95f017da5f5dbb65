"""Fewer pixels, as a smaller picture or enlarged back."""

from __future__ import annotations

import math

import numpy as np

from undegrade.degradation.base import Degradation, Image, Parameters, as_file
from undegrade.degradation.fields import AS_FILE, Choice, Flag
from undegrade.imaging.resize import imresize

SCALES = (2, 3, 4, 8)
WORST_SCALE = 8
"""The reduction at level 1."""


class Resample(Degradation):
    """Reduced by *scale* with antialiased bicubic interpolation.

    ``y = S(h * x)``: (H, W) becomes (ceil(H / scale), ceil(W / scale)), equal to MATLAB's
    ``imresize(x, 1 / scale)``. With *back* the small picture is enlarged by bicubic interpolation
    again and cut to (H, W). Not clipped (cubics overshoot) unless *as_file*, which clips and
    rounds the small picture to 8 bit, and the enlarged one too. Level: ``log2(scale) / 3``.
    """

    name = "resample"
    fields = (
        Choice("scale", SCALES, "factor by which the sides shrink"),
        Flag("back", "enlarge to the original size again"),
        AS_FILE,
    )

    def sample(self, rng: np.random.Generator) -> Parameters:
        """Any of the scales; the small picture, not rounded."""
        return {"scale": int(rng.choice(SCALES)), "back": False, "as_file": False}

    def _apply(self, image: Image, parameters: Parameters) -> Image:
        scale = int(parameters["scale"])
        height, width, _ = image.shape
        small = imresize(image, scale=1.0 / scale)
        if not parameters["back"]:
            return small
        if parameters["as_file"]:
            small = as_file(small)
        return imresize(small, scale=float(scale))[:height, :width]

    def _level(self, parameters: Parameters) -> float:
        return math.log2(parameters["scale"]) / math.log2(WORST_SCALE)
