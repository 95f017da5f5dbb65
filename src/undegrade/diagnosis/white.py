"""White noise, measured: where noise is the same in all pixels, counting is surer than reading."""

from __future__ import annotations

import math

import numpy as np

from undegrade.imaging.arrays import Floats
from undegrade.levels import BLOCK, deviation, haar_bands, noise_sigma

CLIPPED = 0.1
"""Share of clipped values up to which a block is looked at."""

QUIET = 0.25
"""Share of the blocks, the quietest, that show noise rather than the picture."""

ALONE = 0.85
"""Least part of the noise that channels do not share: JPEG leaves them little of their own, a
camera's white noise has nothing in common, and in grey photos all is."""

FALLING = 1.6
"""Most by which noise may be larger at half the size: resizing and blurring make it so."""

LEAST_ERROR = 0.3
"""In 0..255 units; and with it a hundredth of the sigma."""

CERTAIN = 0.15
"""Part of the sigma that its deviation is at most where noise is the same in all light."""

AGREEING = 3.0
"""Standard deviations within which measuring must confirm what the network reads."""


def measure(crops: Floats) -> tuple[float, float]:
    """Sigma of the noise of *crops* (N, 3, S, S) in 0..255 units, and its standard deviation.

    The deviation is that of the sigma over three bins of brightness, and infinite where the noise
    is not white: noise that depends on the light, or that was coded or resized, is no matter of one
    number, or not the one at the finest scale.
    """
    blocks = _blocks(crops)
    fine, low = haar_bands(blocks)
    coarse, _ = haar_bands(low)
    spread = deviation(fine).mean(1)
    quiet = spread <= np.quantile(spread, QUIET)
    level = float(np.median(spread[quiet]))
    if level == 0:
        return 0.0, math.inf
    own = float(np.median(deviation(fine[quiet, 0] - fine[quiet, 1]))) / math.sqrt(2) / level
    slower = float(np.median(deviation(coarse).mean(1)[quiet])) / level
    grey = bool((crops[:, 0] == crops[:, 1]).all())
    if not (grey or own >= ALONE) or slower > FALLING:
        return level, math.inf
    bins = np.array_split(spread[np.argsort(blocks.mean((1, 2, 3)))], 3)
    by_light = [float(np.quantile(part, QUIET)) for part in bins if part.size]
    stacked = np.rint(crops * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    sigma = noise_sigma(stacked.reshape(-1, stacked.shape[2], 3))
    varies = max(by_light) / min(by_light) - 1 if min(by_light) > 0 else math.inf
    return sigma, LEAST_ERROR + sigma * (0.01 + varies)


def agreed(read: float, doubt: float, measured: float, error: float) -> tuple[float, float]:
    """Of two figures with their standard deviations the mean by inverse variance, and its own.

    Where they are too far apart to be of the same thing, *read* alone.
    """
    if not _of_the_same(read, doubt, measured, error):
        return read, doubt
    weights = doubt**-2, error**-2
    value = (weights[0] * read + weights[1] * measured) / sum(weights)
    return value, sum(weights) ** -0.5


def certain(read: float, doubt: float, measured: float, error: float) -> bool:
    """Whether two such figures leave no doubt that noise is white: the same in all light, too."""
    return error <= CERTAIN * measured and _of_the_same(read, doubt, measured, error)


def _of_the_same(read: float, doubt: float, measured: float, error: float) -> bool:
    return math.isfinite(error) and abs(read - measured) <= AGREEING * math.hypot(doubt, error)


def _blocks(crops: Floats) -> Floats:
    """Blocks (M, 3, 32, 32) of 0..255 that are hardly clipped, or the least clipped tenth."""
    count, channels, side, _ = crops.shape
    across = side // BLOCK
    values = np.rint(crops[:, :, : across * BLOCK, : across * BLOCK] * np.float32(255))
    cut = values.reshape(count, channels, across, BLOCK, across, BLOCK)
    blocks = cut.transpose(0, 2, 4, 1, 3, 5).reshape(-1, channels, BLOCK, BLOCK)
    share = ((blocks <= 0) | (blocks >= 255)).mean((1, 2, 3))
    chosen: Floats = blocks[share <= max(CLIPPED, float(np.quantile(share, 0.1)))]
    return chosen
