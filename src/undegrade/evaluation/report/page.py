"""The page: what was found, put into ``page.html`` with style, scripts and data inside.

Plots are drawn by ``vl-convert-python``, which holds the scripts of Vega and Vega-Lite (BSD
3-clause) and an engine to run them: without a browser, and the page that draws plots itself needs
no network.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module, resources
from importlib.metadata import version
from typing import Any

from undegrade.errors import UsageError
from undegrade.evaluation.contenders import BASELINES
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
from undegrade.evaluation.rows import counted
from undegrade.evaluation.tables import MISSING, Protocol, Table, seconds, shown
from undegrade.metrics.weights import cache_folder, keep

ZOOMS = (1, 2, 4)
SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""What the script does: it hands out the function that draws."""
_BASE = "https://vega.github.io/vega-datasets/"
"""What the engine puts before links to fragments."""


def page(
    title: str,
    facts: Sequence[tuple[str, str]],
    found: Sequence[Protocol],
    cases: Sequence[Case],
    offered: int,
) -> str:
    """The whole file, which refers to nothing outside it; *offered* pictures could be shown."""
    look = styles(found)
    links = {}
    for case in cases:
        shot = case.known.pictures
        links[shot.protocol, shot.setting, shot.image] = case.identifier
    sections = {f"protocol-{n}": protocol for n, protocol in enumerate(found, 1)}
    scatters = {name: _scatter(protocol, look, links) for name, protocol in sections.items()}
    drawn = any(scatters.values())
    script = (vega_script() if drawn else "") + "\n" + _resource("page.js")
    template = _environment().get_template("page.html")
    text: str = template.render(
        title=title,
        facts=facts,
        sections=sections,
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
    jinja2 = _brought("jinja2", "jinja2")
    from markupsafe import Markup

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("undegrade.evaluation.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawing: Callable[[Chart], Markup] = lambda chart: Markup(svg(chart.spec))  # noqa: E731
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
            for model, loss in case.known.losses.items()
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


def svg(spec: dict[str, Any]) -> str:
    """A plot as an element of HTML, with classes, links and labels but no namespaces."""
    drawn: str = _engine().vegalite_to_svg({**spec, "autosize": {"type": "pad"}})
    drawn = re.sub(r' xmlns(:xlink)?="[^"]*"', "", drawn)
    return drawn.replace(f'xlink:href="{_BASE}#', 'href="#').strip()


@functools.cache
def vega_script() -> str:
    """The library as a script; bundled once for each version of it, and kept."""
    kept = cache_folder().with_name("scripts") / f"vega-{version('vl-convert-python')}.js"
    if kept.is_file():
        return kept.read_text(encoding="utf-8")
    # Inside <script> nothing may look like its end, or like a comment; only strings do.
    bundled: str = _engine().javascript_bundle(SNIPPET)
    bundled = bundled.replace("</script", r"<\/script").replace("<!--", r"<\!--")
    # Its hundreds of short names are nobody else's business.
    bundled = f"(() => {{{bundled}}})();\n"
    keep(bundled.encode(), kept)
    return bundled


def _engine() -> Any:
    return _brought("vl_convert", "vl-convert-python")


def _brought(module: str, package: str) -> Any:
    """A module that ``undegrade[eval]`` brings; raises :class:`UsageError` where it is missing."""
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UsageError(
            f"a report needs the package {package!r}", "pip install 'undegrade[eval]'"
        ) from None
