"""Whether the best is better than the second best, or merely luckier with the images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from undegrade.evaluation.report.measures import Measure
from undegrade.evaluation.report.tables import Protocol, Table, shown
from undegrade.evaluation.significance import compare


@dataclass(frozen=True)
class Margin:
    """The mean difference of the two best, on the images that both have."""

    best: str
    second: str
    gain: float
    """How much better the best is."""
    low: float
    high: float
    """Its 95 % interval by a paired bootstrap over images; NaN for fewer than two."""
    noise: bool
    """Whether the interval holds 0, or there is none."""

    def text(self, measure: Measure) -> str:
        """``+0.12`` and, in brackets, the interval."""
        return f"{measure.change(self.gain)} {self.interval(measure)}".strip()

    def interval(self, measure: Measure) -> str:
        """``[0.05, 0.19]``; nothing where there is none."""
        if math.isnan(self.low):
            return ""
        return f"[{measure.text(self.low)}, {measure.text(self.high)}]"

    def sentence(self, measure: Measure) -> str:
        """All of it, in words."""
        margin = f"{shown(self.best)} leads {shown(self.second)} by {self.text(measure)}"
        return f"{margin}{measure.space_unit}{': noise' if self.noise else ''}"


Margins: TypeAlias = Mapping[tuple[str, str, str], Margin]
"""By protocol, setting and metric; missing where fewer than two models have a mean."""


def find_margins(found: Sequence[Protocol]) -> Margins:
    """The margin of the best in every table and metric."""
    margins = {}
    for table in (table for protocol in found for table in protocol.tables):
        for measure in table.measures:
            margin = _margin(table, measure)
            if margin is not None:
                margins[table.protocol, table.setting, measure.key] = margin
    return margins


def _margin(table: Table, measure: Measure) -> Margin | None:
    leaders = table.leaders(measure)
    if len(leaders) < 2:
        return None
    best, second = leaders
    (found,) = compare([table.cells[model, measure.key] for model in leaders])
    gain, low, high = found.mean, found.low, found.high
    if not measure.higher:
        gain, low, high = -gain, -high, -low
    return Margin(best, second, gain, low, high, found.noise)
