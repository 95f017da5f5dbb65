"""Natural image quality evaluator (Mittal, Soundararajan and Bovik, IEEE SPL 20(3), 2013)."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path

import numpy as np

from undegrade.errors import ModelError, UsageError
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.resize import imresize
from undegrade.metrics import weights
from undegrade.metrics.base import Assessment
from undegrade.metrics.scene_statistics import asymmetric_fit, normalised, shifted_products

BLOCK = 96
"""Side of the blocks whose features are pooled, in pixels."""

SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""The four neighbours, (down, right)."""

FEATURES = 36


class NIQE(Assessment):
    """How far the picture's statistics are from those of undamaged photos; 0 is none, lower better.

    ``sqrt((mp - md)^T ((Sp + Sd) / 2)^+ (mp - md))`` with mean and covariance of 36 features of
    the picture's blocks of 96x96 pixels (d) and of 125 undamaged photos (p). On rounded luma in
    0..255; a rest at the right and at the bottom is left out; the second scale is half of it by
    antialiased bicubic interpolation. Blocks of one colour count as in the authors' code: left out
    of the covariance, and with the least shape in the mean.

    *parameters* is the authors' model as BasicSR's ``niqe_pris_params.npz``, looked for as
    :mod:`.weights` says; there is no NIQE without it. On full-range ``grey`` other values come
    out than on ``y``, which tables use.
    """

    name = "niqe"
    better = "lower"
    range = (0.0, math.inf)
    channels = ("y", "grey")
    least = BLOCK

    def __init__(self, parameters: Path | None = None) -> None:
        self.parameters = parameters

    def _value(self, picture: Doubles) -> float:
        features = block_features(np.rint(picture[:, :, 0] * 255.0))
        complete = features[~np.isnan(features).any(axis=1)]
        if len(complete) < 2:
            raise UsageError(
                f"niqe needs two blocks of {BLOCK}x{BLOCK} pixels that are not of one colour, "
                f"not {len(complete)}",
                "give a larger picture",
            )
        mean, covariance = self._pristine
        difference = mean - np.nanmean(features, axis=0)
        inverse = np.linalg.pinv((covariance + np.cov(complete, rowvar=False)) / 2.0)
        return math.sqrt(float(difference @ inverse @ difference))

    @cached_property
    def _pristine(self) -> tuple[Doubles, Doubles]:
        path = weights.find("niqe", self.parameters)
        try:
            with np.load(path) as file:
                mean = np.asarray(file["mu_pris_param"], np.float64).ravel()
                covariance = np.asarray(file["cov_pris_param"], np.float64)
        except Exception as error:
            raise weights.unreadable(path, error) from None
        if mean.shape != (FEATURES,) or covariance.shape != (FEATURES, FEATURES):
            raise ModelError(
                f"the parameters of NIQE in {str(path)!r} do not fit: mean {mean.shape}, "
                f"covariance {covariance.shape}",
                "use the published file",
            )
        return mean, covariance


def block_features(luma: Doubles) -> Doubles:
    """36 features of each whole block of (H, W) in 0..255: (blocks, 36)."""
    rows, columns = (side // BLOCK for side in luma.shape)
    image = luma[: rows * BLOCK, : columns * BLOCK]
    scales = []
    for side in (BLOCK, BLOCK // 2):
        blocks = normalised(image, "edge").reshape(rows, side, columns, side).swapaxes(1, 2)
        scales.append(_features(blocks.reshape(rows * columns, side, side)))
        image = imresize(image, scale=1 / 2)
    return np.concatenate(scales, axis=1)


def _features(blocks: Doubles) -> Doubles:
    """18 features of each of (N, H, W): (N, 18) (equations 5 to 9 of the paper)."""
    fit = asymmetric_fit(blocks)
    columns = [fit.alpha, (fit.left + fit.right) * fit.scale / 2.0]
    for products in shifted_products(blocks, SHIFTS):
        fit = asymmetric_fit(products)
        left, right = fit.left * fit.scale, fit.right * fit.scale
        columns += [fit.alpha, (right - left) * fit.gamma2 / fit.gamma1, left, right]
    return np.stack(columns, axis=1)
