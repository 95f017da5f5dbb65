"""Values as they come in, and the rows that they become."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from undegrade import __version__
from undegrade.benchmark.provenance import commit, machine
from undegrade.benchmark.rows import Row


@dataclass
class Tally:
    """One model under one setting."""

    metrics: tuple[str, ...]
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """By image, then by metric; an image that fails a metric lacks it."""
    seconds: float = 0.0
    """That the network took."""
    megapixels: float = 0.0
    """Of what it returned in that time."""

    def add(self, image: str, metric: str, value: float) -> None:
        """Note one value."""
        self.values.setdefault(image, {})[metric] = value

    def of(self, metric: str) -> dict[str, float]:
        """The values of a metric by image."""
        return {image: row[metric] for image, row in self.values.items() if metric in row}

    def mean(self, metric: str) -> float:
        """Over the images; NaN where there is none."""
        values = list(self.of(metric).values())
        return float(np.mean(values)) if values else math.nan

    @property
    def speed(self) -> float | None:
        """Seconds per megapixel of output; ``None`` where no network was run."""
        return self.seconds / self.megapixels if self.megapixels else None


def rows(
    protocol: str,
    tallies: Iterable[tuple[str, str, Tally]],
    gates: dict[tuple[str, str], float],
) -> list[Row]:
    """A row for each metric of each tally, which comes with its model and setting.

    *gates* are those that were checked, by setting and metric.
    """
    code, place = commit(), machine()
    return [
        Row(
            model=model,
            protocol=protocol,
            setting=setting,
            metric=metric,
            mean=tally.mean(metric),
            values=tuple(tally.of(metric).values()),
            images=tuple(tally.of(metric)),
            n=len(tally.of(metric)),
            gate=gates.get((setting, metric)),
            commit=code,
            version=__version__,
            machine=place,
            seconds_per_megapixel=tally.speed,
        )
        for model, setting, tally in tallies
        for metric in tally.metrics
    ]
