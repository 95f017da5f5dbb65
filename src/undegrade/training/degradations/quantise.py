"""Eight bits a sample."""

from __future__ import annotations

import torch
from torch import Tensor


def quantise(x: Tensor) -> Tensor:
    """Clip to [0, 1] and round to 8 bit, as a file would."""
    return torch.round(torch.clamp(x, 0.0, 1.0) * 255.0) / 255.0
