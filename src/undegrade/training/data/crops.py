"""What crops are drawn by: the detail of a photo's cells, and the symmetries of the square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

CELL = 32
"""Side in pixels of the cells in which detail is measured."""

BASE = 0.1
"""Part of the mean detail that every cell gets, so that flat ones are drawn, too."""

TURNS: Mapping[str, tuple[int, ...]] = {"all": tuple(range(8)), "mirror": (0, 4), "none": (0,)}
"""For each choice of symmetries the turns that are drawn, see :func:`turned`."""


def detail(photo: Tensor) -> Tensor:
    """Mean absolute gradient of the cells of a photo's target.

    *photo* is (3 or 6, H, W) uint8, of which the last three channels count. Returns (rows,
    columns) float32 with cells of about ``CELL`` pixels, at least one.
    """
    grey = photo[-3:].float().mean(0)
    gradient = torch.zeros_like(grey)
    gradient[:, 1:] += (grey[:, 1:] - grey[:, :-1]).abs()
    gradient[1:] += (grey[1:] - grey[:-1]).abs()
    rows, columns = max(1, grey.shape[0] // CELL), max(1, grey.shape[1] // CELL)
    return F.adaptive_avg_pool2d(gradient[None], (rows, columns))[0]


def cells(shape: Sequence[int]) -> Tensor:
    """Row and column of every cell of a grid, (rows x columns, 2), in the order of its values."""
    return torch.cartesian_prod(*(torch.arange(length) for length in shape))


def cumulative(details: Tensor) -> Tensor:
    """Running sum of the weights, float64, by which cells of these *details* are drawn."""
    weight = details.flatten().cpu().double()
    # A set of flat colours has no detail at all; its cells are then all alike.
    return torch.cumsum(weight + BASE * weight.mean().clamp(min=1e-6), 0)


def draw(running: Tensor, fraction: Tensor) -> Tensor:
    """Indices drawn by the running sum of weights; *fraction* is uniform in [0, 1)."""
    picks = torch.searchsorted(running, fraction * running[-1])
    return picks.clamp(max=len(running) - 1)


def corner(centre: Tensor, size: int, side: Tensor) -> Tensor:
    """First row or column of crops of *size* around *centre*, moved inside photos of *side*."""
    return torch.minimum((centre - size / 2).clamp(min=0).long(), side - size)


def turned(crops: Tensor, turn: int) -> Tensor:
    """One of the eight symmetries of the square, of (..., S, S): quarter turns, from 4 mirrored."""
    crops = torch.rot90(crops, turn % 4, (-2, -1))
    return crops.flip(-1) if turn >= 4 else crops


def turned_each(crops: Tensor, turns: Tensor) -> Tensor:
    """Each of (N, C, S, S) crops by its own of N *turns*, in a few operations for all of them."""
    order = torch.argsort(turns, stable=True)
    back = torch.argsort(order).to(crops.device)
    counts = torch.bincount(turns, minlength=8).tolist()
    groups = torch.split(crops.index_select(0, order.to(crops.device)), counts)
    done = [turned(group, turn) for turn, group in enumerate(groups) if len(group)]
    return torch.cat(done).index_select(0, back)
