"""Bicubic resizing equal to MATLAB's ``imresize``, as two matrix products."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from undegrade.imaging.resize import imresize
from undegrade.training.degradations.batches import check_pictures


def bicubic_down(x: Tensor, scale: float) -> Tensor:
    """Antialiased bicubic reduction by *scale* >= 1 (cubic a = -0.5), neither clipped nor rounded.

    (H, W) becomes (ceil(H / scale), ceil(W / scale)); edges are mirrored.
    """
    if scale < 1:
        raise ValueError(f"a reduction needs a scale of at least 1, not {scale}")
    return _by_scale(x, 1.0 / scale)


def bicubic_up(x: Tensor, scale: float) -> Tensor:
    """Bicubic enlargement by *scale* >= 1 (cubic a = -0.5), neither clipped nor rounded.

    (H, W) becomes (ceil(H * scale), ceil(W * scale)); edges are mirrored.
    """
    if scale < 1:
        raise ValueError(f"an enlargement needs a scale of at least 1, not {scale}")
    return _by_scale(x, float(scale))


def bicubic_to(x: Tensor, height: int, width: int) -> Tensor:
    """Bicubic resizing to (height, width), antialiased along an axis that shrinks."""
    check_pictures(x)
    if min(height, width) < 1:
        raise ValueError(f"a picture needs sides of at least 1 pixel, not {height} x {width}")
    down = _weights(x.shape[-2], x.device, size=height)
    across = _weights(x.shape[-1], x.device, size=width)
    return down @ x @ across.mT


def _by_scale(x: Tensor, scale: float) -> Tensor:
    check_pictures(x)
    down, across = (_weights(length, x.device, scale=scale) for length in x.shape[-2:])
    return down @ x @ across.mT


@lru_cache(maxsize=128)
def _weights(
    length: int, device: torch.device, *, scale: float = 1.0, size: int | None = None
) -> Tensor:
    """The weights that resize an axis of *length* by *scale*, or to *size*: (new length, length).

    Resizing is linear: what it makes of the identity is its matrix.
    """
    rows = np.eye(length)
    if size is None:
        resized = imresize(rows, scale=(scale, 1.0))
    else:
        resized = imresize(rows, size=(size, length))
    return torch.from_numpy(resized).float().to(device)
