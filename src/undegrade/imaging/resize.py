"""Bicubic resizing equal to MATLAB's ``imresize``, which the super-resolution tables rest on.

Whole numbers are resized strip by strip: no copy of a photo in floating point.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Doubles, Pixels, to_whole

FILTERS = ("box", "bilinear", "hamming", "bicubic", "lanczos")
"""Filters of :func:`resized`, all antialiased."""

CUBIC_A = -0.5
"""Keys's free parameter: the value for which cubics are third-order accurate."""

KERNEL_WIDTH = 4.0
"""Support of the cubic, in samples."""

HALF_WAY = (-1 / 16, 9 / 16, 9 / 16, -1 / 16)
"""Keys's cubic half-way between two samples (IEEE TASSP 1981, equation 15)."""

STRIP_ROWS = 32
"""Rows of the smaller picture, of those that go in or come out, that are resized at once."""

STRIP_REACH = 4
"""Rows of the smaller picture that a strip takes beyond its ends: more than :func:`enlarge` and
:func:`reduce` read there."""


def imresize(
    image: NDArray[Any],
    *,
    scale: float | tuple[float, float] | None = None,
    size: tuple[int, int] | None = None,
) -> NDArray[Any]:
    """Resize by antialiased bicubic interpolation.

    Per axis ``y[i] = sum_j w(i, j) x[j]`` with ``w(i, j) = h(u_i - j)`` normalised to 1,
    ``u_i = (i + 1/2) / s - 1/2``, and ``h`` the cubic with a = -0.5, stretched by ``1 / s`` where
    *s* < 1. Beyond the edge the image is mirrored with its edge sample repeated. The axis with the
    smaller scale goes first.

    Parameters
    ----------
    image: (H, W) or (H, W, C), floating point, any range. Computed in float64.
    scale: factor for both axes, or (down, across); the output is ``ceil(scale * side)`` long.
    size: (height, width) of the output, instead of *scale*.

    Returns
    -------
    A new array of the input's type, not clipped: cubics overshoot at edges.

    Raises
    ------
    UsageError: both or neither of *scale* and *size*, one that is not positive, or not an image.

    Source: MATLAB ``imresize`` (method "bicubic"); Keys, "Cubic convolution interpolation for
    digital image processing", IEEE TASSP 1981, equation 15.

    >>> imresize(np.array([[0.0, 1.0, 2.0, 3.0]]), size=(1, 8)).round(2)
    array([[-0.09,  0.18,  0.73,  1.25,  1.75,  2.27,  2.82,  3.09]])
    """
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise UsageError(f"an image to resize must be (H, W) or (H, W, C), not {image.shape}")
    if not np.issubdtype(image.dtype, np.floating):
        raise UsageError(f"an image to resize must be floating point, not {image.dtype}")
    scales, sizes = _targets(image.shape[:2], scale, size)
    result = np.asarray(image, dtype=np.float64)
    for axis in sorted((0, 1), key=scales.__getitem__):
        if scales[axis] != 1 or sizes[axis] != image.shape[axis]:
            result = _along(result, axis, scales[axis], sizes[axis])
    return result.astype(image.dtype, copy=result is image)


def enlarge(pixels: Pixels, scale: int) -> Pixels:
    """*pixels* (H, W, C) *scale* times as large, as :func:`imresize` does."""
    height, width, channels = pixels.shape
    output = np.empty((height * scale, width * scale, channels), pixels.dtype)
    for top in range(0, height, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, height)
        strip = pixels[reflected(top - STRIP_REACH, bottom + STRIP_REACH, height)].astype(
            np.float64
        )
        large = imresize(strip, scale=float(scale))[STRIP_REACH * scale : -STRIP_REACH * scale]
        output[top * scale : bottom * scale] = to_whole(large, pixels.dtype)
    return output


