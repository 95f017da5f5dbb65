"""From values to places on an axis: linear and logarithmic scales with round ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from undegrade.evaluation.report.measures import number

_MARGIN = 0.06
"""Free space at both ends, as a part of the range."""
_FEW = 3
"""Ticks that a logarithmic axis should have at least."""
_FACTORS = ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 5.0, 7.0))
"""Of powers of ten, as ticks: the first of these that gives enough."""


@dataclass(frozen=True)
class Scale:
    """An axis from *low* to *high*, both finite and apart; positive if logarithmic."""

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    """Value and label of each."""
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """The place of *value*, 0 at *low* and 1 at *high*."""
        low, high = self.low, self.high
        if self.logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(value)
        return (value - low) / (high - low)


def linear(values: Iterable[float], count: int = 5) -> Scale:
    """A scale over the finite ones of *values*, with about *count* ticks at round numbers."""
    low, high = _range(values)
    if low == high:
        half = abs(low) * 0.01 or 0.5
        low, high = low - half, high + half
    spare = (high - low) * _MARGIN
    low, high = low - spare, high + spare
    step = _round_step((high - low) / count)
    digits = max(0, -math.floor(math.log10(step)))
    first = math.ceil(low / step)
    places = [step * n for n in range(first, math.floor(high / step) + 1)]
    return Scale(low, high, tuple((value, number(value, digits)) for value in places))


def settings_scale(values: Sequence[float]) -> Scale:
    """A linear scale whose ticks are the *values* themselves."""
    spread = linear(values)
    ticks = tuple((value, f"{value:g}") for value in sorted(set(values)))
    return Scale(spread.low, spread.high, ticks)


def logarithmic(values: Iterable[float]) -> Scale:
    """A logarithmic scale over the finite positive ones of *values*."""
    low, high = _range(value for value in values if value > 0)
    if low == high:
        low, high = low / 2, high * 2
    spare = (high / low) ** (2 * _MARGIN)
    low, high = low / spare, high * spare
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in _FACTORS:
        places = [factor * 10.0**power for power in powers for factor in factors]
        ticks = tuple((value, f"{value:g}") for value in places if low <= value <= high)
        if len(ticks) >= _FEW:
            return Scale(low, high, ticks, True)
    narrow = linear([low, high])
    return Scale(low, high, tuple(tick for tick in narrow.ticks if low <= tick[0] <= high), True)


def _range(values: Iterable[float]) -> tuple[float, float]:
    finite = [value for value in values if math.isfinite(value)]
    return (min(finite), max(finite)) if finite else (1.0, 1.0)


def _round_step(step: float) -> float:
    """The least of 1, 2, 5 and 10 times a power of ten that is not below *step*."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * 0.999)
