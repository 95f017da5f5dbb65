"""The same numbers for other programs: Markdown tables and CSV lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from undegrade.evaluation.rows import Row, counted
from undegrade.evaluation.tables import Measure, Protocol, Table, seconds, shown

COLUMNS = (
    "protocol", "setting", "model", "metric", "unit", "better", "image", "value",
    "seconds_per_megapixel", "version", "commit", "machine",
)  # fmt: skip
"""Of the CSV."""


def markdown(title: str, facts: Sequence[tuple[str, str]], found: Sequence[Protocol]) -> str:
    """A table for each setting, the best in bold; GitHub's dialect."""
    parts = [f"# {_plain(title)}\n", *(f"* {name}: {_plain(value)}" for name, value in facts)]
    for protocol in found:
        parts.append(f"\n## {_plain(protocol.title)}\n\n{_plain(protocol.name)}")
        parts += [_table(table) for table in protocol.tables]
    return "\n".join(parts) + "\n"


def csv_lines(rows: Sequence[Row]) -> str:
    """One line for each row and image; values in full, ``inf`` and ``nan`` as such."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        measure = Measure.of(row.metric)
        better = "higher" if measure.higher else "lower"
        time = "" if row.seconds_per_megapixel is None else row.seconds_per_megapixel
        head = (row.protocol, row.setting, row.model, row.metric, measure.unit, better)
        for image, value in zip(row.images, row.values, strict=True):
            writer.writerow((*head, image, value, time, row.version, row.commit, row.machine))
    return text.getvalue()


def _table(table: Table) -> str:
    timed = bool(table.speeds)
    heads = ["model", *(f"{one.title} {one.arrow}" for one in table.measures)]
    heads += ["s/MP", "n"] if timed else ["n"]
    lines = [heads, ["---", *("---:" for _ in heads[1:])]]
    if table.gates:
        gates = [measure.text(table.gates.get(measure.key)) for measure in table.measures]
        lines.append(["*published, of the input*", *gates, *("" for _ in heads[len(gates) + 1 :])])
    for model in table.models:
        cells = [_cell(table, model, measure) for measure in table.measures]
        time = [seconds(table.speeds.get(model))] if timed else []
        lines.append([_plain(shown(model)), *cells, *time, table.count(model)])
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    notes = [
        f"* {measure.label}: {_plain(measure.sentence(lead))}"
        for measure in table.measures
        if (lead := table.leads.get(measure.key))
    ]
    notes += [
        f"* {_plain(shown(model))}: {count} of {table.count(model)} images worse than the input"
        for model, count in table.worse.items()
    ]
    notes += [f"* {_plain(model)}: {counted(steps)}" for model, steps in table.steps.items()]
    return "\n".join([f"\n### {_plain(table.setting)}\n", text, *([""] if notes else []), *notes])


def _cell(table: Table, model: str, measure: Measure) -> str:
    text = measure.text(table.mean(model, measure))
    return f"**{text}**" if table.marks[model, measure.key] == "best" else text


def _plain(text: str) -> str:
    """*text* on one line, nothing in it read as markup."""
    escaped = re.sub(r"([\\`*_\[\]|#~$])", r"\\\1", " ".join(text.split()))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
