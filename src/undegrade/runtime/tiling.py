"""The geometry of exact tiles: which windows to run so that they equal the whole picture.

A convolution's output at a pixel depends on its input up to the receptive radius away. So a
window that reaches ``margin >= radius`` beyond the part that is kept computes, in that part, just
what a run over the whole picture computes. Beyond its border the picture is continued by
symmetric reflection, for the whole run and for the tiles alike; the network's own zero padding
only ever touches pixels that are thrown away. Nothing is blended because nothing differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Pixels
from undegrade.imaging.resize import reflected


@dataclass(frozen=True)
class Tile:
    """One window: where it reads (may reach beyond the picture) and what it keeps."""

    top: int
    left: int
    """Corner of the kept part, in input pixels."""
    height: int
    width: int
    """Kept size in input pixels; at the far borders less than the grid's core."""

    def kept(self, scale: int) -> tuple[slice, slice]:
        """Rows and columns of an output *scale* times as large that it makes."""
        return (
            slice(self.top * scale, (self.top + self.height) * scale),
            slice(self.left * scale, (self.left + self.width) * scale),
        )


@dataclass(frozen=True)
class Grid:
    """Equal windows that cover a picture.

    Every window has the same shape ``(core_height + 2 margin, core_width + 2 margin)``: fixed
    shapes let the runtime plan its memory once.
    """

    height: int
    width: int
    core_height: int
    core_width: int
    margin: int

    @property
    def window(self) -> tuple[int, int]:
        """Height and width of every window in input pixels."""
        return self.core_height + 2 * self.margin, self.core_width + 2 * self.margin

    @property
    def window_pixels(self) -> int:
        """Input pixels of one window."""
        return self.window[0] * self.window[1]

    def __len__(self) -> int:
        return math.ceil(self.height / self.core_height) * math.ceil(self.width / self.core_width)

    def __iter__(self) -> Iterator[Tile]:
        for top in range(0, self.height, self.core_height):
            for left in range(0, self.width, self.core_width):
                yield Tile(
                    top,
                    left,
                    min(self.core_height, self.height - top),
                    min(self.core_width, self.width - left),
                )

    def read(self, pixels: Pixels, tile: Tile) -> Pixels:
        """The window of *tile* out of *pixels* (H, W, C), reflected beyond the borders."""
        rows = slice(tile.top - self.margin, tile.top + self.core_height + self.margin)
        columns = slice(tile.left - self.margin, tile.left + self.core_width + self.margin)
        sides = ((rows, self.height), (columns, self.width))
        if all(side.start >= 0 and side.stop <= whole for side, whole in sides):
            return pixels[rows, columns]
        row_index = reflected(rows.start, rows.stop, self.height)
        column_index = reflected(columns.start, columns.stop, self.width)
        return pixels[row_index[:, None], column_index[None, :]]


def make_grid(height: int, width: int, radius: int, multiple: int, core: int | None) -> Grid:
    """Cover a picture of *height* x *width* with windows whose kept part is at most *core* wide.

    ``core=None`` makes one window of the whole picture. The kept parts are evened out, so that
    the last row and column are not slivers. Raises :class:`UsageError` for a core below the
    radius: such tiles would compute more margin than picture.
    """
    if core is not None and core < max(radius, multiple):
        raise UsageError(
            f"a tile of {core} pixels is smaller than the network's radius of {radius}",
            f"use --tile {math.ceil(max(radius, multiple) / 64) * 64} or more",
        )

    def side(size: int) -> int:
        count = 1 if core is None else math.ceil(size / core)
        return math.ceil(math.ceil(size / count) / multiple) * multiple

    margin = math.ceil(radius / multiple) * multiple
    return Grid(height, width, side(height), side(width), margin)
