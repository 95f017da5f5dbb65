"""The promised bound on memory: computed before anything is allocated."""

from __future__ import annotations

from undegrade.catalog import Card
from undegrade.runtime.tiling import Grid, make_grid

BASE = 130_000_000
"""Python, NumPy, Pillow and ONNX Runtime before the first picture, in bytes (measured)."""

TILE_BUDGET = 350_000_000
"""Working memory that one tile may take unless the user chooses the tile, in bytes."""

UNMEASURED = 8192
"""Bytes per pixel of a tile taken for a network that nobody has measured: that of a wide one."""

TILE_SIDES = (256, 384, 512, 640, 768, 1024)


def tile_side(card: Card, budget: int = TILE_BUDGET) -> int:
    """The largest usual kept side whose window fits into *budget* bytes of working memory."""
    usable = [side for side in TILE_SIDES if side >= card.radius] or [card.radius]

    def need(side: int) -> int:
        return tile_need(card, make_grid(side, side, card.radius, card.multiple, None))

    return max((side for side in usable if need(side) <= budget), default=usable[0])


def tile_need(card: Card, grid: Grid, *, averages: bool = False) -> int:
    """Working memory of one tile in bytes: the network's activations, its input and output.

    Where it *averages* over turns, also the turned input, and a sum as large as the output.
    """
    sums = 12 * (1 + card.scale**2) if averages else 0
    return grid.window_pixels * ((card.bytes_per_pixel or UNMEASURED) + sums)


def memory_bound(
    card: Card,
    grid: Grid,
    channels: int,
    itemsize: int,
    workers: int = 1,
    *,
    averages: bool = False,
) -> int:
    """Upper bound on peak memory in bytes: base, input, output, a copy of each, and the tiles.

    The copies are the decoder's and the encoder's; they never live at once with the network's
    tile, but the bound does not rely on that.
    """
    pixels = grid.height * grid.width * channels * itemsize
    pictures = 2 * pixels + 2 * pixels * card.scale**2
    return BASE + workers * (pictures + tile_need(card, grid, averages=averages))
