"""The page: what was found, put into ``page.html`` with style, scripts and data inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import Any

from undegrade.errors import UsageError
from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.report import vega
from undegrade.evaluation.report.cases import INPUT, TRUTH, Case
from undegrade.evaluation.report.charts import (
    Chart,
    Links,
    Style,
    against_time,
    by_image,
    over_settings,
    scatter_data,
    styles,
)
from undegrade.evaluation.report.margins import Margins
from undegrade.evaluation.report.measures import MISSING, seconds
from undegrade.evaluation.report.tables import Protocol, Table, shown
from undegrade.evaluation.rows import counted

ZOOMS = (1, 2, 4)


def page(
    title: str,
    facts: Sequence[tuple[str, str]],
    found: Sequence[Protocol],
    margins: Margins,
    cases: Sequence[Case],
    offered: int,
) -> str:
    """The whole file, which refers to nothing outside it; *offered* pictures could be shown."""
    look = styles(found)
    links = {(case.protocol, case.setting, case.image): case.identifier for case in cases}
    sections = {f"protocol-{n}": protocol for n, protocol in enumerate(found, 1)}
    scatters = {name: _scatter(protocol, look, links) for name, protocol in sections.items()}
    drawn = any(scatters.values())
    script = (vega.script() if drawn else "") + "\n" + _resource("page.js")
    template = _environment().get_template("page.html")
    text: str = template.render(
        title=title,
        facts=facts,
        sections=sections,
        margins=margins,
        look=look,
        over_settings=over_settings,
        against_time=against_time,
        scatters=scatters,
        cases=cases,
        offered=offered,
        tile_name=_tile_name,
        data={
            "plots": {
                name: _plot(sections[name], scatter["chart"], look, links)
                for name, scatter in scatters.items()
                if scatter
            },
            "losses": _losses(cases),
        },
        style=_resource("page.css"),
        script=script,
        policy=_policy(script),
    )
    return text


def _environment() -> Any:
    """Templates in which everything that is not markup yet is escaped."""
    try:
        import jinja2
        from markupsafe import Markup
    except ModuleNotFoundError:
        raise UsageError(
            "a report needs the package 'jinja2'", "pip install 'undegrade[eval]'"
        ) from None

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("undegrade.evaluation.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawing: Callable[[Chart], Markup] = lambda chart: Markup(vega.svg(chart.spec))  # noqa: E731
    made.filters |= {"drawn": drawing, "shown": shown, "seconds": seconds, "counted": counted}
    made.globals |= {
        "BASELINES": BASELINES,
        "INPUT": INPUT,
        "MISSING": MISSING,
        "NAMED": (INPUT, TRUTH),
        "ZOOMS": ZOOMS,
        "width": _width,
    }
    return made


def _scatter(
    protocol: Protocol, look: Mapping[str, Style], links: Links
) -> Mapping[str, Any] | None:
    """The scatter of the two best, and what is chosen in it; nothing for one model."""
    for setting, table in enumerate(protocol.tables):
        measure = table.measures[0]
        leaders = table.leaders(measure)
        if len(leaders) == 2:
            best, second = leaders
            return {
                "chart": by_image(table, measure, (second, best), look, links),
                "setting": setting,
                "metric": protocol.measures.index(measure),
                "a": protocol.models.index(second),
                "b": protocol.models.index(best),
            }
    return None


def _plot(
    protocol: Protocol, chart: Chart, look: Mapping[str, Style], links: Links
) -> dict[str, Any]:
    """All that ``page.js`` needs to draw a scatter anew."""
    return {
        "models": list(protocol.models),
        "names": [shown(model) for model in protocol.models],
        "marks": [look[model].marks for model in protocol.models],
        "settings": scatter_data(protocol, links),
        "spec": chart.spec,
    }


def _losses(cases: Sequence[Case]) -> dict[str, Any]:
    """What scripts need to sort: by case and model how far it is behind, and whom.

    Infinity is a large number here, for JSON has none.
    """
    return {
        case.identifier: {
            model: [max(-1e9, min(1e9, loss.amount)), _tile_name(case, loss.rival)]
            for model, loss in case.losses.items()
        }
        for case in cases
    }


def _tile_name(case: Case, model: str) -> str:
    """How the tile of *model* is called; the input's where only that is shown."""
    names = [tile.name for tile in case.tiles]
    return shown(model) if model in names else INPUT


def _width(protocol: Protocol) -> str:
    """About what the widest table of *protocol* needs, as a length of CSS."""

    def columns(table: Table) -> int:
        return len(table.measures) + bool(table.worse)

    letters = max(len(shown(model)) for model in protocol.models)
    return f"{11 + 0.5 * max(letters, 20) + 7.4 * max(map(columns, protocol.tables)):.1f}rem"


def _policy(script: str) -> str:
    """Nothing may be loaded, and no script run but the page's own, whatever stands in a name."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return f"default-src 'none'; img-src data:; {own}"


def _resource(name: str) -> str:
    return (resources.files("undegrade.evaluation.report") / name).read_text(encoding="utf-8")
