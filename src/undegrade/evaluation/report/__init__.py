"""What a benchmark measured, as one self-contained page, and as Markdown, CSV and JSON beside it.

:func:`write` is all there is to call. The page opens from disk, from a mail or from a server, needs
no network, and shows its tables, plots and pictures without JavaScript too; scripts add sorting,
the slider and the zoom.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path

from undegrade.errors import UsageError
from undegrade.evaluation.report.cases import choose
from undegrade.evaluation.report.page import page
from undegrade.evaluation.report.text import csv_lines, markdown
from undegrade.evaluation.rows import Pictures, Row, to_json
from undegrade.evaluation.tables import protocols
from undegrade.picture import write_atomic

__all__ = ["write"]

PICTURE_BYTES = 8_500_000
"""Of all pictures in the page, so that the whole stays below 10 MB."""


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
    title: of the page.
    day: on which it was measured; today if it is not given.

    Returns
    -------
    The path of ``report.html``, which needs none of the other files.

    Raises
    ------
    UsageError: no rows, or an unknown metric.
    OutputError: a file cannot be written.
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
