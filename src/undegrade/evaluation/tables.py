"""Rows sorted into protocols and tables, who leads by which metric, and how numbers are written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.rows import Row
from undegrade.evaluation.significance import Difference, compare
from undegrade.metrics import metric

MINUS = "\N{MINUS SIGN}"
MISSING = "\N{EN DASH}"

_STYLES = {
    "psnr": ("PSNR", 2),
    "psnr-b": ("PSNR-B", 2),
    "ssim": ("SSIM", 4),
    "ms-ssim": ("MS-SSIM", 4),
    "ms-ssim-dped": ("MS-SSIM (DPED)", 4),
    "lpips-alex": ("LPIPS (Alex)", 4),
    "lpips-vgg": ("LPIPS (VGG)", 4),
    "lpips-squeeze": ("LPIPS (Squeeze)", 4),
    "lpips-squeeze-fp16": ("LPIPS (Squeeze, fp16)", 4),
    "ciede2000": ("CIEDE2000", 2),
    "niqe": ("NIQE", 2),
    "brisque": ("BRISQUE", 2),
    "brisque-opencv": ("BRISQUE (OpenCV)", 2),
    "noise-amplification": ("Noise amplification", 3),
    "consistency": ("Consistency", 2),
    "text-f1": ("Text F1", 3),
}
"""How tables call a metric, and its decimals there; others go by their key, with 3."""


@dataclass(frozen=True)
class Measure:
    """What tables need to know of a metric."""

    key: str
    label: str
    unit: str
    higher: bool
    """Whether higher is better."""
    digits: int
    """Decimals in tables."""

    @classmethod
    def of(cls, key: str) -> Measure:
        """The metric of that key; raises :class:`undegrade.errors.UsageError` for an unknown."""
        known = metric(key)
        label, digits = _STYLES.get(key, (key, 3))
        return cls(key, label, known.unit, known.better == "higher", digits)

    @property
    def arrow(self) -> str:
        """Which way is better, as a sign."""
        return "\N{UPWARDS ARROW}" if self.higher else "\N{DOWNWARDS ARROW}"

    @property
    def better(self) -> str:
        """Which way is better, in words."""
        return "higher is better" if self.higher else "lower is better"

    @property
    def title(self) -> str:
        """For an axis: ``PSNR (dB)``."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    def gain(self, new: float, old: float) -> float:
        """By how much *new* is better than *old*; 0 where both are the same infinity."""
        if new == old:
            return 0.0
        return new - old if self.higher else old - new

    def text(self, value: float | None) -> str:
        """A value as tables show it: ``31.41``, ``∞``, or a dash where there is none."""
        return number(value, self.digits)

    def change(self, value: float) -> str:
        """A difference, signed: ``+0.12``."""
        return ("" if value < 0 or math.isnan(value) else "+") + self.text(value)

    def interval(self, lead: Difference) -> str:
        """``[0.05, 0.19]``; nothing where there is none."""
        return "" if math.isnan(lead.low) else f"[{self.text(lead.low)}, {self.text(lead.high)}]"

    def sentence(self, lead: Difference) -> str:
        """All of it, in words."""
        by = f"{self.change(lead.mean)} {self.interval(lead)}".strip()
        noise = ": noise" if lead.noise else ""
        return f"{shown(lead.first)} leads {shown(lead.second)} by {by}{self.space_unit}{noise}"

    @property
    def space_unit(self) -> str:
        """The unit behind a value, with its no-break space."""
        return f"\N{NO-BREAK SPACE}{self.unit}" if self.unit else ""


def number(value: float | None, digits: int) -> str:
    """*value* with so many decimals and a true minus sign.

    >>> number(-0.004, 2), number(float("inf"), 2), number(None, 2)
    ('0.00', '∞', '–')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return ("" if value > 0 else MINUS) + "\N{INFINITY}"
    # Adding 0 turns the -0.0 that rounding leaves into 0.0.
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", MINUS)


def seconds(value: float | None) -> str:
    """Seconds in three figures at most: ``0.042``, ``3.1``, ``89``."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value <= 0:
        return "0"
    return number(value, max(0, min(4, 1 - math.floor(math.log10(value)))))


Mark = Literal["best", "second", ""]


