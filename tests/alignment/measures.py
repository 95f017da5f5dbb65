"""How far an alignment is from the truth."""

from __future__ import annotations

import numpy as np

from tests.alignment.synthetic import PHONE, Pair
from undegrade.alignment import Alignment, Window, project

WRONG = 1.0
"""Pixels of the phone's photo beyond which a window is not aligned."""


def grid() -> np.ndarray:
    """Points over the whole phone photo, corners included."""
    y, x = np.meshgrid(np.linspace(0, PHONE[0] - 1, 13), np.linspace(0, PHONE[1] - 1, 17))
    return np.column_stack([x.ravel(), y.ravel()])


def map_errors(pair: Pair, matrix: np.ndarray) -> np.ndarray:
    """Of the homography alone, at each point of the grid, in phone pixels."""
    return pair.error(project(matrix, grid()), grid())


def window_error(pair: Pair, found: Alignment, window: Window) -> float:
    """Largest over 5 x 5 points of a window, its own shift included, in phone pixels."""
    box = window.box
    side = np.linspace(0, box.width - 1, 5)
    points = np.array([(box.x + x, box.y + y) for y in side for x in side])
    there = project(found.homography.matrix, points + (window.dx, window.dy))  # noqa: RUF005
    return float(pair.error(there, points).max())


def share_moved(pair: Pair, window: Window) -> float:
    """How much of a window shows something that stands elsewhere in the other photo."""
    return float(window.box.of(pair.moved).mean())


def is_correct(pair: Pair, found: Alignment, window: Window) -> bool:
    """Aligned to a pixel everywhere, and at most a quarter of it has moved."""
    return window_error(pair, found, window) < WRONG and share_moved(pair, window) <= 0.25
