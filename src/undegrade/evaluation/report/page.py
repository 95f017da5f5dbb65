"""The page: its parts put into ``page.html``, with style, script and data inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from importlib import resources
from string import Template
from typing import Any

from undegrade.evaluation.report.cases import Case
from undegrade.evaluation.report.gallery import gallery, gallery_data
from undegrade.evaluation.report.margins import Margins
from undegrade.evaluation.report.markup import Markup, join, json_block, tag
from undegrade.evaluation.report.plots import plots, scatter_data, styles
from undegrade.evaluation.report.sections import glance, scores, width
from undegrade.evaluation.report.tables import Protocol, shown


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
    identifiers = [f"protocol-{number}" for number, _ in enumerate(found, 1)]
    sections = [
        tag(
            "section",
            tag("h2", protocol.title),
            tag("p", protocol.detail, class_="protocol") if protocol.detail else None,
            tag(
                "div",
                [scores(table, margins, look) for table in protocol.tables],
                class_="tables",
                style=f"--need:{width(protocol)}",
            ),
            plots(identifier, protocol, look, links),
            id=identifier,
        )
        for identifier, protocol in zip(identifiers, found, strict=True)
    ]
    if cases:
        heading = tag("h2", "Pictures")
        sections.append(tag("section", heading, gallery(cases, found, offered), id="pictures"))
    style, script = _resource("page.css"), _resource("page.js")
    return Template(_resource("page.html")).substitute(
        title=join(title),
        policy=_policy(script),
        style=style,
        script=script,
        facts=_facts(facts),
        contents=_contents(found, identifiers, bool(cases)),
        glance=glance(found, identifiers, margins),
        sections=join(sections),
        data=json_block("data", _data(found, identifiers, links, cases)),
    )


def _data(
    found: Sequence[Protocol],
    identifiers: Sequence[str],
    links: dict[tuple[str, str, str], str],
    cases: Sequence[Case],
) -> dict[str, Any]:
    """All that ``page.js`` reads."""
    look = styles(found)
    return {
        "plots": {
            identifier: {
                "models": list(protocol.models),
                "names": [shown(model) for model in protocol.models],
                "styles": [[look[m].colour, look[m].marker] for m in protocol.models],
                "settings": scatter_data(protocol, links),
            }
            for identifier, protocol in zip(identifiers, found, strict=True)
        },
        "losses": gallery_data(cases),
    }


def _facts(facts: Sequence[tuple[str, str]]) -> Markup:
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in facts])


def _contents(found: Sequence[Protocol], identifiers: Sequence[str], pictures: bool) -> Markup:
    places = [("glance", "At a glance")]
    places += [(i, protocol.title) for i, protocol in zip(identifiers, found, strict=True)]
    places += [("pictures", "Pictures")] if pictures else []
    places += [("reading", "How to read this")]
    return tag("ol", [tag("li", tag("a", text, href=f"#{target}")) for target, text in places])


def _policy(script: str) -> str:
    """Nothing may be loaded, and no script run but the page's own, whatever stands in a name."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    own = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return f"default-src 'none'; img-src data:; {own}"


def _resource(name: str) -> str:
    return (resources.files("undegrade.evaluation.report") / name).read_text(encoding="utf-8")
