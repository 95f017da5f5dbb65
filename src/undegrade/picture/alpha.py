"""Transparency: what lies under it, how it is resized, how it is flattened, and depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from undegrade.imaging.arrays import to_whole
from undegrade.imaging.resize import resized

_BAND = 1 << 20
"""Pixels handled at a time where a temporary of wider type is needed."""


def bands(height: int, width: int, pixels: int = _BAND) -> list[slice]:
    """Slices of rows that hold about *pixels* pixels each and cover *height* rows."""
    step = max(1, pixels // max(1, width))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def to_depth(values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    """The same values as uint8 or uint16, exactly rounded; the array itself if nothing changes.

    8 to 16 bit multiplies by 257, so that 255 becomes 65535; 16 to 8 bit is the nearest level,
    hence the way back from 8 bit is exact.
    """
    target = np.dtype(dtype)
    if values.dtype == target:
        return values
    out = np.empty(values.shape, target)
    for rows in bands(values.shape[0], values.size // max(1, values.shape[0])):
        part = values[rows].astype(np.uint32)
        out[rows] = part * 257 if target == np.uint16 else (part + 128) // 257
    return out


def resize_alpha(alpha: NDArray[Any], height: int, width: int) -> NDArray[Any]:
    """*alpha* (H, W) at another size: antialiased bicubic, clipped; a constant one stays exact."""
    if alpha.shape == (height, width):
        return alpha
    low, high = alpha.min(), alpha.max()
    if low == high:
        return np.full((height, width), low, alpha.dtype)
    if alpha.dtype == np.uint8:
        image = Image.fromarray(np.ascontiguousarray(alpha))
        return np.array(image.resize((width, height), Image.Resampling.BICUBIC))
    # float32 holds 16 bit exactly; Pillow's own 16-bit mode is not resampled in every version.
    return to_whole(resized(alpha[:, :, None], height, width, "bicubic")[:, :, 0], alpha.dtype)


def flatten(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """*pixels* (H, W, C) over white, in the encoding they have (as browsers and viewers do)."""
    top = int(np.iinfo(pixels.dtype).max)
    out = np.empty_like(pixels)
    for rows in bands(*alpha.shape):
        weight = alpha[rows, :, None].astype(np.uint64)
        out[rows] = (pixels[rows] * weight + top * (top - weight) + top // 2) // top
    return out


def bleed(pixels: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """*pixels* with the colour under full transparency replaced by that of visible pixels nearby.

    Files hold anything under ``alpha == 0``, most often black, and a network or a resampler would
    draw that into the visible edge. Push-pull: averages over 2 x 2 visible pixels, again and again
    until one is left, then each hole takes the value of the finest average that saw anything.

    Parameters
    ----------
    pixels: (H, W, C) uint8 or uint16.
    alpha: (H, W), same dtype.

    Returns
    -------
    A new array, equal wherever ``alpha > 0``; *pixels* itself if there is nothing to fill, or
    nothing visible to fill it with.
    """
    holes = alpha == 0
    if not holes.any() or holes.all():
        return pixels
    filled = _pull(*_halve_integers(pixels, alpha))
    out = pixels.copy()
    for rows in bands(*alpha.shape):
        ys, xs = np.nonzero(holes[rows])
        ys += rows.start
        out[ys, xs] = np.rint(filled[ys // 2, xs // 2]).astype(pixels.dtype)
    return out


def _halve_integers(
    pixels: NDArray[Any], alpha: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Means (h, w, C) over 2 x 2 pixels weighted by alpha, and weights; only a band is floats."""
    height, width = (alpha.shape[0] + 1) // 2, (alpha.shape[1] + 1) // 2
    means = np.zeros((height, width, pixels.shape[2]), np.float32)
    weights = np.zeros((height, width), np.float32)
    for rows in bands(height, width):
        source = slice(2 * rows.start, 2 * rows.stop)
        weight = alpha[source].astype(np.float32) / np.float32(np.iinfo(alpha.dtype).max)
        means[rows], weights[rows] = _halve(pixels[source].astype(np.float32), weight)
    return means, weights


def _halve(
    values: NDArray[np.float32], weight: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weighted means over 2 x 2 cells and the sums of weights; odd sizes get empty cells."""
    height, width = weight.shape
    pad = ((0, height % 2), (0, width % 2))
    weight = np.pad(weight, pad)
    total = np.pad(values, (*pad, (0, 0))) * weight[:, :, None]
    total = total[0::2] + total[1::2]
    total = total[:, 0::2] + total[:, 1::2]
    summed = weight[0::2] + weight[1::2]
    summed = summed[:, 0::2] + summed[:, 1::2]
    safe = np.where(summed > 0, summed, 1)
    return (total / safe[:, :, None]).astype(np.float32), summed.astype(np.float32)


def _pull(values: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """*values* with cells of no weight filled from coarser and coarser averages."""
    holes = weight == 0
    if not holes.any():
        return values
    coarse = _pull(*_halve(values, weight))
    ys, xs = np.nonzero(holes)
    values[ys, xs] = coarse[ys // 2, xs // 2]
    return values
