"""Two photos of one scene, laid over each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from undegrade.alignment.homography import Homography, Photo, find_homography, magnification
from undegrade.alignment.warping import Rectangle, Resampled, intersection, prepare
from undegrade.alignment.windows import Window, WindowSettings, find_windows
from undegrade.errors import AlignmentError


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
        x, y = _middle(self.area)
        return magnification(self.homography.matrix, x, y)

    def cut(self, window: Window) -> tuple[Photo, Photo]:
        """The phone's pixels of a window, untouched, and the DSLR's for the same pixels."""
        phone = np.ascontiguousarray(window.box.of(self.phone))
        return phone, self.dslr.cut(window.box, window.dx, window.dy)


def align(phone: Photo, dslr: Photo, settings: WindowSettings | None = None) -> Alignment:
    """Lay *dslr* over *phone*, and cut both into windows.

    Raises
    ------
    AlignmentError: they do not fit each other, or what both show is smaller than a window.
    UsageError: OpenCV is not installed.
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
    ready = prepare(dslr, found.matrix, *_middle(area))
    windows = find_windows(phone, ready, area, settings)
    return Alignment(phone, ready, found, area, tuple(windows))


def _middle(area: Rectangle) -> tuple[float, float]:
    return area.x + (area.width - 1) / 2, area.y + (area.height - 1) / 2
