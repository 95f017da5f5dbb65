"""How far a network goes, for networks that are told nothing: its change is mixed in."""

from __future__ import annotations

import numpy as np

from undegrade.runtime.tiling import Pixels

ROWS = 64
"""Rows that are mixed at once, which bounds memory."""


def dial(before: Pixels, after: Pixels, strength: float) -> None:
    """Move *after*, in place, to ``before + strength * (after - before)``, rounded and clipped.

    Float32 holds whole numbers of 16 bit exactly, and their differences; so 0 gives *before* and 1
    *after* to the bit, and every value moves monotonically in between and up to the ends of the
    range.

    Parameters
    ----------
    before, after: (H, W, C) of one depth.
    """
    peak = np.iinfo(after.dtype).max
    for top in range(0, len(after), ROWS):
        rows = slice(top, top + ROWS)
        plain = before[rows].astype(np.float32)
        values = plain + np.float32(strength) * (after[rows] - plain)
        np.rint(values, out=values)
        after[rows] = np.clip(values, 0, peak)
