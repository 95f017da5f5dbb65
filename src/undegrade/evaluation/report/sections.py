"""Tables of the page: what margins at a glance, and models by metrics under each setting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.report.charts import Style
from undegrade.evaluation.report.margins import Margin, Margins
from undegrade.evaluation.report.markup import Markup, join, tag
from undegrade.evaluation.report.measures import MISSING, Measure, seconds
from undegrade.evaluation.report.tables import Protocol, Table, shown

_HEADS = (
    ("Setting", "text"),
    ("Metric", "text"),
    ("Best model", "text"),
    ("Its score", None),
    ("Margin over second", "text"),
    ("Input", None),
    ("Images", None),
)
"""Columns of the first table; words are set to the left, numbers to the right."""


def glance(found: Sequence[Protocol], identifiers: Sequence[str], margins: Margins) -> Markup:
    """One line a protocol and setting: the input, the best model, and its margin."""
    groups = []
    for protocol, identifier in zip(found, identifiers, strict=True):
        link = tag("a", protocol.title, href=f"#{identifier}")
        name = tag("div", link, tag("small", protocol.detail))
        title = tag("th", name, colspan=str(len(_HEADS)), scope="rowgroup")
        groups.append(
            tag(
                "tbody",
                tag("tr", title, class_="group"),
                [_glance_line(table, margins) for table in protocol.tables],
            )
        )
    columns = [tag("th", text, scope="col", class_=kind) for text, kind in _HEADS]
    head = tag("thead", tag("tr", columns))
    return _scrolled(tag("table", head, groups, class_="glance"), "The best of each setting")


def scores(table: Table, margins: Margins, look: Mapping[str, Style]) -> Markup:
    """Models by metrics, the published row of the input above, the margin of the best below."""
    heads = [tag("th", "Model", scope="col"), *(_head(one) for one in table.measures)]
    timed = bool(table.speeds)
    if timed:
        heads.append(tag("th", "Time", tag("small", "s/MP"), scope="col"))
    heads.append(tag("th", "Images", tag("small", "n"), scope="col"))
    columns = len(heads)
    body = [
        _gate(table, columns),
        *(_line(table, model, margins, look, timed) for model in table.models),
    ]
    return _scrolled(
        tag(
            "table",
            tag("caption", table.setting),
            tag("thead", tag("tr", heads)),
            tag("tbody", [line for line in body if line is not None]),
            _foot(table, margins, columns),
            class_="scores",
        ),
        f"Scores, {table.setting}",
    )


def width(protocol: Protocol) -> str:
    """About what the widest table of *protocol* needs, as a length of CSS."""
    letters = max(len(shown(model)) for model in protocol.models)
    measures = max(len(table.measures) for table in protocol.tables)
    return f"{11 + 0.5 * max(letters, 20) + 7.4 * measures:.1f}rem"


def _glance_line(table: Table, margins: Margins) -> Markup:
    measure = table.measures[0]
    leaders = table.leaders(measure)
    best = leaders[0] if len(leaders) > 1 else None
    base = next((model for model in table.models if model in BASELINES), None)
    count = str(max(row.n for row in table.cells.values()))
    margin = margins.get((table.protocol, table.setting, measure.key))
    whole = margin and join(
        measure.change(margin.gain), " ", _interval(margin, measure), _doubt(margin)
    )
    cells = [
        tag("td", f"{measure.title} {measure.arrow}", class_="text"),
        tag("td", shown(best) if best else MISSING, class_="text"),
        tag("td", tag("strong", measure.text(table.mean(best, measure) if best else None))),
        tag("td", whole or MISSING, class_="text"),
        tag("td", measure.text(table.mean(base, measure) if base else None)),
        tag("td", count),
    ]
    return tag("tr", tag("th", table.setting, scope="row"), cells)


def _head(measure: Measure) -> Markup:
    arrow = tag("span", measure.arrow, aria_hidden="true")
    hidden = tag("span", f", {measure.better}", class_="unseen")
    unit = tag("small", measure.unit or "\N{NO-BREAK SPACE}")
    return tag("th", measure.label, " ", arrow, hidden, unit, scope="col", title=measure.better)


def _gate(table: Table, columns: int) -> Markup | None:
    """The published values of the untouched input; the measured ones stand in its own row."""
    if not table.gates:
        return None
    cells = [tag("td", measure.text(table.gates.get(measure.key))) for measure in table.measures]
    rest = [tag("td") for _ in range(columns - 1 - len(cells))]
    return tag("tr", tag("th", "published, of the input", scope="row"), cells, rest, class_="gate")


def _line(
    table: Table, model: str, margins: Margins, look: Mapping[str, Style], timed: bool
) -> Markup:
    cells = [
        _cell(table, model, measure, margins.get((table.protocol, table.setting, measure.key)))
        for measure in table.measures
    ]
    if timed:
        cells.append(tag("td", seconds(table.speeds.get(model))))
    cells.append(tag("td", table.count(model)))
    name = tag("th", look[model].swatch(), shown(model), scope="row")
    return tag("tr", name, cells, class_="base" if model in BASELINES else None)


def _cell(table: Table, model: str, measure: Measure, margin: Margin | None) -> Markup:
    text = measure.text(table.mean(model, measure))
    mark = table.marks[model, measure.key]
    if mark == "best":
        noise = margin is not None and margin.noise
        near = tag("span", "\N{ALMOST EQUAL TO}", class_="near", aria_hidden="true")
        words = tag("span", " best, but noise" if noise else " best", class_="unseen")
        return tag("td", tag("strong", text), near if noise else None, words)
    if mark == "second":
        second = tag("span", " second best", class_="unseen")
        return tag("td", tag("span", text, class_="second"), second)
    return tag("td", text)


def _foot(table: Table, margins: Margins, columns: int) -> Markup | None:
    found = [margins.get((table.protocol, table.setting, one.key)) for one in table.measures]
    if not any(found):
        return None
    cells = [
        tag("td", _doubt(margin), measure.change(margin.gain), _interval(margin, measure))
        if margin
        else tag("td", MISSING)
        for margin, measure in zip(found, table.measures, strict=True)
    ]
    rest = [tag("td") for _ in range(columns - 1 - len(cells))]
    head = tag("th", "lead of the best", scope="row")
    return tag("tfoot", tag("tr", head, cells, rest))


def _interval(margin: Margin, measure: Measure) -> Markup:
    return tag("small", margin.interval(measure), class_="interval")


def _doubt(margin: Margin) -> Markup | None:
    return tag("span", "noise", class_="noise") if margin.noise else None


def _scrolled(table: Markup, label: str) -> Markup:
    """What is too wide scrolls by itself, with keys too."""
    return tag("div", table, class_="scrolled", role="region", aria_label=label, tabindex="0")
