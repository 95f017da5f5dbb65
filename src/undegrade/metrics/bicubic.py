"""Reduction by a whole factor with the antialiased cubic of MATLAB's ``imresize``."""

from __future__ import annotations

import numpy as np

from undegrade.metrics.pictures import Floats


def reduced(image: Floats, factor: int) -> Floats:
    """Reduce by *factor*: (H, W) or (H, W, C) to (ceil(H / factor), ceil(W / factor)), any range.

    ``y[i] = sum_j w[j] x[factor i + j - a]`` per axis, the weights those of Keys's cubic (a = -0.5)
    stretched by *factor*, with sum 1: they are the same for every output. The image is mirrored
    beyond its edge, with the edge sample repeated. Equals ``imresize(image, 1 / factor)``; not
    clipped.
    """
    taps = 4 * factor - factor % 2  # the cubic is 0 at the outermost samples of an odd factor
    x = np.abs((np.arange(taps) - (taps - 1) / 2) / factor)
    near = (1.5 * x - 2.5) * x * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    weights = np.where(x <= 1.0, near, far)
    weights /= weights.sum()
    for axis in (0, 1):
        image = _along(np.moveaxis(image, axis, 0), factor, weights)
        image = np.moveaxis(image, 0, axis)
    return np.ascontiguousarray(image)


def _along(image: Floats, factor: int, weights: Floats) -> Floats:
    """Reduce the first axis."""
    count = -(-image.shape[0] // factor)
    before = (len(weights) - factor) // 2
    after = count * factor - factor + len(weights) - before - image.shape[0]
    pads = [(before, after), *((0, 0) for _ in image.shape[1:])]
    padded = np.pad(image, pads, mode="symmetric")
    result = np.zeros((count, *image.shape[1:]))
    for tap, weight in enumerate(weights):
        result += weight * padded[tap : tap + count * factor : factor]
    return result
