"""Whether a picture has once been a JPEG file: proof from its pixels, without any network.

Where it has, the luma DCT coefficients of its blocks lie near multiples of the quantiser's steps,
on one of 64 phases of the grid and with the steps of one quality (Fan and de Queiroz, 2003;
Neelamani et al., 2006). On other phases, and in a picture never coded, they lie anywhere.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dctn

from undegrade.imaging.jpeg_tables import LUMA_STEPS as LUMA_TABLE
from undegrade.imaging.jpeg_tables import scaled_table
from undegrade.imaging.luma import LUMA

QUALITIES = range(91, 9, -1)
"""Of finer tables most steps are 1 or 2, which rounding to 8 bit hides. Falling: neighbours may
have the same low steps, and the finest of them is told."""

ORDERS = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0))
"""The coefficients that photos fill: low ones, but for the mean."""

FEWEST = 60
"""Coefficients that are not zero, below which an order says nothing."""

PROOF = 10.0
"""Standard deviations of chance, above every other phase, from which on it counts as proof."""


def coded_quality(pixels: NDArray[np.float64]) -> int | None:
    """The quality of the IJG tables that *pixels*, (H, W, 3) in [0, 1], were coded with, or None.

    What a JPEG of that quality leaves is a matter of proof; None only says that there is none: the
    picture may have been resized, or coded finely, since.
    """
    luma = pixels @ LUMA * 255.0
    corners = itertools.product(range(8), repeat=2)
    evidence = np.array([_evidence(_coefficients(luma[y:, x:])) for y, x in corners])
    best = evidence.max(1)
    first, second = np.sort(best)[::-1][:2]
    if first - second < PROOF:
        return None
    return QUALITIES[int(evidence[best.argmax()].argmax())]


def _coefficients(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Those of whole blocks, (N, 8, 8)."""
    height, width = (side // 8 for side in luma.shape)
    blocks = luma[: height * 8, : width * 8].reshape(height, 8, width, 8).transpose(0, 2, 1, 3)
    return dctn(blocks - 128.0, axes=(2, 3), norm="ortho").reshape(-1, 8, 8)


def _evidence(coefficients: NDArray[np.float64]) -> list[float]:
    """How near they lie to multiples of the steps of each quality, in deviations of chance."""
    orders = {order: coefficients[:, order[0], order[1]] for order in ORDERS}
    filled = {order: values[np.abs(values) > 1.0] for order, values in orders.items()}
    told = {order: values for order, values in filled.items() if len(values) >= FEWEST}
    tables = [scaled_table(LUMA_TABLE, quality) for quality in QUALITIES]
    near = {
        (order, step): _nearness(values, step)
        for order, values in told.items()
        for step in {int(table[order]) for table in tables} - {1}
    }
    found = []
    for table in tables:
        known = [near[order, int(table[order])] for order in told if table[order] > 1]
        found.append(float(np.mean(known)) if known else 0.0)
    return found


def _nearness(values: NDArray[np.float64], step: int) -> float:
    """The mean of n cosines of evenly spread angles has the deviation sqrt(1 / 2n)."""
    return float(np.sqrt(2 * len(values)) * np.cos(2 * np.pi / step * values).mean())
