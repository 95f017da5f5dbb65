"""Values as they come in, and the rows that they become."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from undegrade.evaluation.provenance import commit, machine
from undegrade.evaluation.rows import Row
from undegrade.plan import STEPS
from undegrade.version import __version__

WORSE = 0.1
"""By how many dB a picture must lose to count as worse than the input."""

LEFT_ALONE = "left alone"


@dataclass
class Scores:
    """One model under one setting."""

    metrics: tuple[str, ...]
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    """By image, then by metric; an image that fails a metric lacks it."""
    steps: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Taken, by image; empty for a model that has no choice."""
    seconds: float = 0.0
    """That the network took."""
    megapixels: float = 0.0
    """Of what it returned in that time."""

    def add(self, image: str, metric: str, value: float) -> None:
        """Note one value."""
        self.values.setdefault(image, {})[metric] = value

    def took(self, image: str, steps: tuple[str, ...]) -> None:
        """Note the steps that were taken on an image."""
        self.steps[image] = steps

    def counts(self) -> dict[str, int] | None:
        """In how many images each step was taken, and how many were left alone."""
        if not self.steps:
            return None
        taken = Counter(step for steps in self.steps.values() for step in steps)
        alone = sum(not steps for steps in self.steps.values())
        return {step: taken[step] for step in STEPS if taken[step]} | {LEFT_ALONE: alone}

    def worse(self, before: Scores) -> int | None:
        """Images whose PSNR is more than 0.1 dB below that of *before*; ``None`` without PSNR."""
        if "psnr" not in self.metrics or "psnr" not in before.metrics:
            return None
        old = before.of("psnr")
        values = self.of("psnr").items()
        return sum(value < old[image] - WORSE for image, value in values if image in old)

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
    measured: Iterable[tuple[str, str, Scores]],
    baseline: str,
    gates: dict[tuple[str, str], float],
) -> list[Row]:
    """A row for each metric of each scores, which comes with its model and setting.

    *baseline* is the name of the input among the models; *gates* are those that were checked, by
    setting and metric.
    """
    code, place = commit(), machine()
    listed = list(measured)
    inputs = {setting: scores for model, setting, scores in listed if model == baseline}
    return [
        Row(
            model=model,
            protocol=protocol,
            setting=setting,
            metric=metric,
            mean=scores.mean(metric),
            values=tuple(scores.of(metric).values()),
            images=tuple(scores.of(metric)),
            n=len(scores.of(metric)),
            gate=gates.get((setting, metric)),
            commit=code,
            version=__version__,
            machine=place,
            seconds_per_megapixel=scores.speed,
            worse=scores.worse(inputs[setting]) if metric == "psnr" and model != baseline else None,
            steps=scores.counts(),
        )
        for model, setting, scores in listed
        for metric in scores.metrics
    ]
