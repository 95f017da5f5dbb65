"""F1 of boxes whose overlaps are known, and the detector that comes with the extra."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw

from undegrade.errors import UsageError
from undegrade.metrics import TextF1

TRUTH, OUTPUT = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)


def box(left, top, width, height):
    right, bottom = left + width, top + height
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def scored(found, true):
    """The value where *found* is seen in the output and *true* in the truth."""

    def detect(picture):
        return np.array(found if picture.any() else true, float).reshape(-1, 4, 2)

    return TextF1(detect)(OUTPUT, TRUTH)


@pytest.mark.parametrize(
    ("found", "true", "value"),
    [
        ([box(0, 0, 10, 10)], [box(0, 0, 10, 10)], 1.0),
        ([box(0, 0, 10, 10)], [box(30, 30, 10, 10)], 0.0),
        ([], [box(0, 0, 10, 10)], 0.0),
        ([box(0, 0, 10, 10)], [], 0.0),
        ([], [], 1.0),
        # Two of three are right, and two of the two that there are: 2 * 2 / (3 + 2).
        (
            [box(0, 0, 9, 9), box(20, 0, 9, 9), box(40, 40, 9, 9)],
            [box(0, 0, 9, 9), box(20, 0, 9, 9)],
            0.8,
        ),
        # Overlap 60 / 140 and 80 / 120.
        ([box(4, 0, 10, 10)], [box(0, 0, 10, 10)], 0.0),
        ([box(2, 0, 10, 10)], [box(0, 0, 10, 10)], 1.0),
        # One box is not two.
        ([box(0, 0, 10, 10), box(1, 0, 10, 10)], [box(0, 0, 10, 10)], 2 / 3),
    ],
)
def test_boxes_of_known_overlap(found, true, value):
    assert scored(found, true) == pytest.approx(value)


def test_text_in_the_dark_is_lost():
    pytest.importorskip("rapidocr_onnxruntime", reason="the extra 'detect' is not installed")
    picture = Image.new("RGB", (320, 120), "white")
    ImageDraw.Draw(picture).text((20, 30), "UNDEGRADE 2026", fill="black", font_size=36)
    truth = np.asarray(picture)
    entry = TextF1()
    assert entry(truth, truth) == 1.0
    assert entry(np.zeros_like(truth), truth) == 0.0


def test_without_the_detector_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    with pytest.raises(UsageError, match=r"undegrade\[detect\]"):
        TextF1()(OUTPUT, TRUTH)
