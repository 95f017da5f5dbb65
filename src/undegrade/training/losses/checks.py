"""What a loss asks of its pictures before it computes."""

from __future__ import annotations

from torch import Tensor


def pictures(*tensors: Tensor, channels: int | None = None) -> None:
    """Raise ``ValueError`` unless all *tensors* are (N, C, H, W) of one shape."""
    shape = tuple(tensors[0].shape)
    if len(shape) != 4:
        raise ValueError(f"a loss takes pictures (N, C, H, W), not {shape}")
    if channels is not None and shape[1] != channels:
        raise ValueError(f"this loss takes pictures of {channels} channels, not {shape[1]}")
    for other in tensors[1:]:
        if tuple(other.shape) != shape:
            raise ValueError(f"the pictures differ in shape: {shape} and {tuple(other.shape)}")