@dataclass(frozen=True)
class Table:
    """One protocol under one setting: models by metrics."""

    protocol: str
    setting: str
    measures: tuple[Measure, ...]
    """In the order of the rows; the first decides the order of the models."""
    models: tuple[str, ...]
    """The input first, then the best first."""
    cells: Mapping[tuple[str, str], Row]
    """By model and metric; some may be missing."""

    def mean(self, model: str, measure: Measure) -> float | None:
        """The mean, or None where that was not measured."""
        row = self.cells.get((model, measure.key))
        return None if row is None else row.mean

    @cached_property
    def marks(self) -> Mapping[tuple[str, str], Mark]:
        """The mark of every cell, by model and metric."""
        found: dict[tuple[str, str], Mark] = {}
        for measure in self.measures:
            means = [self.mean(model, measure) for model in self.models]
            for model, mark in zip(self.models, ranked(means, measure), strict=True):
                found[model, measure.key] = mark
        return found

    @cached_property
    def leads(self) -> Mapping[str, Difference]:
        """How much better the best is than the second best, and whether that is luck, by metric.

        Missing where fewer than two models have a mean.
        """
        found = {}
        for measure in self.measures:
            if len(leaders := self.leaders(measure)) == 2:
                (lead,) = compare([self.cells[model, measure.key] for model in leaders])
                if not measure.higher:
                    lead = replace(lead, mean=-lead.mean, low=-lead.high, high=-lead.low)
                found[measure.key] = lead
        return found

    @cached_property
    def gates(self) -> Mapping[str, float]:
        """The published value of the input by metric, where there is one."""
        return {row.metric: row.gate for row in self.cells.values() if row.gate is not None}

    @cached_property
    def speeds(self) -> Mapping[str, float]:
        """Seconds per megapixel by model, where they were taken."""
        return {
            row.model: row.seconds_per_megapixel
            for row in self.cells.values()
            if row.seconds_per_megapixel is not None
        }

    @property
    def worse(self) -> Mapping[str, int]:
        """How many images came out worse than the input, by model, where that was counted."""
        rows = self.cells.values()
        return {row.model: row.worse for row in rows if row.worse is not None}

    @property
    def steps(self) -> Mapping[str, Mapping[str, int]]:
        """In how many images each step was taken, by model, where there was a choice."""
        return {row.model: row.steps for row in self.cells.values() if row.steps is not None}

    def counts(self, model: str) -> list[int]:
        """On how many images the model was measured, by one metric or another; the least first."""
        return sorted({row.n for (name, _), row in self.cells.items() if name == model})

    def count(self, model: str) -> str:
        """The same in words: ``68``, or ``66 to 68``."""
        counts = self.counts(model)
        return " to ".join(str(n) for n in sorted({counts[0], counts[-1]}))

    def leaders(self, measure: Measure) -> tuple[str, ...]:
        """The best and the second best model by the exact mean; fewer where fewer have one."""
        means = {model: self.mean(model, measure) for model in self.models}
        known = [(m, mean) for m, mean in means.items() if mean is not None and mean == mean]
        known.sort(key=lambda pair: -pair[1] if measure.higher else pair[1])
        return tuple(model for model, _ in known[:2])

    def image_values(self, model: str, measure: Measure) -> Mapping[str, float]:
        """The values of a model by image."""
        row = self.cells.get((model, measure.key))
        return row.by_image if row else {}


@dataclass(frozen=True)
class Protocol:
    """All tables of one protocol."""

    name: str
    """The whole protocol string."""
    tables: tuple[Table, ...]

    @property
    def title(self) -> str:
        """What stands before the first colon or semicolon."""
        return re.split("[:;]", self.name)[0].strip() or self.name

    @property
    def detail(self) -> str:
        """What stands behind the title."""
        return self.name.removeprefix(self.title).lstrip(":; ")

    @property
    def models(self) -> tuple[str, ...]:
        """All models of its tables, each once."""
        return tuple(dict.fromkeys(model for table in self.tables for model in table.models))

    @property
    def measures(self) -> tuple[Measure, ...]:
        """All metrics of its tables, each once."""
        return tuple(dict.fromkeys(one for table in self.tables for one in table.measures))


def protocols(rows: Sequence[Row]) -> tuple[Protocol, ...]:
    """Rows by protocol and setting, each in the order of first appearance.

    Of two rows for one cell the later counts. Raises :class:`undegrade.errors.UsageError` for an
    unknown metric.
    """
    measures = {key: Measure.of(key) for key in dict.fromkeys(row.metric for row in rows)}
    groups: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        groups.setdefault(row.protocol, {}).setdefault(row.setting, []).append(row)
    return tuple(
        Protocol(name, tuple(_table(group, measures) for group in settings.values()))
        for name, settings in groups.items()
    )


def ranked(means: Sequence[float | None], measure: Measure) -> list[Mark]:
    """Best and second best among *means* as they are printed.

    What prints alike ranks alike. There is no second best behind several best, nor among fewer
    than three, and no best of one. NaN and None have no rank; infinity has.
    """
    known = [round(mean, measure.digits) for mean in means if mean is not None and mean == mean]
    if len(known) < 2:
        return ["" for _ in means]
    order = sorted(known, reverse=measure.higher)
    second = order[1] if len(order) > 2 and order[1] != order[0] else math.nan

    def mark(mean: float | None) -> Mark:
        value = math.nan if mean is None else round(mean, measure.digits)
        return "best" if value == order[0] else "second" if value == second else ""

    return [mark(mean) for mean in means]


def shown(model: str) -> str:
    """A model's name as readers see it: the untouched input says that it is that."""
    return "input" if model == "none" else f"{model} (input)" if model in BASELINES else model


def _table(rows: Sequence[Row], measures: Mapping[str, Measure]) -> Table:
    columns = tuple(measures[key] for key in dict.fromkeys(row.metric for row in rows))
    cells = {(row.model, row.metric): row for row in rows}

    def place(model: str) -> tuple[bool, bool, float]:
        row = cells.get((model, columns[0].key))
        mean = math.nan if row is None else row.mean
        unknown = math.isnan(mean)
        signed = -mean if columns[0].higher else mean
        return model not in BASELINES, unknown, 0.0 if unknown else signed

    models = tuple(sorted(dict.fromkeys(row.model for row in rows), key=place))
    return Table(rows[0].protocol, rows[0].setting, columns, models, cells)
