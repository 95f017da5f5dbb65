"""OpenCV, or one line on how to install it."""

from __future__ import annotations

from typing import Any

from undegrade.errors import UsageError


def opencv() -> Any:
    """The module ``cv2``.

    Raises
    ------
    UsageError: it is not installed.
    """
    try:
        import cv2
    except ModuleNotFoundError:
        raise UsageError(
            "aligning needs OpenCV, which is not installed", 'pip install "undegrade[align]"'
        ) from None
    return cv2
