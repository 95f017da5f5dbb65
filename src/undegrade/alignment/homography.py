"""Where a pixel of the phone's photo lies in the DSLR's: SIFT, ratio test, robust homography.

Positions are (x, y) with whole numbers at the centres of pixels. Everything is deterministic: the
matching is exhaustive, and the sampler of the robust fit starts from a fixed state of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import AlignmentError, UsageError
from undegrade.imaging.luma import luma_of

Photo: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB in sRGB."""
Matrix: TypeAlias = NDArray[np.float64]
"""(3, 3), the last element 1."""
Points: TypeAlias = NDArray[np.float64]
"""(N, 2), a row (x, y)."""

RATIO = 0.75
"""A match must be this much nearer than the second best (Lowe 2004)."""
TOLERANCE = 3.0
"""How far from its place an inlier may be, in pixels of the phone's photo as it is searched."""
SEARCHED_PIXELS = 3_000_000
"""Larger photos are searched shrunk to this; it bounds memory (0.6 GB) and loses no accuracy that
is needed: thousands of matches are averaged."""
KEYPOINTS = 8000
"""At most so many a photo, spread over it."""
CELLS = 8
"""Keypoints are spread over a grid of so many rows and columns."""
INLIERS = (12, 8.0, 0.3)
"""At least 12, and at least 8 + 0.3 per match, or the agreement may be chance
(Brown & Lowe, 2007, section 3.2)."""


def opencv() -> Any:
    """The module ``cv2``; raises :class:`UsageError` where it is not installed."""
    try:
        import cv2
    except ModuleNotFoundError:
        raise UsageError(
            "aligning needs OpenCV, which is not installed", 'pip install "undegrade[align]"'
        ) from None
    return cv2


@dataclass(frozen=True, eq=False)
class Homography:
    """The map from the phone's photo into the DSLR's."""

    matrix: Matrix
    """w (x', y', 1) = matrix (x, y, 1): phone to DSLR, in pixels of the given photos."""
    matches: int
    """What passed the ratio test both ways."""
    inliers: int
    """Matches within the tolerance."""
    residual: float
    """Median distance of the inliers from their places, in pixels of the phone's photo."""


def project(matrix: Matrix, points: Points) -> Points:
    """Send *points* through *matrix*."""
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return np.asarray(moved[:, :2] / moved[:, 2:], dtype=np.float64)


def magnification(matrix: Matrix, x: float, y: float) -> float:
    """DSLR pixels per phone pixel at (x, y) of the phone's photo, along one side."""
    return float(np.sqrt(abs(_jacobian(matrix, x, y))))


def find_homography(phone: Photo, dslr: Photo) -> Homography:
    """Estimate the map from *phone* to *dslr*, two photos of one scene in any sizes.

    SIFT keypoints of both (on luma whose 1st and 99th percentiles are stretched to black and
    white, so that exposure does not decide what is found), matches that pass the ratio test and
    are each other's nearest, MAGSAC over four-point homographies, least squares over the inliers.

    Raises :class:`AlignmentError` where too little is found or agrees to tell, with the numbers,
    and :class:`UsageError` where OpenCV is not installed.
    """
    here, there = _Keypoints.of(phone), _Keypoints.of(dslr)
    for keypoints, name in ((here, "phone"), (there, "DSLR")):
        if len(keypoints.points) < INLIERS[0]:
            raise AlignmentError(
                f"only {len(keypoints.points)} keypoints in the {name} photo, "
                f"{INLIERS[0]} are needed",
                "give a photo with more detail, in focus and well exposed",
            )
    pairs = _match(here.descriptors, there.descriptors)
    if len(pairs) < INLIERS[0]:
        raise AlignmentError(
            f"only {len(pairs)} matches between the two photos, {INLIERS[0]} are needed",
            "check that both show one scene, from nearly one place",
        )
    source, target = there.points[pairs[:, 1]], here.points[pairs[:, 0]]
    inverse, inside = _fit(source, target)
    inliers = int(inside.sum())
    least, base, share = INLIERS
    needed = max(least, int(np.ceil(base + share * len(pairs))))
    if inverse is None or inliers < needed:
        raise AlignmentError(
            f"only {inliers} of {len(pairs)} matches agree on one homography, {needed} are needed",
            "check that both photos show one scene, from nearly one place",
        )
    distance = np.hypot(*(project(inverse, source[inside]) - target[inside]).T)
    matrix = np.linalg.inv(there.scaling) @ np.linalg.inv(inverse) @ here.scaling
    with np.errstate(divide="ignore", invalid="ignore"):
        matrix = matrix / matrix[2, 2]
    _check(matrix, phone.shape[0], phone.shape[1])
    return Homography(
        matrix, len(pairs), inliers, float(np.median(distance)) / float(here.scaling[0, 0])
    )


