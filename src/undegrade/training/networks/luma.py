"""Brightness of a picture, and restoring a colour picture through its brightness alone."""

from __future__ import annotations

from torch import Tensor

WEIGHTS = (0.299, 0.587, 0.114)
"""Rec. ITU-R BT.601, of gamma-encoded R, G, B."""


def luma(picture: Tensor) -> Tensor:
    """``Y = 0.299 R + 0.587 G + 0.114 B``; (N, 3, H, W) in [0, 1] to (N, 1, H, W) in [0, 1].

    Adding ``Y' - Y`` to each of R, G and B replaces Y by Y' and keeps Cb and Cr as they are.
    """
    red, green, blue = picture[:, 0:1], picture[:, 1:2], picture[:, 2:3]
    return WEIGHTS[0] * red + WEIGHTS[1] * green + WEIGHTS[2] * blue
