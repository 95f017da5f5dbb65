"""The receptive radius of a chain of layers, counted exactly by intervals.

Each layer turns a range of its output positions into the range of its input positions that they
depend on. Walking a network from its output to its input, for every phase of the pixel grid,
gives the radius by which tiles must overlap. Of parallel branches the widest one counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import floor

Layer = Callable[[int, int], tuple[int, int]]
"""From the first and last output position to the first and last input position."""


def conv(kernel: int, stride: int = 1, padding: int | None = None) -> Layer:
    """A convolution, or any window; padding ``(kernel - 1) // 2`` unless given."""
    pad = (kernel - 1) // 2 if padding is None else padding
    return lambda first, last: (first * stride - pad, last * stride - pad + kernel - 1)


def transposed(kernel: int, stride: int, padding: int) -> Layer:
    """A transposed convolution: input i reaches outputs ``i * stride - padding + [0, kernel)``."""
    return lambda first, last: (
        -((kernel - 1 - padding - first) // stride),
        (last + padding) // stride,
    )


def enlarge(scale: int) -> Layer:
    """A pixel-shuffle, or nearest neighbour, by *scale*."""
    return lambda first, last: (first // scale, last // scale)


def bicubic(scale: int) -> Layer:
    """Four-tap interpolation by *scale* with pixel centres aligned."""
    return lambda first, last: (
        floor((first + 0.5) / scale - 0.5) - 1,
        floor((last + 0.5) / scale - 0.5) + 2,
    )


def radius(layers: Sequence[Layer], scale: int = 1, multiple: int = 1) -> int:
    """The largest distance, in input pixels, over which an output pixel sees the input.

    Parameters
    ----------
    layers: from input to output.
    scale: output pixels per input pixel.
    multiple: the period, in input pixels, of the network's grid.
    """
    widest = 0
    for position in range(scale * multiple):
        first = last = position
        for layer in reversed(layers):
            first, last = layer(first, last)
        centre = position // scale
        widest = max(widest, centre - first, last - centre)
    return widest
