"""What a benchmark measured, as one self-contained page, and as Markdown, CSV and JSON beside it.

:func:`write` is all there is to call. The page opens from disk, from a mail or from a server, needs
no network, and shows its tables, plots and pictures without JavaScript too; scripts add sorting,
the slider and the zoom.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from undegrade.errors import UsageError
from undegrade.evaluation.report.cases import choose
from undegrade.evaluation.report.page import page
from undegrade.evaluation.rows import Pictures, Row, counted, to_json
from undegrade.evaluation.tables import Measure, Protocol, Table, protocols, seconds, shown
from undegrade.picture import write_atomic

__all__ = ["write"]

PICTURE_BYTES = 8_500_000
"""Of all pictures in the page, so that the whole stays below 10 MB."""

COLUMNS = (
    "protocol", "setting", "model", "metric", "unit", "better", "image", "value",
    "seconds_per_megapixel", "version", "commit", "machine",
)  # fmt: skip
"""Of the CSV."""


def write(
    rows: Sequence[Row],
    pictures: Sequence[Pictures],
    folder: Path,
    *,
    title: str = "Benchmark report",
    day: date | None = None,
) -> Path:
    """Write ``report.html`` and beside it ``report.md``, ``report.csv`` and ``report.json``.

    Parameters
    ----------
    rows: what was measured. Protocols, settings and metrics keep the order in which they first
        appear; the first metric of a protocol orders its models and its pictures. Of two rows for
        the same model, protocol, setting and metric the later counts.
    pictures: what can be shown; as many are as fit into some 10 MB, the worst first. May be empty.
    folder: is made if it is missing; former reports in it are replaced.
    day: on which it was measured; today if it is not given.

    Returns the path of ``report.html``, which needs none of the other files. Raises
    :class:`UsageError` for no rows or an unknown metric, :class:`OutputError` for a file that
    cannot be written.
    """
    if not rows:
        raise UsageError("there is nothing to report: no rows", "measure something first")
    found = protocols(rows)
    facts = _facts(rows, day or date.today())
    cases = choose(pictures, found, PICTURE_BYTES)
    target = folder / "report.html"
    for path, text in (
        (folder / "report.json", to_json(rows)),
        (folder / "report.csv", csv_lines(rows)),
        (folder / "report.md", markdown(title, facts, found)),
        (target, page(title, facts, found, cases, len(pictures))),
    ):
        # Names of files may hold what UTF-8 cannot.
        write_atomic(path, text.encode("utf-8", "replace"))
    return target


def _facts(rows: Sequence[Row], day: date) -> tuple[tuple[str, str], ...]:
    """What all numbers depend on, as names and values; mixtures are told, not hidden."""
    return (
        ("Version", _distinct(row.version for row in rows)),
        ("Commit", _distinct(row.commit for row in rows)),
        ("Machine", _distinct(row.machine for row in rows)),
        ("Date", day.isoformat()),
    )


def _distinct(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(value or "unknown" for value in values))


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
        for image, value in row.by_image.items():
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
