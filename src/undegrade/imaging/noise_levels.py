"""How strong noise is, in one unit for every kind: what it changes in the photo as it lies there.

======================  ==========================================================================
level                   what
======================  ==========================================================================
luma_dark, luma_middle  root mean square of the noise that the three channels share (their mean),
luma_bright             in 0..255 units, over 50: in dark, middle and bright parts of the photo
chroma_dark, ...        the same of what they do not share, so that noise^2 = luma^2 + chroma^2
grain                   log2 of the size of its grains in pixels, over 3: 0 for white noise
======================  ==========================================================================

White noise of sigma *S* has luma S / sqrt(3) and chroma S sqrt(2 / 3) everywhere, and grain 1;
the same noise in all three channels has luma S and no chroma.
"""

from __future__ import annotations

import math

from array_api_compat import array_namespace

from undegrade.imaging.arrays import Array, as_like

MAX_NOISE = 50.0
"""Root mean square of noise at level 1, in 0..255 units."""

PARTS = ("dark", "middle", "bright")
KNOTS = (0.15, 0.45, 0.8)
"""Encoded brightness, white = 1, for which the levels of :data:`PARTS` stand; between them the
variance is linear, and beyond the ends it is theirs."""

LUMA = tuple(f"luma_{part}" for part in PARTS)
CHROMA = tuple(f"chroma_{part}" for part in PARTS)
NOISE = (*LUMA, *CHROMA)
"""The levels of noise, in the order in which they stand everywhere."""

WHITE_LUMA, WHITE_CHROMA = math.sqrt(1 / 3), math.sqrt(2 / 3)
"""Shares of white noise, whose squares sum to 1."""

GRAIN_OCTAVES = 3.0
"""Octaves of grain at level 1: 8 pixels."""

CELL = 8
"""Side in pixels of the cells over whose means grains are sized."""

HOLD = 0.02
"""How firmly neighbouring parts are held together where the photo shows little of one: as strongly
as this share of its pixels speaks."""


def white_levels(sigma: float, grey: bool = False) -> tuple[float, ...]:
    """The levels :data:`NOISE` of white noise of *sigma*, 0..255 units; *grey*: one channel."""
    level = sigma / MAX_NOISE
    luma, chroma = (level, 0.0) if grey else (level * WHITE_LUMA, level * WHITE_CHROMA)
    return (luma,) * 3 + (chroma,) * 3


def grain_level(size: float) -> float:
    """The level of grains of *size* pixels, 1 or more."""
    return math.log2(max(size, 1.0)) / GRAIN_OCTAVES


def grain_size(level: float) -> float:
    """The inverse of :func:`grain_level`."""
    return math.exp2(GRAIN_OCTAVES * max(level, 0.0))


def measure_noise(noise: Array, clean: Array) -> tuple[Array, Array]:
    """The levels of known *noise* (N, 3, H, W) on *clean* pictures of the same shape,
    whose sides are 16 or more.

    Returns :data:`NOISE` as (N, 6) and the grain's level as (N,). The variance over brightness is
    the piecewise linear function through :data:`KNOTS` that fits the squares of the noise best,
    held flat where the picture has no pixels to tell. The size of grains is the side of the square
    over which noise is alike: ``CELL sqrt(v_c / v)`` with the variance *v* of the luma noise, and
    *v_c* that of its means over cells of 8 x 8, by the differences of neighbouring ones: what
    clipping adds to the mean of a dark part is no grain.
    """
    xp = array_namespace(noise)
    shared = xp.mean(noise, axis=1)
    apart = xp.mean((noise - shared[:, None]) ** 2, axis=1)
    hats = _hats(xp.mean(clean, axis=1))
    variances = [_fitted(hats, values) for values in (shared**2, apart)]
    levels = xp.sqrt(xp.concat(variances, axis=1)) * (255.0 / MAX_NOISE)
    n, height, width = shared.shape
    down, across = height // CELL, width // CELL
    cells = shared[:, : down * CELL, : across * CELL]
    cells = xp.mean(xp.reshape(cells, (n, down, CELL, across, CELL)), axis=(2, 4))
    whole = xp.mean(shared**2, axis=(1, 2)) + 1e-12
    apart_x = xp.mean((cells[:, :, 1:] - cells[:, :, :-1]) ** 2, axis=(1, 2))
    apart_y = xp.mean((cells[:, 1:] - cells[:, :-1]) ** 2, axis=(1, 2))
    size = CELL * xp.sqrt((apart_x + apart_y) / (4.0 * whole))
    return levels, xp.log2(xp.clip(size, 1.0, float(CELL))) / GRAIN_OCTAVES


def part_weights(clean: Array) -> Array:
    """How much of pictures (N, 3, H, W) each of :data:`PARTS` is, over all of them; (3,), sum 1."""
    xp = array_namespace(clean)
    return xp.mean(_hats(xp.mean(clean, axis=1)), axis=(0, 2, 3))


def _hats(brightness: Array) -> Array:
    """What each knot weighs at each pixel, (N, 3, H, W); they sum to 1."""
    xp = array_namespace(brightness)
    low, middle, high = KNOTS
    below = xp.clip((brightness - low) / (middle - low), 0.0, 1.0)
    above = xp.clip((brightness - middle) / (high - middle), 0.0, 1.0)
    return xp.stack([1.0 - below, below - above, above], axis=1)


def _fitted(hats: Array, squares: Array) -> Array:
    """Least squares of *squares* (N, H, W) over *hats*, not negative: (N, 3)."""
    xp = array_namespace(hats)
    n, pixels = hats.shape[0], hats.shape[2] * hats.shape[3]
    h = xp.reshape(hats, (n, 3, pixels))
    normal = h @ h.mT / pixels
    right = h @ xp.reshape(squares, (n, pixels, 1)) / pixels
    firm = as_like([[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]], hats)
    return xp.clip(xp.linalg.solve(normal + HOLD * firm, right)[:, :, 0], min=0.0)
