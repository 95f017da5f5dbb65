"""From what two arms scored on the same pictures with the same seeds to yes, no, or undecided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

Answer = Literal["yes", "no", "undecided"]

RESAMPLES = 10_000
LEAST_IMAGES = 2


@dataclass(frozen=True)
class Interval:
    """A mean, and what holds it with 95 % confidence; NaN where there are too few pictures."""

    mean: float
    low: float
    high: float


def paired_interval(
    first: ArrayLike, second: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Of the mean of *first* - *second*, both (seeds, pictures), by a percentile bootstrap.

    Pictures and seeds are drawn with replacement, each by itself, and each pair of arms is compared
    within a picture and a seed: what makes a picture hard, or a seed lucky for both, drops out. One
    seed says nothing of other seeds, and its interval is of the pictures alone.

    Source: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3; for two
    ways of drawing at once Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007.
    """
    differences = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    if differences.ndim != 2:
        raise ValueError(f"scores must be (seeds, pictures), not {differences.shape}")
    seeds, pictures = differences.shape
    if pictures < LEAST_IMAGES:
        return Interval(float(differences.mean()), math.nan, math.nan)
    rng = np.random.default_rng(seed)
    counts = [rng.multinomial(n, np.full(n, 1 / n), resamples) / n for n in (seeds, pictures)]
    means = np.einsum("rs,sp,rp->r", counts[0], differences, counts[1], optimize=True)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(float(differences.mean()), float(low), float(high))


def decide(gain: Interval, least: float) -> Answer:
    """Whether there is a *gain*, *least* being the smallest that is worth the name (0 or more).

    - no: the interval ends below *least*, so that a gain worth the name can be ruled out;
    - yes: not so, and the interval begins above 0;
    - undecided: all else, an interval that could not be taken included.
    """
    if math.isnan(gain.low):
        return "undecided"
    if gain.high < least or gain.high <= 0:
        return "no"
    return "yes" if gain.low > 0 else "undecided"


def verdict(answers: Sequence[Answer]) -> Answer:
    """Of a claim with several questions: yes where all are, no where one is."""
    if "no" in answers:
        return "no"
    return "yes" if answers and set(answers) == {"yes"} else "undecided"
