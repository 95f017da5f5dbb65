"""Pictures as metrics take them: checked, in float64, in one channel or three, without a border."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.luma import LUMA, STUDIO

Channel = Literal["rgb", "y", "grey"]
"""Where a metric is measured.

``rgb``
    all three channels.
``y``
    luma of BT.601 in studio range, ``(16 + 65.481 R + 128.553 G + 24.966 B) / 255`` for R, G, B in
    [0, 1]: MATLAB's ``rgb2ycbcr``, which the literature on super-resolution measures in. Not
    rounded, and with the peak 1 although it spans 219/255: 1.32 dB come from that alone.
``grey``
    luma of BT.601 in full range, ``0.299 R + 0.587 G + 0.114 B``: MATLAB's ``rgb2gray``, OpenCV's
    and Pillow's grey. Not rounded.
"""

_WEIGHTS: dict[str, tuple[float, tuple[float, ...]]] = {
    "y": (STUDIO[0] / 255, tuple(weight / 255 for weight in STUDIO[1])),
    "grey": (0.0, LUMA),
}


def as_floats(picture: NDArray[Any]) -> Doubles:
    """*picture* as (H, W, C) float64 in [0, 1]; 8-bit values are divided by 255.

    Raises
    ------
    UsageError: another shape or type, an empty picture, values beyond [0, 1] or not finite.
    """
    array = np.asarray(picture)
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3) or 0 in array.shape:
        raise UsageError(f"a picture must be (H, W, 3) or (H, W), not {np.shape(picture)}")
    if array.dtype == np.uint8:
        floats: Doubles = array / 255.0
        return floats
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(
            f"a picture must be uint8 or floating point in [0, 1], not {array.dtype}",
            "divide by the greatest value",
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # false for NaN too
        raise UsageError(
            f"a floating-point picture must lie in [0, 1], not in [{low:.4g}, {high:.4g}]",
            "clip it, or divide 8-bit values by 255",
        )
    return array.astype(np.float64, copy=False)


def in_channel(picture: Doubles, channel: Channel) -> Doubles:
    """(H, W, 3) in *channel*: (H, W, 3) or (H, W, 1). A grey picture, (H, W, 1), stays as it is."""
    if channel not in get_args(Channel):
        raise UsageError(
            f"there is no channel {channel!r}", f"choose one of: {', '.join(get_args(Channel))}"
        )
    if channel == "rgb" or picture.shape[2] == 1:
        return picture
    offset, weights = _WEIGHTS[channel]
    luma: Doubles = picture @ np.array(weights) + offset
    return luma[:, :, None]


def cropped(picture: Doubles, border: int) -> Doubles:
    """*picture* without *border* pixels at each side."""
    if border < 0:
        raise UsageError(f"crop = {border} must be at least 0")
    height, width = picture.shape[:2]
    if 2 * border >= min(height, width):
        raise UsageError(
            f"cropping {border} pixels leaves nothing of a picture of {width}x{height} pixels"
        )
    return picture[border : height - border, border : width - border]


def coloured(picture: Doubles) -> Doubles:
    """(H, W, 3): a grey picture counts as one whose three channels are equal."""
    return np.broadcast_to(picture, (*picture.shape[:2], 3))
