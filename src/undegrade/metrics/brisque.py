"""Blind image spatial quality evaluator (Mittal, Moorthy and Bovik, IEEE TIP 21(12), 2012)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from undegrade.errors import ModelError
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.resize import imresize
from undegrade.metrics import weights
from undegrade.metrics.base import Assessment
from undegrade.metrics.scene_statistics import (
    Fit,
    asymmetric_fit,
    normalised,
    shifted_products,
    symmetric_fit,
)

SHIFTS = ((0, 1), (1, 0), (1, 1), (-1, 1))
"""The four neighbours, (down, right)."""

FEATURES = 36

LIVE_LOW = (
    *(0.338, 0.017204, 0.236, -0.123884, 0.000155, 0.001122, 0.244, -0.123586, 0.000152),
    *(0.000975, 0.249, -0.135687, 0.000174, 0.000913, 0.258, -0.143408, 0.000179, 0.000888),
    *(0.471, 0.012809, 0.218, -0.094876, 0.000015, 0.001272, 0.222, -0.115772, 0.000016),
    *(0.001374, 0.227, -0.117188, 0.00003, 0.001122, 0.228, -0.12243, 0.000028, 0.001118),
)
LIVE_HIGH = (
    *(10.0, 0.806612, 1.642, 0.20293, 0.712298, 0.470257, 1.641, 0.179083, 0.710456),
    *(0.470984, 1.555, 0.100858, 0.684173, 0.534174, 1.561, 0.100486, 0.685696, 0.536508),
    *(3.264, 0.703171, 1.046, 0.187459, 0.442057, 0.40803, 1.042, 0.162604, 0.444362),
    *(0.40243, 0.996, 0.098323, 0.531903, 0.369589, 0.99, 0.098658, 0.530092, 0.370399),
)
"""Ranges of the features on LIVE, which the authors' release scales by (its file ``allrange``)."""

LIVE_HEADER = {
    "svm_type": "epsilon_svr",
    "kernel_type": "rbf",
    "gamma": "0.05",
    "total_sv": "774",
    "rho": "-153.591",
}
"""What marks the authors' file ``allmodel``."""


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

    def _value(self, picture: Doubles) -> float:
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

    def _value(self, picture: Doubles) -> float:
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


@dataclass(frozen=True)
class Regressor:
    """``f(x) = sum_i c_i exp(-gamma |z - v_i|^2) - rho`` with z = x scaled to [-1, 1]."""

    vectors: Doubles
    """(n, 36)."""
    coefficients: Doubles
    """(n,)."""
    rho: float
    gamma: float
    low: Doubles
    """The value of each feature that becomes -1, (36,)."""
    high: Doubles

    def __call__(self, features: Doubles) -> float:
        scaled = 2.0 * (features - self.low) / (self.high - self.low) - 1.0
        distances = np.sum((self.vectors - scaled) ** 2, axis=1)
        return float(self.coefficients @ np.exp(-self.gamma * distances)) - self.rho


def read_libsvm(path: Path) -> Regressor:
    """The authors' model, a text file of LIBSVM: header, then ``coefficient 1:value 2:value ...``.

    Raises :class:`ModelError` for what is no such file, or a model that is not the authors'.
    """
    try:
        head, _, body = path.read_text(encoding="ascii").partition("\nSV\n")
        header = dict(line.split(maxsplit=1) for line in head.splitlines())
        rows = [line.split() for line in body.splitlines() if line.strip()]
        coefficients = np.array([float(row[0]) for row in rows])
        vectors = np.zeros((len(rows), FEATURES))
        for vector, row in zip(vectors, rows, strict=True):
            for pair in row[1:]:  # zeros may be left out
                index, value = pair.split(":")
                vector[int(index) - 1] = float(value)
    except Exception as error:
        raise weights.unreadable(path, error) from None
    found = header | {"total_sv": str(len(rows))}
    odd = [key for key, value in LIVE_HEADER.items() if found.get(key) != value]
    if odd:
        key = odd[0]
        raise ModelError(
            f"{str(path)!r} is not the model of BRISQUE: {key} is {found.get(key)} "
            f"instead of {LIVE_HEADER[key]}",
            "use the file allmodel of the authors' release",
        )
    rho, gamma = float(header["rho"]), float(header["gamma"])
    return Regressor(vectors, coefficients, rho, gamma, np.array(LIVE_LOW), np.array(LIVE_HIGH))


def read_opencv(model: Path, ranges: Path) -> Regressor:
    """OpenCV's model, two files in its own YAML; raises :class:`ModelError` for others."""
    try:
        text = model.read_text(encoding="ascii")
        vectors, decision = text.split("support_vectors:")[1].split("decision_functions:")
        matrix = np.array([_numbers(row) for row in re.findall(r"\[(.*?)\]", vectors, re.DOTALL)])
        coefficients = np.array(_numbers(decision.split("alpha:")[1]))
        rho, gamma = _value(decision, "rho"), _value(text, "gamma")
        low, high = np.array(
            _numbers(ranges.read_text(encoding="ascii").split("data:")[1])
        ).reshape(2, FEATURES)
        if matrix.shape != (len(coefficients), FEATURES):
            raise ValueError(f"{len(coefficients)} coefficients for vectors {matrix.shape}")
    except Exception as error:
        raise weights.unreadable(model, error) from None
    return Regressor(matrix, coefficients, rho, gamma, low, high)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.strip(" \n[]").split(",")]


def _value(text: str, key: str) -> float:
    return float(text.split(f"{key}:")[1].split(maxsplit=1)[0])