@dataclass(frozen=True, eq=False)
class _Keypoints:
    points: Points
    """In the photo as it was searched."""
    descriptors: NDArray[np.float32]
    """(N, 128)."""
    scaling: Matrix
    """From the photo as given to the photo as searched."""

    @classmethod
    def of(cls, photo: Photo) -> _Keypoints:
        cv2 = opencv()
        grey = luma_of(photo)
        height, width = grey.shape
        shrink = min(1.0, float(np.sqrt(SEARCHED_PIXELS / grey.size)))
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        if shrink < 1:
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        low, high = np.percentile(grey, (1, 99))
        stretched = np.clip((grey - low) * (255 / max(high - low, 1.0)), 0, 255)
        sift = cv2.SIFT_create(enable_precise_upscale=True)
        keypoints, descriptors = sift.detectAndCompute(np.rint(stretched).astype(np.uint8), None)
        if descriptors is None:
            descriptors = np.zeros((0, 128), np.float32)
        points = np.array([point.pt for point in keypoints], np.float64).reshape(-1, 2)
        strength = np.array([point.response for point in keypoints], np.float64)
        kept = _spread(points, strength, size)
        return cls(points[kept], descriptors[kept], scaling(size[0] / width, size[1] / height))


def scaling(fx: float, fy: float) -> Matrix:
    """Resizing by (fx, fy), which keeps the corners of the photo, not the centres of pixels."""
    return np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2], [0, 0, 1]], np.float64)


def _spread(
    points: Points, strength: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.intp]:
    """The strongest keypoints of each cell of a grid, at most ``KEYPOINTS`` in all."""
    cell = np.clip((points / np.array(size) * CELLS).astype(np.intp), 0, CELLS - 1)
    number = cell[:, 1] * CELLS + cell[:, 0]
    order = np.lexsort((points[:, 0], points[:, 1], -strength, number))
    rank = np.arange(len(order)) - np.searchsorted(number[order], number[order])
    return np.asarray(order[rank < KEYPOINTS // CELLS**2], dtype=np.intp)


def _match(here: NDArray[np.float32], there: NDArray[np.float32]) -> NDArray[np.intp]:
    """(N, 2) indices into both: pairs that pass the ratio test in both directions."""
    forward, backward = _nearest(here, there), _nearest(there, here)
    pairs = [(a, b) for a, b in sorted(forward.items()) if backward.get(b) == a]
    return np.array(pairs, np.intp).reshape(-1, 2)


def _nearest(queries: NDArray[np.float32], among: NDArray[np.float32]) -> dict[int, int]:
    cv2 = opencv()
    found = cv2.BFMatcher(cv2.NORM_L2).knnMatch(queries, among, k=2)
    return {
        best.queryIdx: best.trainIdx
        for best, second in found
        if best.distance < RATIO * second.distance
    }


def _fit(source: Points, target: Points) -> tuple[Matrix | None, NDArray[np.bool_]]:
    """The homography from *source* to *target* and which pairs agree with it."""
    cv2 = opencv()
    settings: Any = cv2.UsacParams()
    settings.threshold = TOLERANCE
    settings.confidence = 0.9999
    settings.maxIterations = 10_000
    settings.score = cv2.SCORE_METHOD_MAGSAC
    settings.randomGeneratorState = 0
    settings.isParallel = False
    matrix, _ = cv2.findHomography(source, target, settings)
    inside = np.zeros(len(source), np.bool_)
    for _ in range(3):
        if matrix is None:
            return None, inside
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.hypot(*(project(matrix, source) - target).T)
        inside = distance < TOLERANCE
        if inside.sum() < 4:
            return None, inside
        matrix, _ = cv2.findHomography(source[inside], target[inside], 0)
    if matrix is None or abs(np.linalg.det(matrix)) < 1e-9:
        return None, inside
    return np.asarray(matrix, dtype=np.float64), inside


def _jacobian(matrix: Matrix, x: float, y: float) -> float:
    """The area that a unit of area at (x, y) becomes; negative where it is mirrored."""
    depth = float(matrix[2] @ (x, y, 1.0))
    return float(np.linalg.det(matrix)) / depth**3


def _check(matrix: Matrix, height: int, width: int) -> None:
    """Refuse what no two cameras in front of one scene can give."""
    corners = [(0.0, 0.0), (width - 1.0, 0.0), (0.0, height - 1.0), (width - 1.0, height - 1.0)]
    depths = [float(matrix[2] @ (x, y, 1.0)) for x, y in corners]
    plausible = bool(np.isfinite(matrix).all()) and min(depths) > 0
    if plausible:
        areas = [_jacobian(matrix, x, y) for x, y in corners]
        plausible = min(areas) >= 1 / 400 and max(areas) <= min(400.0, 9 * min(areas))
    if not plausible:
        raise AlignmentError(
            "the matches agree on a map that mirrors, folds or strongly distorts the scene",
            "check that both photos show one scene, from nearly one place",
        )
