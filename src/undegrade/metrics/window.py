"""Sliding windows over a picture, where they lie wholly inside it."""

from __future__ import annotations

import numpy as np

from undegrade.imaging.arrays import Doubles

BLOCK, TILE = 32, 128
"""Outputs of one matrix product: across the window's direction more amortise its call, along it
more multiply zeros. The products stay below the size from which BLAS libraries start threads, whose
waiting costs more here than their work saves."""


def gaussian(size: int, sigma: float) -> Doubles:
    """``exp(-x^2 / (2 sigma^2))`` at *size* samples around the middle, sum 1, shape (size,)."""
    x = np.arange(size) - (size - 1) / 2
    weights: Doubles = np.exp(-(x**2) / (2 * sigma**2))
    weights /= weights.sum()
    return weights


def windowed(image: Doubles, kernel: Doubles) -> Doubles:
    """``y[i, j] = sum_kl k[k] k[l] x[i + k, j + l]``: (H, W) to (H - n + 1, W - n + 1).

    Each axis is a product with a banded matrix, piece by piece. The zeros of the band cost less
    than one pass through memory per tap.
    """
    n = len(kernel) - 1
    band = np.zeros((BLOCK, BLOCK + n))
    for row in range(BLOCK):
        band[row, row : row + n + 1] = kernel
    height, width = image.shape[0] - n, image.shape[1] - n
    down = np.empty((height, width + n))
    for i in range(0, height, BLOCK):
        k = min(BLOCK, height - i)
        for j in range(0, width + n, TILE):
            tile = slice(j, j + TILE)
            np.matmul(band[:k, : k + n], image[i : i + k + n, tile], out=down[i : i + k, tile])
    across = np.empty((height, width))
    for j in range(0, width, BLOCK):
        k = min(BLOCK, width - j)
        for i in range(0, height, TILE):
            tile = slice(i, i + TILE)
            np.matmul(down[tile, j : j + k + n], band[:k, : k + n].T, out=across[tile, j : j + k])
    return across
