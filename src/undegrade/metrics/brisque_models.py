"""The trained half of BRISQUE: support vector regression, and the two files it is published in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undegrade.errors import ModelError
from undegrade.imaging.arrays import Doubles
from undegrade.metrics.weights import unreadable

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

    Raises
    ------
    ModelError: not such a file, or a model that is not the authors'.
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
        raise unreadable(path, error) from None
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
    """OpenCV's model, two files in its own YAML.

    Raises
    ------
    ModelError: not such files.
    """
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
        raise unreadable(model, error) from None
    return Regressor(matrix, coefficients, rho, gamma, low, high)


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.strip(" \n[]").split(",")]


def _value(text: str, key: str) -> float:
    return float(text.split(f"{key}:")[1].split(maxsplit=1)[0])
