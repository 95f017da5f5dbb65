"""Run a network over a picture, tile by tile, straight into the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from undegrade.errors import Cancelled, ComputeError
from undegrade.runtime.session import Floats, Network
from undegrade.runtime.tiling import Grid, Pixels, Tile, make_grid

Progress = Callable[[int, int], None]
"""Called with the number of finished tiles and of all tiles."""
Convert = Callable[[Floats], Floats]


def _same(values: Floats) -> Floats:
    return values


def process(
    network: Network,
    pixels: Pixels,
    levels: Sequence[float] = (),
    *,
    tile: int | None = None,
    to_srgb: Convert = _same,
    from_srgb: Convert = _same,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pixels:
    """Run *network* over *pixels* (H, W, C), C = 1 or 3; returns the same depth and channels.

    Parameters
    ----------
    levels: the network's level inputs, in the card's order.
    tile: kept side of a tile in input pixels; ``None`` runs the picture whole.
    to_srgb, from_srgb: between the picture's encoding and sRGB, on (h, w, 3) floats.
    progress: called after each tile.
    cancelled: asked before each tile; true raises :class:`Cancelled`.

    Raises
    ------
    ComputeError: a tile came out with values that are not finite; names the tile.
    """
    card = network.card
    height, width, channels = pixels.shape
    scale = card.scale
    grid = make_grid(height, width, card.radius, card.multiple, tile)
    output = np.empty((height * scale, width * scale, channels), pixels.dtype)
    for number, part in enumerate(grid):
        if cancelled and cancelled():
            raise Cancelled
        window = to_srgb(_to_float(grid.read(pixels, part)))
        result = _kept(network.run(_to_planes(window), levels), grid, part, scale)
        if not np.isfinite(result).all():
            raise ComputeError(
                f"{card.name} returned non-finite values in tile {number + 1} of {len(grid)} "
                f"(row {part.top}, column {part.left})",
                "lower --strength, or use --device cpu",
            )
        rows = slice(part.top * scale, (part.top + part.height) * scale)
        columns = slice(part.left * scale, (part.left + part.width) * scale)
        output[rows, columns] = _to_pixels(from_srgb(result), channels, pixels.dtype)
        if progress:
            progress(number + 1, len(grid))
    return output


def _to_float(window: Pixels) -> Floats:
    """Whole numbers of 8 or 16 bit to (h, w, 3) float32 in [0, 1]; grey is repeated."""
    values = window.astype(np.float32)
    values *= np.float32(1 / np.iinfo(window.dtype).max)
    return np.repeat(values, 3, axis=2) if values.shape[2] == 1 else values


def _to_planes(values: Floats) -> Floats:
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def _kept(planes: Floats, grid: Grid, part: Tile, scale: int) -> Floats:
    """The kept part of a window's output, (h, w, 3)."""
    margin = grid.margin * scale
    rows = slice(margin, margin + part.height * scale)
    columns = slice(margin, margin + part.width * scale)
    return planes[0, :, rows, columns].transpose(1, 2, 0)


def _to_pixels(
    values: Floats, channels: int, dtype: np.dtype[np.uint8] | np.dtype[np.uint16]
) -> Pixels:
    """Clip, scale and round to the nearest; a grey picture is the mean of the three channels."""
    if channels == 1:
        values = values.mean(axis=2, keepdims=True)
    peak = np.iinfo(dtype).max
    scaled = np.clip(values, 0.0, 1.0) * np.float32(peak)
    pixels: Pixels = np.rint(scaled).astype(dtype)
    return pixels
