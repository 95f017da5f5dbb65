"""Two photos laid over each other, in windows: find the small shift, judge the likeness.

A homography is right for a plane and a lens without distortion. What is left over in a small
window is nearly a shift; it is searched for, and a window where even the best shift leaves the
two photos unlike (something moved, leaves in the wind, nothing but noise) is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.alignment.homography import (
    Homography,
    Photo,
    find_homography,
    magnification,
    opencv,
)
from undegrade.alignment.warping import Rectangle, Resampled, intersection, prepare
from undegrade.errors import AlignmentError, UsageError
from undegrade.imaging.arrays import Floats
from undegrade.imaging.luma import luma_of

Verdict: TypeAlias = Literal["kept", "flat", "unlike", "shifted"]
"""kept: as like as asked. flat: one of the two has no structure at all. unlike: the correlation is
below the threshold. shifted: the best shift lies at the end of the search, so the true one may lie
beyond."""


FLAT = 0.5
"""A standard deviation of luma, in 8-bit steps, below which there is nothing to compare."""
PREFERENCE = 1e-4
"""Correlation that a shift of d pixels must gain is this times d squared. Along a lone straight
edge all shifts correlate alike; this keeps noise from choosing among them."""


@dataclass(frozen=True)
class WindowSettings:
    """How windows are cut and kept; the values of DPED (Ignatov et al., 2017).

    Raises :class:`UsageError` for a value out of its range.
    """

    size: int = 100
    """Side of a window in pixels of the phone's photo."""
    search: int = 5
    """Largest shift along x and along y, in pixels."""
    threshold: float = 0.9
    """Least normalised cross-correlation of the luma of a kept window, -1 to 1."""

    def __post_init__(self) -> None:
        if self.size < 16:
            raise UsageError(f"size = {self.size}", "windows must have at least 16 pixels a side")
        if not 0 <= self.search <= self.size // 2:
            raise UsageError(
                f"search = {self.search}", f"give 0 to {self.size // 2}, half the size of a window"
            )
        if not -1 <= self.threshold <= 1:
            raise UsageError(f"threshold = {self.threshold}", "a correlation lies in -1 to 1")

    @property
    def margin(self) -> int:
        """Pixels around a window that its search may look at."""
        return self.search + 1 if self.search else 0


@dataclass(frozen=True)
class Window:
    """A square of the phone's photo and what the DSLR's has for it."""

    box: Rectangle
    dx: float
    """The DSLR's part is cut this much further right than the homography says, in phone pixels."""
    dy: float
    """The same, further down."""
    correlation: float
    """Of the luma of the two parts, as cut."""
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Alignment:
    """What :func:`align` found."""

    phone: Photo
    dslr: Resampled
    homography: Homography
    area: Rectangle
    """What both photos show, in the phone's."""
    windows: tuple[Window, ...]
    """The whole grid, kept and refused."""

    @property
    def kept(self) -> tuple[Window, ...]:
        """The windows that are alike."""
        return tuple(window for window in self.windows if window.verdict == "kept")

    @property
    def magnification(self) -> float:
        """DSLR pixels per phone pixel in the middle of the area, along one side."""
        return magnification(self.homography.matrix, *self.area.middle)

    def cut(self, window: Window) -> tuple[Photo, Photo]:
        """The phone's pixels of a window, untouched, and the DSLR's for the same pixels."""
        phone = np.ascontiguousarray(window.box.of(self.phone))
        return phone, self.dslr.cut(window.box, window.dx, window.dy)


def align(phone: Photo, dslr: Photo, settings: WindowSettings | None = None) -> Alignment:
    """Lay *dslr* over *phone*, and cut both into windows.

    Raises :class:`AlignmentError` where they do not fit each other, or what both show is smaller
    than a window, and :class:`UsageError` where OpenCV is not installed.
    """
    settings = settings or WindowSettings()
    found = find_homography(phone, dslr)
    area = intersection(found.matrix, phone.shape[:2], dslr.shape[:2])
    least = settings.size + 2 * settings.margin
    if area is None or min(area.width, area.height) < least:
        size = "nothing" if area is None else f"{area.width} x {area.height} pixels"
        raise AlignmentError(
            f"the photos have {size} in common, {least} x {least} are needed for a window",
            "give photos that overlap more, or make the windows smaller",
        )
    ready = prepare(dslr, found.matrix, *area.middle)
    windows = find_windows(phone, ready, area, settings)
    return Alignment(phone, ready, found, area, tuple(windows))


