"""Two photos of one scene by two cameras become pairs of small pictures, pixel on pixel.

As DPED was made (Ignatov et al., 2017): SIFT, homography, what both photos show at the phone's
resolution, windows with a small shift of their own, and only those that correlate.
:func:`align` takes arrays, :func:`align_pairs` folders. Needs ``undegrade[align]``.
"""

from undegrade.alignment.folder import AlignSummary, align_pairs
from undegrade.alignment.homography import Homography, find_homography, project
from undegrade.alignment.warping import Rectangle, Resampled, intersection
from undegrade.alignment.windows import (
    Alignment,
    Window,
    WindowSettings,
    align,
    correlation,
    find_shift,
)

__all__ = [
    "AlignSummary",
    "Alignment",
    "Homography",
    "Rectangle",
    "Resampled",
    "Window",
    "WindowSettings",
    "align",
    "align_pairs",
    "correlation",
    "find_homography",
    "find_shift",
    "intersection",
    "project",
]
