"""What a photo has lost, by classical estimators.

They are cheap, need no training and look at the picture alone: noise from the finest wavelet
band, JPEG quality from the file's own quantisation tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Floats
from undegrade.imaging.jpeg_tables import jpeg_level
from undegrade.imaging.noise_levels import MAX_NOISE, NOISE, grain_level, white_levels

BLOCK = 32
"""Side in pixels of the blocks in which noise is measured."""
MOST_BLOCKS = 2048
"""Blocks looked at in a large picture, evenly spread."""
MOST_CLIPPED = 0.005
"""Share of clipped values up to which a block counts as not clipped."""
QUIETEST = 0.1
"""Share of the blocks taken to show noise alone."""


@dataclass(frozen=True)
class Levels:
    """Damage found in, or stated for, a photo."""

    noise: float = 0.0
    """Standard deviation of the noise in 0..255 units."""
    jpeg: float | None = None
    """JPEG quality 1..100, ``None`` for a picture that shows no JPEG history."""
    noise_levels: tuple[float, ...] | None = None
    """The levels :data:`undegrade.imaging.noise_levels.NOISE`; ``None`` for white noise."""
    grain: float = 1.0
    """Size of the noise's grains in pixels."""

    def __post_init__(self) -> None:
        if not self.noise >= 0:
            raise UsageError(f"noise of sigma {self.noise:g} is not possible", "choose 0 or more")
        if not self.grain >= 1:
            raise UsageError(
                f"grains of {self.grain:g} pixels are not possible", "choose 1 or more"
            )
        if (several := self.noise_levels) is None:
            return
        if len(several) != len(NOISE):
            raise UsageError(
                f"{len(several)} levels of noise were given", f"give {', '.join(NOISE)}"
            )
        for name, level in zip(NOISE, several, strict=True):
            if not level >= 0:
                raise UsageError(f"{name} = {level:g} is not possible", "choose 0 or more")

    def named(self, grey: bool = False) -> dict[str, float]:
        """Every level that a card may name; *grey* where all channels are one."""
        several = self.noise_levels or white_levels(self.noise, grey)
        grain = grain_level(self.grain) if self.noise or self.noise_levels else 0.0
        return {
            "noise": self.noise / MAX_NOISE,
            "jpeg": 0.0 if self.jpeg is None else jpeg_level(self.jpeg),
            "grain": grain,
            "lift": 0.0,  # which leaves it to the network
            **dict(zip(NOISE, several, strict=True)),
        }


def noise_sigma(pixels: NDArray[np.uint8] | NDArray[np.uint16]) -> float:
    """Standard deviation of the noise of a picture (H, W, C), in 0..255 units.

    The median absolute deviation of the diagonal Haar band (Donoho and Johnstone, Biometrika
    1994) of each block of 32 pixels, averaged over the channels; the tenth percentile over the
    blocks, which is where the picture itself is smooth, corrected for the bias of taking the
    smallest. Clipped blocks are left out where possible. Pictures below 32 pixels count as clean.
    """
    height, width, channels = pixels.shape
    if min(height, width) < BLOCK:
        return 0.0
    # Every how-many-th block is looked at, along both sides.
    step = max(1, int(np.sqrt((height // BLOCK) * (width // BLOCK) / MOST_BLOCKS)))
    peak = np.iinfo(pixels.dtype).max
    found, clipped = [], []
    for top in range(0, height - BLOCK + 1, BLOCK * step):
        strip = pixels[top : top + BLOCK, : width // BLOCK * BLOCK]
        blocks = strip.reshape(BLOCK, -1, BLOCK, channels)[:, ::step].astype(np.float32)
        clipped.append(((blocks <= 0) | (blocks >= peak)).mean((0, 2, 3)))
        diagonal, _ = haar_bands(blocks.transpose(1, 3, 0, 2))
        found.append(deviation(diagonal).mean(1))
    values = np.concatenate(found) * (255.0 / peak)
    # Clipping narrows the noise, so the least clipped blocks speak: all that are hardly clipped,
    # or else the best twentieth.
    share = np.concatenate(clipped)
    values = values[share <= max(MOST_CLIPPED, float(np.quantile(share, 0.05)))]
    # Over pure noise the spread of one block scatters by 1.17 / sqrt(256) of sigma (the
    # asymptotic deviation of the MAD), and less by averaging channels; the tenth percentile
    # lies 1.28 deviations below the mean.
    scatter = 1.28 * 1.17 / (BLOCK / 2) / np.sqrt(channels) if values.size > 8 else 0.0
    return float(np.quantile(values, QUIETEST) / (1 - scatter))


def haar_bands(blocks: Floats) -> tuple[Floats, Floats]:
    """The diagonal and the smooth Haar band of *blocks* (..., S, S), each of half the side."""
    first, second = blocks[..., 0::2, :], blocks[..., 1::2, :]
    a, b, c, d = first[..., 0::2], first[..., 1::2], second[..., 0::2], second[..., 1::2]
    half = np.float32(0.5)
    return half * (a - b - c + d), half * (a + b + c + d)


def deviation(band: Floats) -> Floats:
    """Standard deviation by the median absolute one, over the last two axes."""
    return np.asarray(np.median(np.abs(band), axis=(-1, -2)) / 0.6745)
