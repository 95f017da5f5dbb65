"""Where invention would be seen, a vivid network gives way to the faithful one, softly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from undegrade.imaging.arrays import Floats

REACH = 0.5
"""Share of its shorter side over which the faithful weights fade out beyond a region."""


@dataclass(frozen=True)
class Region:
    """Part of a photo, in pixels, and what is to be seen there."""

    kind: str
    """``face`` or ``text``."""
    x: int
    y: int
    width: int
    height: int

    @property
    def reach(self) -> float:
        """How far beyond it the faithful weights fade out, in pixels."""
        return REACH * min(self.width, self.height)

    def moved(self, right: int, down: int) -> Region:
        """The same region of a photo that begins so many pixels farther *right* and *down*."""
        return replace(self, x=self.x - right, y=self.y - down)

    def scaled(self, scale: int) -> Region:
        """The same region of the photo enlarged *scale* times."""
        sides = (scale * side for side in (self.x, self.y, self.width, self.height))
        return Region(self.kind, *sides)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return dict(vars(self))


def near(regions: Sequence[Region], rows: slice, columns: slice) -> list[Region]:
    """Those of *regions* that reach into a part of the output."""
    return [
        one
        for one in regions
        if rows.start < one.y + one.height + one.reach
        and one.y - one.reach < rows.stop
        and columns.start < one.x + one.width + one.reach
        and one.x - one.reach < columns.stop
    ]


def share_of(regions: Sequence[Region], rows: slice, columns: slice) -> Floats:
    """The faithful network's share in a part of the output, (h, w) in [0, 1].

    1 within a region, and falling to 0 beyond along a cosine. It follows from the place alone, so
    that tiles agree.
    """
    share: Floats = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.float32)
    for one in regions:
        down = _beyond(rows, one.y, one.height) / np.float32(one.reach)
        right = _beyond(columns, one.x, one.width) / np.float32(one.reach)
        away = np.minimum(np.hypot(down[:, None], right[None]), np.float32(1))
        np.maximum(share, (1 + np.cos(np.float32(np.pi) * away)) / 2, out=share)
    return share


def _beyond(pixels: slice, start: int, length: int) -> Floats:
    """How far each pixel of a line lies outside of a region, in pixels."""
    centres = np.arange(pixels.start, pixels.stop, dtype=np.float32) + np.float32(0.5)
    return np.maximum(np.maximum(start - centres, centres - start - length), np.float32(0))
