"""Whether the best is better than the second best, or merely luckier with the images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from undegrade.benchmark.report.measures import Measure
from undegrade.benchmark.report.tables import Protocol, Table, shown
from undegrade.benchmark.significance import compare


@dataclass(frozen=True)
class Lead:
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
        lead = f"{shown(self.best)} leads {shown(self.second)} by {self.text(measure)}"
        return f"{lead}{measure.space_unit}{': noise' if self.noise else ''}"


Leads: TypeAlias = Mapping[tuple[str, str, str], Lead]
"""By protocol, setting and metric; missing where fewer than two models have a mean."""


def find_leads(found: Sequence[Protocol]) -> Leads:
    """The lead of the best in every table and metric."""
    leads = {}
    for table in (table for protocol in found for table in protocol.tables):
        for measure in table.measures:
            lead = _lead(table, measure)
            if lead is not None:
                leads[table.protocol, table.setting, measure.key] = lead
    return leads


def _lead(table: Table, measure: Measure) -> Lead | None:
    leaders = table.leaders(measure)
    if len(leaders) < 2:
        return None
    best, second = leaders
    (found,) = compare([table.cells[model, measure.key] for model in leaders])
    gain, low, high = found.mean, found.low, found.high
    if not measure.higher:
        gain, low, high = -gain, -high, -low
    return Lead(best, second, gain, low, high, found.noise)