def find_windows(
    phone: Photo, dslr: Resampled, area: Rectangle, settings: WindowSettings
) -> list[Window]:
    """Every window of a grid over *area*, row by row, side by side and without overlap.

    The grid leaves free what the search needs around it, so nothing outside *area* is looked at,
    and is centred in what is left.
    """
    target = luma_of(dslr.cut(area))
    source = luma_of(area.of(phone))
    size, margin = settings.size, settings.margin
    windows = []
    for y in _starts(area.height, size, margin):
        for x in _starts(area.width, size, margin):
            around = target[y - margin : y + size + margin, x - margin : x + size + margin]
            part = source[y : y + size, x : x + size]
            box = Rectangle(area.x + x, area.y + y, size, size)
            windows.append(_judge(part, around, box, dslr, settings))
    return windows


def _starts(length: int, size: int, margin: int) -> range:
    count = max(0, (length - 2 * margin) // size)
    first = margin + (length - 2 * margin - count * size) // 2
    return range(first, first + count * size, size)


def _judge(
    part: Floats, around: Floats, box: Rectangle, dslr: Resampled, settings: WindowSettings
) -> Window:
    if part.std() < FLAT or around.std() < FLAT:
        return Window(box, 0.0, 0.0, 0.0, "flat")
    dx, dy, inside = find_shift(part, around)
    likeness = correlation(part, luma_of(dslr.cut(box, dx, dy)))
    if likeness < settings.threshold:
        verdict: Verdict = "unlike"
    else:
        verdict = "kept" if inside else "shifted"
    return Window(box, dx, dy, likeness, verdict)


def find_shift(part: Floats, around: Floats) -> tuple[float, float, bool]:
    """Where *part* lies in *around*: (dx, dy) from its middle, and whether that is a true peak.

    The normalised cross-correlation at every whole shift, less the preference for none; then the
    top of the quadratic through the nine values around the best, which gives fractions of a pixel.

    Parameters
    ----------
    part: (S, S).
    around: (S + 2m, S + 2m), m at least 2, for shifts up to m - 1; or m = 0 for none.
    """
    margin = (around.shape[0] - part.shape[0]) // 2
    if margin == 0:
        return 0.0, 0.0, True
    cv2 = opencv()
    surface = np.asarray(cv2.matchTemplate(around, part, cv2.TM_CCOEFF_NORMED), dtype=np.float64)
    shifts = np.arange(-margin, margin + 1)
    surface = surface - PREFERENCE * (shifts[:, None] ** 2 + shifts[None] ** 2)
    inner = surface[1:-1, 1:-1]
    row, column = (int(k) + 1 for k in np.unravel_index(inner.argmax(), inner.shape))
    nine = surface[row - 1 : row + 2, column - 1 : column + 2]
    inside = bool(nine.max() <= nine[1, 1])
    fx, fy = _top(nine) if inside else (0.0, 0.0)
    return float(shifts[column]) + fx, float(shifts[row]) + fy, inside


def _top(nine: NDArray[np.float64]) -> tuple[float, float]:
    """The top of the least-squares quadratic through 3 x 3 values whose middle is the largest."""
    columns, rows = nine.sum(axis=0), nine.sum(axis=1)
    slope = np.array([columns[2] - columns[0], rows[2] - rows[0]]) / 6
    xx = (columns[0] - 2 * columns[1] + columns[2]) / 3
    yy = (rows[0] - 2 * rows[1] + rows[2]) / 3
    xy = (nine[0, 0] - nine[0, 2] - nine[2, 0] + nine[2, 2]) / 4
    curvature = np.array([[xx, xy], [xy, yy]])
    if xx >= 0 or np.linalg.det(curvature) <= 0:
        return 0.0, 0.0
    fx, fy = np.clip(-np.linalg.solve(curvature, slope), -1, 1)
    return float(fx), float(fy)


def correlation(a: Floats, b: Floats) -> float:
    """Normalised cross-correlation, -1 to 1; 0 where one of the two is constant.

    The sum of (a - mean a)(b - mean b), over the square root of the product of the sums of squares.
    """
    a64, b64 = a.astype(np.float64) - a.mean(), b.astype(np.float64) - b.mean()
    scale = float(np.sqrt((a64**2).sum() * (b64**2).sum()))
    return float((a64 * b64).sum()) / scale if scale > 0 else 0.0
