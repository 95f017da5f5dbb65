"""Random numbers from the generator that is passed in, made where that generator lies."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def normal(like: Tensor, generator: torch.Generator) -> Tensor:
    """Standard normal noise of the shape of *like*, on its device, float32."""
    noise = torch.randn(like.shape, generator=generator, device=generator.device)
    return noise.to(like.device)


def uniform(count: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    """(count,) values uniform in *low* .. *high*."""
    return low + (high - low) * torch.rand(count, generator=generator, device=generator.device)


def choice(count: int, shares: Sequence[float], generator: torch.Generator) -> Tensor:
    """(count,) int64 indices, each as often as *shares* says; the shares sum to 1."""
    weights = torch.tensor(shares, device=generator.device)
    return torch.multinomial(weights, count, replacement=True, generator=generator)
