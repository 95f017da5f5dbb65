"""Rows as tables for a terminal: one a setting, models below each other, the best marked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from undegrade.evaluation.rows import Row, counted
from undegrade.metrics import metric

if TYPE_CHECKING:
    from rich.table import Table

MARK = "*"


def scoreboard(rows: Iterable[Row]) -> list[Table]:
    """A table for each protocol and setting, in the order of the rows.

    The best mean of each metric is bold and marked, for terminals without bold; gates that were
    met stand in the title.
    """
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.protocol, row.setting), []).append(row)
    return [_table(setting, group) for (_, setting), group in groups.items()]


def best(means: Sequence[float], better: str) -> float:
    """The best of *means*; NaN where there are fewer than two to compare."""
    known = [mean for mean in means if not math.isnan(mean)]
    if len(known) < 2:
        return math.nan
    return max(known) if better == "higher" else min(known)


def _table(setting: str, rows: Sequence[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    gates = {row.metric: row.gate for row in rows if row.gate is not None}
    met = ", ".join(f"{name} {value:g}" for name, value in gates.items())
    title = f"{setting}, gates met: {met}" if met else f"{setting}, no gate checked"
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("model", overflow="fold")
    names = list(dict.fromkeys(row.metric for row in rows))
    worse = {row.model: row.worse for row in rows if row.worse is not None}
    for name in (*names, "n", *(["worse"] if worse else []), "s/MP"):
        table.add_column(name, justify="right")
    cells = {(row.model, row.metric): row for row in rows}
    tops = {
        name: best([row.mean for row in rows if row.metric == name], metric(name).better)
        for name in names
    }
    for model in dict.fromkeys(row.model for row in rows):
        own = [cells[model, name] for name in names if (model, name) in cells]
        counts = sorted({row.n for row in own})
        speed = own[0].seconds_per_megapixel
        table.add_row(
            Text(model),
            *(_cell(cells.get((model, name)), tops[name]) for name in names),
            "-".join(map(str, counts)),
            *([str(worse.get(model, ""))] if worse else []),
            "" if speed is None else f"{speed:.2f}",
        )
    taken = {row.model: counted(row.steps) for row in rows if row.steps is not None}
    table.caption = "\n".join(f"{model}: {words}" for model, words in taken.items()) or None
    return table


def _cell(row: Row | None, top: float) -> str:
    if row is None:
        return ""
    text = f"{row.mean:.4f}" if abs(row.mean) < 2 else f"{row.mean:.2f}"
    return f"[bold]{text}{MARK}[/bold]" if row.mean == top else f"{text} "