def reduce(pixels: Pixels, times: int) -> Pixels:
    """*pixels* (H, W, C) 2 or 4 times smaller, sides rounded up, for photos without fine detail.

    Halved once or twice by the cubic through every second gap. It has no filter against aliasing
    as there is nothing to alias, and such a filter would blur once more what is left.
    """
    height, width, channels = pixels.shape
    rows, columns = -(-height // times), -(-width // times)
    output = np.empty((rows, columns, channels), pixels.dtype)
    for top in range(0, rows, STRIP_ROWS):
        bottom = min(top + STRIP_ROWS, rows)
        strip = pixels[
            reflected((top - STRIP_REACH) * times, (bottom + STRIP_REACH) * times, height)
        ]
        small = strip.astype(np.float64)
        for _ in range(times.bit_length() - 1):
            small = _halved(_halved(small, 0), 1)
        output[top:bottom] = to_whole(small[STRIP_REACH:-STRIP_REACH], pixels.dtype)
    return output


def _halved(values: Doubles, axis: int) -> Doubles:
    side = values.shape[axis]
    half = -(-side // 2)
    lines = reflected(-1, 2 * half + 2, side)
    taps = [values.take(lines[first : first + 2 * half : 2], axis) for first in range(4)]
    total: Doubles = np.tensordot(HALF_WAY, taps, 1)
    return total


def reflected(start: int, stop: int, size: int) -> NDArray[np.intp]:
    """Indices ``start..stop`` folded into ``0..size`` by symmetric reflection (edge repeated)."""
    return _folded(np.arange(start, stop), size)


def _folded(index: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    index = index % (2 * size)  # mirrored: 0 .. n-1, n-1 .. 0, and so on
    return np.where(index < size, index, 2 * size - 1 - index)


def resized(image: NDArray[Any], height: int, width: int, filter: str) -> NDArray[np.float32]:
    """*image* (H, W, C) as programs resize it: by Pillow with one of :data:`FILTERS`, not clipped.

    Raises :class:`UsageError` for an unknown filter.
    """
    if filter not in FILTERS:
        raise UsageError(f"there is no filter {filter!r}", f"there are {', '.join(FILTERS)}")
    from PIL import Image as PillowImage  # metrics resize, too, and need no pictures from files

    chosen = PillowImage.Resampling[filter.upper()]
    planes = [
        PillowImage.fromarray(np.ascontiguousarray(plane, np.float32)).resize(
            (width, height), chosen
        )
        for plane in np.moveaxis(image, 2, 0)
    ]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys's cubic convolution kernel with a = -0.5, zero beyond 2."""
    x = np.abs(x)
    near = ((CUBIC_A + 2.0) * x - (CUBIC_A + 3.0)) * x * x + 1.0
    far = CUBIC_A * (((x - 5.0) * x + 8.0) * x - 4.0)
    return np.where(x <= 1.0, near, np.where(x <= 2.0, far, 0.0))


def _targets(
    shape: tuple[int, ...], scale: float | tuple[float, float] | None, size: tuple[int, int] | None
) -> tuple[tuple[float, float], tuple[int, int]]:
    """The scale and the output length of both axes."""
    if (scale is None) == (size is None):
        raise UsageError("resizing needs either a scale or a size")
    if size is not None:
        if len(size) != 2 or min(size) < 1:
            raise UsageError(f"size = {size!r} must be two lengths of at least 1 pixel")
        return (size[0] / shape[0], size[1] / shape[1]), (int(size[0]), int(size[1]))
    assert scale is not None
    pair = scale if isinstance(scale, tuple) else (scale, scale)
    if len(pair) != 2 or not all(math.isfinite(s) and s > 0 for s in pair):
        raise UsageError(f"scale = {scale!r} must be positive")
    # The margin keeps 1/3 of 255 at 85 whichever way the product was rounded.
    lengths = [math.ceil(s * side - 1e-9) for s, side in zip(pair, shape, strict=True)]
    return (float(pair[0]), float(pair[1])), (max(lengths[0], 1), max(lengths[1], 1))


def _along(
    image: NDArray[np.float64], axis: int, scale: float, out_length: int
) -> NDArray[np.float64]:
    """Resize one axis: a gather and a multiply-add for each input sample that an output reads."""
    stretch = min(scale, 1.0)
    width = KERNEL_WIDTH / stretch
    centre = (np.arange(out_length) + 0.5) / scale - 0.5
    first = np.floor(centre - width / 2.0)
    index = first[:, None] + np.arange(math.ceil(width) + 2)
    weight = cubic((centre[:, None] - index) * stretch)
    weight /= weight.sum(axis=1, keepdims=True)
    shape, sizes = [1] * image.ndim, list(image.shape)
    shape[axis] = sizes[axis] = out_length
    result = np.zeros(sizes)
    for tap in np.flatnonzero(np.any(weight != 0.0, axis=0)):
        read = _folded(index[:, tap].astype(np.intp), image.shape[axis])
        part = np.take(image, read, axis=axis)
        part *= weight[:, tap].reshape(shape)
        result += part
    return result
