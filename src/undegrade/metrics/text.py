"""What a machine still reads: text found in the enhanced picture against that of the truth."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from undegrade.imaging.arrays import Doubles
from undegrade.metrics.base import Comparison, coloured, optional

if TYPE_CHECKING:
    from undegrade.runtime.subjects import Corners, Find

OVERLAP = 0.5
"""Intersection over union from which on two boxes are the same text."""


class TextF1(Comparison):
    """F1 of the boxes of text found in a picture, those found in the truth being right.

    ``2 m / (p + t)`` for p and t boxes in the picture and the truth, m of which are matched one to
    one, the best overlap first, where they overlap by half (intersection over union, the measure of
    PASCAL VOC); 1 where neither shows any.

    *detect* takes (H, W, 3) sRGB, uint8, and gives the corners. Without one it is the detector of
    PP-OCR (Du et al., "PP-OCRv4", 2023) that the package ``rapidocr-onnxruntime`` brings: a network
    that nobody here has trained, so that it favours none.
    """

    name = "text-f1"
    better = "higher"
    range = (0.0, 1.0)
    channels = ("rgb",)
    least = 32

    def __init__(self, detect: Find | None = None) -> None:
        self._given = detect

    def _value(self, picture: Doubles, reference: Doubles) -> float:
        found, true = (
            self._detect(np.rint(coloured(each) * 255).astype(np.uint8))
            for each in (picture, reference)
        )
        boxes = len(found) + len(true)
        return 2 * matches(found, true) / boxes if boxes else 1.0

    @cached_property
    def _detect(self) -> Find:
        from undegrade.runtime.subjects import text_finder

        if self._given is None:
            optional("rapidocr_onnxruntime", "detect")
        return self._given or text_finder()


def matches(found: Corners, true: Corners) -> int:
    """How many boxes are in both, each taken once, the best overlap first."""
    overlap = _overlaps(_bounds(found), _bounds(true))
    count = 0
    while overlap.size and overlap.max() >= OVERLAP:
        row, column = np.unravel_index(overlap.argmax(), overlap.shape)
        overlap[row, :] = overlap[:, column] = 0.0
        count += 1
    return count


def _bounds(corners: Corners) -> Doubles:
    """Upright boxes around each, (N, 4): left, top, right, bottom."""
    bounds: Doubles = np.concatenate([corners.min(1), corners.max(1)], 1)
    return bounds


def _overlaps(first: Doubles, second: Doubles) -> Doubles:
    """Intersection over union of every two boxes, (N, M)."""
    start = np.maximum(first[:, None, :2], second[None, :, :2])
    end = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(end - start, 0, None).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    union = areas[0][:, None] + areas[1][None] - shared
    overlaps: Doubles = shared / np.maximum(union, 1e-9)
    return overlaps
