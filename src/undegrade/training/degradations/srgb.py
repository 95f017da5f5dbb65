"""Between sRGB-encoded values and linear light, on tensors."""

from __future__ import annotations

import torch
from torch import Tensor

ENCODED_KNEE = 0.04045
LINEAR_KNEE = 0.0031308
"""Where the straight part of the curve ends, in encoded values and in linear light."""


def to_linear(encoded: Tensor) -> Tensor:
    """Linear light of sRGB values, of the same shape, 1 to 1, odd below zero.

    Source: IEC 61966-2-1, section 5.2.
    """
    size = encoded.abs()
    linear = torch.where(size <= ENCODED_KNEE, size / 12.92, ((size + 0.055) / 1.055) ** 2.4)
    return torch.copysign(linear, encoded)


def to_srgb(linear: Tensor) -> Tensor:
    """sRGB values of linear light, of the same shape, 1 to 1, odd below zero.

    Source: IEC 61966-2-1, section 5.2.
    """
    size = linear.abs()
    # The root's slope at 0 is infinite: kept off it, gradients stay finite.
    curved = 1.055 * size.clamp(min=LINEAR_KNEE) ** (1 / 2.4) - 0.055
    return torch.copysign(torch.where(size <= LINEAR_KNEE, size * 12.92, curved), linear)
