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
    down = _weights_to_size(x.shape[-2], height, x.device)
    across = _weights_to_size(x.shape[-1], width, x.device)
    return down @ x @ across.mT


def _by_scale(x: Tensor, scale: float) -> Tensor:
    check_pictures(x)
    down = _weights_by_scale(x.shape[-2], scale, x.device)
    across = _weights_by_scale(x.shape[-1], scale, x.device)
    return down @ x @ across.mT


# Resizing is linear: what it makes of the identity is its matrix.


@lru_cache(maxsize=64)
def _weights_by_scale(length: int, scale: float, device: torch.device) -> Tensor:
    """The weights (ceil(length * scale), length) that resize one axis by *scale*."""
    return torch.from_numpy(imresize(np.eye(length), scale=(scale, 1.0))).float().to(device)


@lru_cache(maxsize=64)
def _weights_to_size(length: int, size: int, device: torch.device) -> Tensor:
    """The weights (size, length) that resize one axis to *size*."""
    return torch.from_numpy(imresize(np.eye(length), size=(size, length))).float().to(device)
