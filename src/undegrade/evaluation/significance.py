"""Whether one model is better than another, or just luckier with these images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.evaluation.rows import Row

RESAMPLES = 10_000
CONFIDENCE = 0.95
AT_A_TIME = 1_000_000
"""Draws held in memory at once."""


@dataclass(frozen=True)
class Difference:
    """How much *first* lies above *second*, by one metric under one setting."""

    protocol: str
    setting: str
    metric: str
    first: str
    second: str
    mean: float
    """Mean over the images that both have of the first's value minus the second's."""
    low: float
    high: float
    """The interval that holds the mean over all images of this kind with 95 % confidence."""
    n: int
    """Number of images in common."""
    noise: bool
    """Whether the interval holds 0, or there is none: the two cannot be told apart."""


def compare(rows: Iterable[Row]) -> list[Difference]:
    """Every pair of models under every setting and metric, in the order of the rows.

    Two models are compared image by image: what makes an image hard is hard for both and drops
    out, so far smaller differences show than by the spread of either.
    """
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.protocol, row.setting, row.metric), []).append(row)
    return [
        _difference(key, first, second)
        for key, group in groups.items()
        for first, second in combinations(group, 2)
    ]


def interval(
    differences: Sequence[float] | NDArray[np.float64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean, 95 %; two NaN for fewer than two values.

    The values are drawn with replacement *resamples* times, as many as there are; the interval
    holds all but 2.5 % of the means at either end. The same seed gives the same interval.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.

    Raises :class:`UsageError` for fewer than 100 resamples, of which no interval can be taken.
    """
    if resamples < 100:
        raise UsageError(f"{resamples} resamples give no interval", "take 100 or more")
    values = np.asarray(differences, np.float64)
    if len(values) < 2:
        return math.nan, math.nan
    rng, count = np.random.default_rng(seed), len(values)
    means = np.empty(resamples)
    step = max(1, AT_A_TIME // count)
    for start in range(0, resamples, step):
        part = means[start : start + step]
        part[:] = values[rng.integers(count, size=(len(part), count))].mean(axis=1)
    rest = (1 - CONFIDENCE) / 2
    # Neighbours are not averaged, for one of them may be infinite.
    low = np.quantile(means, rest, method="lower")
    return float(low), float(np.quantile(means, 1 - rest, method="higher"))


def _difference(key: tuple[str, str, str], first: Row, second: Row) -> Difference:
    others = second.by_image
    pairs = [(value, others[image]) for image, value in first.by_image.items() if image in others]
    # Two infinite values, pictures that equal the truth, do not differ.
    differences = [0.0 if a == b else a - b for a, b in pairs]
    mean = float(np.mean(differences)) if differences else math.nan
    low, high = interval(differences)
    told_apart = low > 0 or high < 0
    return Difference(
        *key, first.model, second.model, mean, low, high, len(differences), not told_apart
    )
