"""How photos are known again: hashes of the whole and of parts, and the shift between two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image

from undegrade.imaging.arrays import Floats

THUMB = 32
"""Side of what is transformed."""
WINDOW = 96
"""Side of a window in pixels."""
REDUCTION = 4
"""Blobs are looked for in means over so many pixels squared."""
BLOB_SIGMAS = (1.5, 3.0)
"""Of the two Gaussians, in such means, whose difference is largest at a blob."""
REACH = 3
"""A blob is the largest difference so many means around."""
FAINTEST = 1.0
"""Least difference of a blob, in grey levels."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a photo."""

    whole: int
    """Hash of all of it."""
    thumb: NDArray[np.uint8]
    """(32, 32)."""
    windows: Hashes
    """(n,), one of each window."""
    corners: NDArray[np.int32]
    """(n, 2), row and column of each window's first pixel."""


def fingerprint(plane: Floats) -> Fingerprint:
    """The hashes of a photo's luma (H, W)."""
    whole, thumb = whole_print(plane)
    corners = _corners(plane)
    cuts = [plane[y : y + WINDOW, x : x + WINDOW] for y, x in corners.tolist()]
    small = [_means(cut, WINDOW // THUMB) for cut in cuts]
    return Fingerprint(
        whole, thumb, _hashes(np.asarray(small, np.float32).reshape(-1, THUMB, THUMB)), corners
    )


def whole_print(plane: Floats) -> tuple[int, NDArray[np.uint8]]:
    """The hash of all of a photo's luma (H, W), and its reduction (32, 32)."""
    grey = Image.fromarray(plane).resize((THUMB, THUMB), Image.Resampling.BOX)
    thumb = np.asarray(grey, np.float32)
    return int(_hashes(thumb[None])[0]), np.clip(np.rint(thumb), 0, 255).astype(np.uint8)


def near(a: Hashes, b: Hashes, limit: int) -> NDArray[np.intp]:
    """Indices (n, 2) into *a* and *b* of all pairs of hashes that differ in at most *limit* bits.

    Cut into ``limit + 1`` bands, such hashes agree in one band at least: pairs that agree in a
    band are few, and only those are counted.
    """
    edges = [64 * band // (limit + 1) for band in range(limit + 2)]
    found = [np.empty((0, 2), np.intp)]
    for first, last in pairwise(edges):
        mask = np.uint64((1 << last) - (1 << first))
        for pairs in _equal(a & mask, b & mask):
            close = np.bitwise_count(a[pairs[:, 0]] ^ b[pairs[:, 1]]) <= limit
            found.append(pairs[close])
    return np.unique(np.concatenate(found), axis=0)


def blurred(plane: Floats, sigma: float) -> Floats:
    """Gaussian blur, spread *sigma* in pixels, with the edge repeated."""
    reach = round(3 * sigma)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    for axis in (0, 1):
        pad = [(0, 0), (0, 0)]
        pad[axis] = (reach, reach)
        padded = np.pad(plane, pad, mode="edge")
        plane = sliding_window_view(padded, len(kernel), axis=axis) @ kernel
    return plane


def _equal(a: Hashes, b: Hashes, most: int = 1 << 20) -> Iterator[NDArray[np.intp]]:
    """Indices of all pairs of equal values, some *most* at a time."""
    order = np.argsort(b, kind="stable")
    ordered = b[order]
    first = np.searchsorted(ordered, a, "left")
    counts = np.searchsorted(ordered, a, "right") - first
    block = np.cumsum(counts) // most
    for number in np.unique(block):
        rows = np.nonzero(block == number)[0]
        many = counts[rows]
        start = np.repeat(first[rows], many)
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield np.stack([np.repeat(rows, many), order[start + within]], axis=1)


def _hashes(squares: NDArray[np.float32]) -> Hashes:
    """(n, 32, 32) to (n,): bit 8 v + u for the frequency (v, u) of the cosine transform."""
    angle = np.pi / THUMB * (np.arange(THUMB) + 0.5) * np.arange(8)[:, None]
    cosines = np.cos(angle).astype(np.float32)
    waves = (cosines @ squares @ cosines.T).reshape(-1, 64)[:, 1:]
    bits = waves > np.median(waves, axis=1, keepdims=True)
    powers = np.uint64(1) << np.arange(1, 64, dtype=np.uint64)
    return np.asarray((bits * powers).sum(axis=1, dtype=np.uint64))


def _corners(plane: Floats) -> NDArray[np.int32]:
    """Of the windows that are centred on a blob and lie inside the photo, (n, 2)."""
    if min(plane.shape) < WINDOW:
        return np.empty((0, 2), np.int32)
    means = _means(plane, REDUCTION)
    fine, coarse = (blurred(means, sigma) for sigma in BLOB_SIGMAS)
    blob = np.abs(fine - coarse)
    side = 2 * REACH + 1
    inner = blob[REACH:-REACH, REACH:-REACH]
    largest = sliding_window_view(blob, (side, side)).max((2, 3))
    y, x = np.nonzero((inner >= largest) & (inner >= FAINTEST))
    y, x = y + REACH, x + REACH
    fine_y = y + _vertices(blob[y - 1, x], blob[y, x], blob[y + 1, x])
    fine_x = x + _vertices(blob[y, x - 1], blob[y, x], blob[y, x + 1])
    # The middle of a mean is half a pixel less than half its side from its first pixel.
    centres = np.stack([fine_y, fine_x], axis=1) * REDUCTION + (REDUCTION - 1) / 2
    corners = np.rint(centres).astype(np.int32) - WINDOW // 2
    inside = (corners >= 0) & (corners + WINDOW <= np.array(plane.shape))
    return corners[inside.all(axis=1)]


def _vertices(before: Floats | float, peak: Floats | float, after: Floats | float) -> NDArray[Any]:
    """Where parabolas through three neighbours are highest, from the middle ones.

    Of arrays one place each, of three numbers one; 0 where the middle is no higher than its
    neighbours are on average.
    """
    bend = before - 2 * peak + after
    return np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0)


def _means(plane: Floats, side: int) -> Floats:
    """Means over squares of *side* pixels; what is left over at the end is cut off."""
    height, width = plane.shape[0] // side, plane.shape[1] // side
    squares = plane[: height * side, : width * side].reshape(height, side, width, side)
    return np.asarray(squares.mean(axis=(1, 3)), np.float32)


LARGEST = 1024
"""Side in pixels of the central part that is compared, at most."""

BAND = 0.12
"""Spread in cycles per pixel of the frequencies that count: above lie noise and coding."""

DARKEST = 2.0
"""Added to luma before its logarithm, which makes exposure an offset: half the noise of black."""


@dataclass(frozen=True)
class Shift:
    """Where the content of one picture lies as seen from another."""

    dx: float
    """Pixels to the right."""
    dy: float
    """Pixels down."""
    certainty: float
    """Height of the correlation's peak in standard deviations of the whole; chance gives 5."""

    @property
    def distance(self) -> float:
        """Length in pixels."""
        return float(np.hypot(self.dx, self.dy))


def global_shift(moving: Floats, fixed: Floats) -> Shift:
    """Shift of *moving* against *fixed*, two planes of one shape.

    The peak of the inverse transform of F(a) conj(F(b)) / |F(a) F(b)|, weighted by a Gaussian of
    frequency, with a parabola through its neighbours; a and b are logarithms of luma under a Hann
    window. Source: Kuglin and Hines, "The phase correlation image alignment method", 1975.
    """
    height, width = (min(side, LARGEST) for side in fixed.shape)
    top, left = (fixed.shape[0] - height) // 2, (fixed.shape[1] - width) // 2
    part = (slice(top, top + height), slice(left, left + width))
    product = _spectrum(moving[part]) * np.conj(_spectrum(fixed[part]))
    product /= np.abs(product) + 1e-12
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    product *= np.exp(-(down**2 + across**2) / (2 * BAND**2))
    surface = np.fft.irfft2(product, s=(height, width))
    y, x = np.unravel_index(np.argmax(surface), surface.shape)
    peak = float(surface[y, x])
    dy = y + _vertices(surface[y - 1, x], peak, surface[(y + 1) % height, x])
    dx = x + _vertices(surface[y, x - 1], peak, surface[y, (x + 1) % width])
    spread = float(surface.std())
    return Shift(
        dx=float(dx - width if dx > width / 2 else dx),
        dy=float(dy - height if dy > height / 2 else dy),
        certainty=peak / spread if spread else 0.0,
    )


def likeness(a: Floats, b: Floats) -> float:
    """Correlation, -1..1, of two planes of one shape once their means are taken off.

    0 where one of them is flat.
    """
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale else 0.0


def _spectrum(plane: Floats) -> NDArray[np.complex128]:
    values = np.log(plane.astype(np.float64) + DARKEST)
    values -= values.mean()
    values *= np.hanning(plane.shape[0])[:, None] * np.hanning(plane.shape[1])[None]
    return np.asarray(np.fft.rfft2(values), np.complex128)
