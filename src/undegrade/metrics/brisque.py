"""Blind image spatial quality evaluator (Mittal, Moorthy and Bovik, IEEE TIP 21(12), 2012)."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path

import numpy as np

from undegrade.imaging.arrays import Doubles
from undegrade.imaging.resize import imresize
from undegrade.metrics import weights
from undegrade.metrics.base import Assessment
from undegrade.metrics.brisque_models import Regressor, read_libsvm, read_opencv
from undegrade.metrics.scene_statistics import (
    Fit,
    asymmetric_fit,
    normalised,
    shifted_products,
    symmetric_fit,
)

SHIFTS = ((0, 1), (1, 0), (1, 1), (-1, 1))
"""The four neighbours, (down, right)."""


class BRISQUE(Assessment):
    """Expected opinion of people: about 0 (good) to 100 (bad), a little beyond at times.

    36 features of the rounded grey picture, 18 at each of two scales (the second by antialiased
    bicubic interpolation), zeros beyond the picture, through the support vector regression that
    the authors trained on LIVE.

    *model* is the file ``allmodel`` of the authors' release, looked for as :mod:`.weights` says;
    it has no address of its own, so it must be put in place by hand.
    """

    name = "brisque"
    better = "lower"
    range = (-math.inf, math.inf)
    channels = ("grey",)
    least = 16

    def __init__(self, model: Path | None = None) -> None:
        self.model = model

    def _assess(self, picture: Doubles) -> float:
        return self._regressor(features(np.rint(picture[:, :, 0] * 255.0)))

    @cached_property
    def _regressor(self) -> Regressor:
        return read_libsvm(weights.find("brisque", self.model))


class OpenCVBRISQUE(Assessment):
    """BRISQUE as OpenCV has it: its own features and its own training on LIVE, clamped to 0..100.

    Not comparable with published values of BRISQUE. Where OpenCV computes in float32 this does in
    float64.

    *model* and *ranges* are ``brisque_model_live.yml`` and ``brisque_range_live.yml`` of
    opencv_contrib, looked for as :mod:`.weights` says.
    """

    name = "brisque-opencv"
    better = "lower"
    range = (0.0, 100.0)
    channels = ("grey",)
    least = 16

    def __init__(self, model: Path | None = None, ranges: Path | None = None) -> None:
        self.model = model
        self.ranges = ranges

    def _assess(self, picture: Doubles) -> float:
        score = self._regressor(opencv_features(np.rint(picture[:, :, 0] * 255.0) / 255.0))
        return min(max(score, 0.0), 100.0)

    @cached_property
    def _regressor(self) -> Regressor:
        return read_opencv(
            weights.find("brisque_opencv_model", self.model),
            weights.find("brisque_opencv_range", self.ranges),
        )


def features(grey: Doubles) -> Doubles:
    """The 36 features of (H, W) in 0..255, as the authors' code computes them."""
    columns: list[float] = []
    for image in (grey, imresize(grey, scale=1 / 2)):
        values = normalised(image, "constant")
        columns += symmetric_fit(values)
        for products in shifted_products(values, SHIFTS):
            columns += _pair(asymmetric_fit(products))
    return np.array(columns)


def opencv_features(grey: Doubles) -> Doubles:
    """The 36 features of (H, W) in 0..1, as OpenCV's ``QualityBRISQUE`` computes them.

    It repeats the edge beyond the picture, fits an asymmetric Gaussian to the single values too,
    takes neighbours beyond the picture as 0, and halves without antialiasing (a = -0.75).
    """
    columns: list[float] = []
    for image in (grey, _halved(grey)):
        values = normalised(image, "edge", floor=1.0 / 255.0)
        fit = asymmetric_fit(values)
        columns += [float(fit.alpha), float(fit.left**2 + fit.right**2) / 2.0]
        padded = np.pad(values, 1)
        height, width = values.shape
        for down, right in SHIFTS:
            moved = padded[1 + down : 1 + down + height, 1 + right : 1 + right + width]
            columns += _pair(asymmetric_fit(values * moved))
    return np.array(columns)


def _pair(fit: Fit) -> list[float]:
    """Shape, mean and the two variances of the products of neighbours."""
    mean = (fit.right - fit.left) * fit.gamma2 / fit.gamma1 * fit.scale
    return [float(fit.alpha), float(mean), float(fit.left**2), float(fit.right**2)]


def _halved(image: Doubles) -> Doubles:
    """OpenCV's ``resize(image, (W // 2, H // 2), INTER_CUBIC)``: four taps, a = -0.75."""
    for _ in range(2):
        length, count = len(image), len(image) // 2
        at = (np.arange(count) + 0.5) * length / count - 0.5
        first = np.floor(at).astype(int)
        result = np.zeros((count, image.shape[1]))
        for tap in (-1, 0, 1, 2):
            x = np.abs(at - first - tap)
            near = (1.25 * x - 2.25) * x * x + 1.0
            far = ((-0.75 * x + 3.75) * x - 6.0) * x + 3.0
            index = np.clip(first + tap, 0, length - 1)
            result += np.where(x <= 1.0, near, far)[:, None] * image[index]
        image = result.T
    return image
