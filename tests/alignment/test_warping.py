"""The common rectangle is the largest, and cutting follows the map."""

from __future__ import annotations

import numpy as np
import pytest

from tests.alignment.synthetic import bilinear, through
from undegrade.alignment import Rectangle, Resampled, intersection
from undegrade.alignment.warping import prepare


def smooth(height, width):
    y, x = np.mgrid[0:height, 0:width]
    planes = [x / width, y / height, 0.5 + 0.4 * np.sin(x / 17) * np.cos(y / 13)]
    return np.rint(np.stack(planes, axis=2) * 255).astype(np.uint8)


def covered(matrix, phone, dslr, border=2):
    """Which phone pixels the DSLR covers, one by one."""
    y, x = np.mgrid[0 : phone[0], 0 : phone[1]].astype(float)
    seen = through(matrix, np.column_stack([x.ravel(), y.ravel()]))
    inside = (seen >= border) & (seen <= np.array(dslr[::-1]) - 1 - border)
    return inside.all(axis=1).reshape(phone)


def largest_by_trying(mask):
    """The area of the largest rectangle of True, by a running histogram."""
    best, heights = 0, np.zeros(mask.shape[1], int)
    for row in mask:
        heights = np.where(row, heights + 1, 0)
        for x in range(len(heights)):
            least = np.minimum.accumulate(heights[x:])
            best = max(best, int((least * np.arange(1, len(least) + 1)).max()))
    return best


@pytest.mark.parametrize("seed", range(12))
def test_intersection_is_the_largest(seed):
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-0.5, 0.5)
    matrix = np.array(
        [
            [np.cos(angle), -np.sin(angle), rng.uniform(-15, 15)],
            [np.sin(angle), np.cos(angle), rng.uniform(-15, 15)],
            [*rng.uniform(-2e-3, 2e-3, 2), 1],
        ]
    )
    phone, dslr = (40, 56), (44, 50)
    mask = covered(matrix, phone, dslr)
    box = intersection(matrix, phone, dslr)
    best = largest_by_trying(mask)
    if box is None:
        assert best == 0
    else:
        assert box.of(mask).all()
        assert box.width * box.height == best


def test_intersection_of_the_same_and_of_none():
    assert intersection(np.eye(3), (30, 40), (30, 40)) == Rectangle(2, 2, 36, 26)
    assert intersection(np.eye(3), (30, 40), (30, 40), border=0) == Rectangle(0, 0, 40, 30)
    beside = np.array([[1.0, 0, 100], [0, 1, 0], [0, 0, 1]])
    assert intersection(beside, (30, 40), (30, 40)) is None


def test_cut_follows_the_map():
    dslr = smooth(120, 160)
    matrix = np.array([[1.02, 0.05, 8.3], [-0.04, 0.99, 11.6], [1e-4, -2e-4, 1]])
    box = Rectangle(20, 15, 70, 60)
    cut = Resampled(dslr, matrix).cut(box, 0.4, -1.7)
    y, x = np.mgrid[0:60, 0:70].astype(float)
    points = np.column_stack([(x + 20.4).ravel(), (y + 13.3).ravel()])
    expected = bilinear(dslr.astype(float), through(matrix, points)).reshape(60, 70, 3)
    assert np.abs(cut - expected).max() < 3


def test_same_resolution_without_moving():
    """Twice the pixels become the phone's, and stay in place: no half pixel is lost."""
    dslr = smooth(240, 320)
    matrix = np.array([[2.0, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])  # corners on corners
    ready = prepare(dslr, matrix, 80, 60)
    assert ready.photo.shape == (120, 160, 3)
    assert np.allclose(ready.matrix, np.eye(3), atol=1e-12)
    means = dslr.reshape(120, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(ready.cut(Rectangle(0, 0, 160, 120)) - means).max() <= 1


def test_fewer_pixels_are_left_as_they_are():
    dslr = smooth(60, 80)
    ready = prepare(dslr, np.diag([0.5, 0.5, 1.0]), 80, 60)
    assert ready.photo is dslr
    assert ready.cut(Rectangle(10, 10, 100, 90)).shape == (90, 100, 3)
