"""Run a network over a picture, tile by tile, straight into the output; mix the two by strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from undegrade.errors import Cancelled, ComputeError
from undegrade.imaging.arrays import Floats, Pixels, to_whole
from undegrade.runtime.session import Network
from undegrade.runtime.subjects import Region, near, share_of
from undegrade.runtime.thumbnail import WholePhoto, make_thumbnail
from undegrade.runtime.tiling import Grid, Tile, make_grid

Progress = Callable[[int, int], None]
"""Called with the number of finished tiles and of all tiles."""
STRENGTH_ROWS = 64
"""Rows of pixels that are mixed at once, which bounds memory."""
Convert = Callable[[Floats], Floats]
"""From one encoding of colour to another, (h, w, 3) float32."""


def process(
    network: Network,
    pixels: Pixels,
    levels: Sequence[float] = (),
    *,
    tile: int | None = None,
    whole: WholePhoto | None = None,
    to_srgb: Convert | None = None,
    from_srgb: Convert | None = None,
    faithful: Network | None = None,
    regions: Sequence[Region] = (),
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pixels:
    """Run *network* over *pixels* (H, W, C), C = 1 or 3; returns the same depth and channels.

    Parameters
    ----------
    levels: the network's level inputs, in the card's order.
    tile: kept side of a tile in input pixels; ``None`` runs the picture whole.
    whole: the photo that *pixels* are a part of; by default themselves.
    to_srgb, from_srgb: between the picture's encoding and sRGB; ``None`` where it is sRGB.
    faithful: another network of the same card, which is run in *regions* of the output instead.
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
    if card.thumbnail and whole is None:
        whole = WholePhoto(make_thumbnail(pixels, card.thumbnail, to_srgb), height, width)
    output = np.empty((height * scale, width * scale, channels), pixels.dtype)
    for number, part in enumerate(grid):
        if cancelled and cancelled():
            raise Cancelled
        window = _to_planes(grid.read(pixels, part), to_srgb)
        at = part.top - grid.margin, part.left - grid.margin
        rows, columns = part.kept(scale)
        result = _kept(network.run(window, levels, whole, at), grid, part, scale)
        if faithful and (here := near(regions, rows, columns)):
            other = _kept(faithful.run(window, levels, whole, at), grid, part, scale)
            result = result + share_of(here, rows, columns) * (other - result)
        # One sum instead of a mask of the tile: it is finite only if every value is.
        if not np.isfinite(result.sum(dtype=np.float64)):
            raise ComputeError(
                f"{card.name} returned non-finite values in tile {number + 1} of {len(grid)} "
                f"(row {part.top}, column {part.left})",
                "lower --strength, or use --device cpu",
            )
        output[rows, columns] = _to_pixels(result, channels, pixels.dtype, from_srgb)
        if progress:
            progress(number + 1, len(grid))
    return output


def blend_strength(before: Pixels, after: Pixels, strength: float) -> None:
    """Move *after*, in place, to ``before + strength * (after - before)``, rounded and clipped.

    Float32 holds whole numbers of 16 bit exactly, and their differences; so 0 gives *before* and 1
    *after* to the bit, and every value moves monotonically in between and up to the ends of the
    range.

    Parameters
    ----------
    before, after: (H, W, C) of one depth.
    """
    for top in range(0, len(after), STRENGTH_ROWS):
        rows = slice(top, top + STRENGTH_ROWS)
        plain = before[rows].astype(np.float32)
        values = plain + np.float32(strength) * (after[rows] - plain)
        after[rows] = to_whole(values, after.dtype)


def _to_planes(window: Pixels, to_srgb: Convert | None) -> Floats:
    """Whole numbers (h, w, C) to (1, 3, h, w) float32 sRGB in [0, 1]; grey is repeated."""
    planes = np.ascontiguousarray(window.transpose(2, 0, 1)).astype(np.float32)
    planes *= np.float32(1 / np.iinfo(window.dtype).max)
    if to_srgb:
        planes = np.ascontiguousarray(to_srgb(planes.transpose(1, 2, 0)).transpose(2, 0, 1))
    if len(planes) == 1:
        planes = np.repeat(planes, 3, axis=0)
    return planes[None]


def _kept(planes: Floats, grid: Grid, part: Tile, scale: int) -> Floats:
    """The kept part of a window's output, (3, h, w)."""
    margin = grid.margin * scale
    rows = slice(margin, margin + part.height * scale)
    columns = slice(margin, margin + part.width * scale)
    return planes[0, :, rows, columns]


def _to_pixels(
    planes: Floats,
    channels: int,
    dtype: np.dtype[np.uint8] | np.dtype[np.uint16],
    from_srgb: Convert | None,
) -> Pixels:
    """(3, h, w) floats to whole numbers (h, w, C): clipped, rounded; grey is the mean."""
    if from_srgb:
        planes = from_srgb(planes.transpose(1, 2, 0)).transpose(2, 0, 1)
    values = planes.mean(axis=0, keepdims=True) if channels == 1 else planes.copy()
    values *= np.float32(np.iinfo(dtype).max)
    return to_whole(values, dtype).transpose(1, 2, 0)
