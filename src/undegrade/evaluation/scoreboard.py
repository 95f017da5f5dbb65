"""Rows as tables for a terminal: one a setting, models below each other, the best marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from undegrade.evaluation import tables
from undegrade.evaluation.rows import Row, counted

if TYPE_CHECKING:
    from rich.table import Table

MARK = "*"


def scoreboard(rows: Sequence[Row]) -> list[Table]:
    """A table for each protocol and setting.

    Protocols come in the order in which they first appear in the rows, and so do the settings of
    each; all settings of a protocol stand together, however its rows lie among those of others.
    The best mean of each metric is bold and marked, for terminals without bold; gates that were
    met stand in the title.
    """
    return [_table(table) for protocol in tables.protocols(rows) for table in protocol.tables]


def _table(found: tables.Table) -> Table:
    from rich.table import Table
    from rich.text import Text

    met = ", ".join(f"{name} {value:g}" for name, value in found.gates.items())
    title = f"{found.setting}, gates met: {met}" if met else f"{found.setting}, no gate checked"
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column("model", overflow="fold")
    names = [measure.key for measure in found.measures]
    for name in (*names, "n", *(["worse"] if found.worse else []), "s/MP"):
        table.add_column(name, justify="right")
    leaders = [found.leaders(measure) for measure in found.measures]
    tops = [
        found.cells[two[0], name].mean if len(two) > 1 else None
        for name, two in zip(names, leaders, strict=True)
    ]
    for model in dict.fromkeys(model for model, _ in found.cells):
        cells = (found.cells.get((model, name)) for name in names)
        table.add_row(
            Text(model),
            *map(_cell, cells, tops),
            "-".join(map(str, found.counts(model))),
            *([str(found.worse.get(model, ""))] if found.worse else []),
            f"{found.speeds[model]:.2f}" if model in found.speeds else "",
        )
    lines = (f"{model}: {counted(steps)}" for model, steps in found.steps.items())
    table.caption = "\n".join(lines) or None
    return table


def _cell(row: Row | None, top: float | None) -> str:
    if row is None:
        return ""
    text = f"{row.mean:.4f}" if abs(row.mean) < 2 else f"{row.mean:.2f}"
    return f"[bold]{text}{MARK}[/bold]" if row.mean == top else f"{text} "
