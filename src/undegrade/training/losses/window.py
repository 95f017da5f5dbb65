"""The Gaussian window that SSIM and the colour loss look through."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    """``exp(-k^2 / (2 sigma^2))`` of unit sum, shape (size,); *size* is odd."""
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a window needs an odd size, not {size}")
    if sigma <= 0:
        raise ValueError(f"a window needs a positive sigma, not {sigma}")
    k = torch.arange(size, dtype=torch.float64) - size // 2
    window = torch.exp(-(k**2) / (2 * sigma**2))
    return (window / window.sum()).to(like)


def blur(x: Tensor, size: int, sigma: float, padding: int = 0) -> Tensor:
    """Filter each channel of (N, C, H, W) with the window, with *padding* zeros on each side."""
    channels = x.shape[1]
    row = gaussian(size, sigma, x).expand(channels, 1, 1, size)
    x = F.conv2d(x, row, padding=(0, padding), groups=channels)
    return F.conv2d(x, row.transpose(2, 3), padding=(padding, 0), groups=channels)
