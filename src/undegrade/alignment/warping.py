"""The DSLR's photo on the phone's pixel grid, and the rectangle that both photos cover.

The DSLR's photo is the one that is resampled. The phone's is what a network will be given, and
resampling would change its noise, its blur and the traces of its JPEG; the DSLR's is the target,
has resolution to spare, and loses least by being resampled, once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from undegrade.alignment.homography import Matrix, Photo, magnification, opencv, scaling

_BORDER = 2
"""Pixels of the DSLR's photo that bicubic interpolation reads beyond a position."""


@dataclass(frozen=True)
class Rectangle:
    """A rectangle of whole pixels of the phone's photo."""

    x: int
    y: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre (x, y) in pixels; between two where a side is even."""
        return self.x + (self.width - 1) / 2, self.y + (self.height - 1) / 2

    def of(self, photo: Photo) -> Photo:
        """The part of *photo* in the rectangle."""
        return photo[self.y : self.y + self.height, self.x : self.x + self.width]


@dataclass(frozen=True, eq=False)
class Resampled:
    """The DSLR's photo, ready to be cut on the phone's grid."""

    photo: Photo
    matrix: Matrix
    """From the phone's photo into this one."""

    def cut(self, box: Rectangle, dx: float = 0.0, dy: float = 0.0) -> Photo:
        """What *photo* shows in *box* moved by (dx, dy), bicubic; one interpolation, shift and all.

        Beyond the border of the photo it goes on mirrored.
        """
        cv2 = opencv()
        move = np.array([[1, 0, box.x + dx], [0, 1, box.y + dy], [0, 0, 1]], np.float64)
        cut = cv2.warpPerspective(
            self.photo,
            self.matrix @ move,
            (box.width, box.height),
            flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        return np.asarray(cut, dtype=np.uint8)


def prepare(dslr: Photo, matrix: Matrix, x: float, y: float) -> Resampled:
    """Bring *dslr* to the phone's resolution at (x, y) of the phone's photo.

    A photo with more pixels than the phone's is shrunk first, by averaging over areas: without
    that, detail finer than the phone's grid would alias. One with fewer is left as it is.
    """
    cv2 = opencv()
    ratio = magnification(matrix, x, y)
    height, width = dslr.shape[:2]
    size = max(1, round(width / ratio)), max(1, round(height / ratio))
    if ratio <= 1 or size == (width, height):
        return Resampled(dslr, matrix)
    shrunk = cv2.resize(dslr, size, interpolation=cv2.INTER_AREA)
    resized = scaling(size[0] / width, size[1] / height)
    return Resampled(np.asarray(shrunk, dtype=np.uint8), resized @ matrix)


def intersection(
    matrix: Matrix, phone: tuple[int, int], dslr: tuple[int, int], border: float = _BORDER
) -> Rectangle | None:
    """The largest upright rectangle of the phone's photo that the DSLR's photo covers whole.

    Where the map stays in front of the camera, the covered region is convex: a rectangle over the
    rows from top to bottom lies in it exactly if its corners do. So every pair of rows is tried
    with the columns that both can offer.

    Parameters
    ----------
    matrix: from the phone's photo into the DSLR's.
    phone, dslr: (height, width) of the photos.
    border: pixels along the edge of the DSLR's photo that are not to be used.
    """
    height, width = phone
    first, last = _columns(matrix, height, width, dslr, border)
    best, found = 0, None
    for top in range(height):
        if first[top] > last[top]:
            continue
        left, right = np.maximum(first[top:], first[top]), np.minimum(last[top:], last[top])
        areas = np.maximum(right - left + 1, 0) * np.arange(1, height - top + 1)
        k = int(areas.argmax())
        if areas[k] > best:
            best = int(areas[k])
            found = Rectangle(int(left[k]), top, int(right[k] - left[k]) + 1, k + 1)
    return found


def _columns(
    matrix: Matrix, height: int, width: int, dslr: tuple[int, int], border: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last covered column of each row; where none is, the first is beyond the last.

    Each edge of the DSLR's photo is a half-plane a x + b y + c >= 0 in the phone's.
    """
    rows, columns, depth = matrix[1], matrix[0], matrix[2]
    edges = [
        columns - border * depth,
        (dslr[1] - 1 - border) * depth - columns,
        rows - border * depth,
        (dslr[0] - 1 - border) * depth - rows,
    ]
    low, high = np.zeros(height), np.full(height, width - 1.0)
    for a, b, c in edges:
        rest = b * np.arange(height) + c
        if abs(a) < 1e-12:
            low = np.where(rest < 0, np.inf, low)
        elif a > 0:
            low = np.maximum(low, -rest / a)
        else:
            high = np.minimum(high, -rest / a)
    first = np.ceil(np.clip(low, 0, width) - 1e-9).astype(np.int64)
    last = np.floor(np.clip(high, -1, width - 1) + 1e-9).astype(np.int64)
    return first, last
