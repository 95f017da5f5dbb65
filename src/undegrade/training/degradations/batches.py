"""What operators on batches share: what they ask of one, random draws, and 8 bits a sample.

Random numbers come from the generator that is passed in, and are made where it lies.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from undegrade.degradation.fields import Field, Number


def check_pictures(x: Tensor) -> None:
    """Raise ``ValueError`` unless *x* is (N, 3, H, W) or (N, 1, H, W) float32, not empty."""
    shape = tuple(x.shape)
    if len(shape) != 4 or shape[1] not in (1, 3) or 0 in shape:
        raise ValueError(f"pictures must be (N, 3, H, W) or (N, 1, H, W), not {shape}")
    if x.dtype != torch.float32:
        raise ValueError(f"pictures must be float32 in [0, 1], not {x.dtype}; convert them first")


def check_parameters(count: int, fields: Sequence[Field], **values: Tensor) -> None:
    """Raise ``ValueError`` unless each of *values* is (*count*,) and lies in its field's range.

    *fields* are those of the operator on arrays, so both halves allow the same.
    """
    ranges = {f.name: (f.low, f.high) for f in fields if isinstance(f, Number)}
    for name, value in values.items():
        if value.shape != (count,):
            raise ValueError(
                f"{name} must hold one value for each of the {count} pictures, not be "
                f"{tuple(value.shape)}"
            )
        low, high = ranges[name]
        if not bool(((value >= low) & (value <= high)).all()):
            raise ValueError(f"{name} must lie in {low:g}..{high:g}, not {value.tolist()}")


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


def quantise(x: Tensor) -> Tensor:
    """Clip to [0, 1] and round to 8 bit, as a file would."""
    return torch.round(torch.clamp(x, 0.0, 1.0) * 255.0) / 255.0
