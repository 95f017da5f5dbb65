"""Crops side by side on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

GAP = 4
"""White pixels between two crops."""


def sheet(rows: Sequence[Sequence[NDArray[Any]]]) -> NDArray[np.uint8]:
    """Rows of crops (H, W, 3) uint8 of one size, as many in each."""
    height, width = rows[0][0].shape[:2]
    size = len(rows) * (height + GAP) - GAP, len(rows[0]) * (width + GAP) - GAP, 3
    whole = np.full(size, 255, np.uint8)
    for down, row in enumerate(rows):
        for across, part in enumerate(row):
            top, left = down * (height + GAP), across * (width + GAP)
            whole[top : top + height, left : left + width] = part
    return whole
