"""Cases as HTML: crops side by side, and the place where scripts put the slider."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from undegrade.evaluation.report.cases import INPUT, TRUTH, Case, Tile
from undegrade.evaluation.report.markup import Markup, join, tag
from undegrade.evaluation.report.measures import Measure
from undegrade.evaluation.report.tables import Protocol, shown

ZOOMS = (1, 2, 4)


def gallery(cases: Sequence[Case], protocols: Sequence[Protocol], offered: int) -> Markup:
    """All cases under their protocols and settings; *offered* is how many there could be."""
    titles = {protocol.name: protocol.title for protocol in protocols}
    parts: list[Markup] = []
    for (name, setting), group in groupby(cases, key=lambda case: (case.protocol, case.setting)):
        parts.append(
            tag(
                "section",
                tag("h3", titles.get(name, name), tag("span", f" {setting}", class_="setting")),
                tag("div", [_case(case) for case in group], class_="cases"),
            )
        )
    count = f"{len(cases)} of {offered} pictures" if len(cases) < offered else f"{len(cases)}"
    lead = (
        f"{count}, cut where the model furthest behind loses most; the worst first. The scores are "
        "of the whole pictures."
    )
    return join(tag("p", lead), _toolbar(cases), parts)


def gallery_data(cases: Sequence[Case]) -> dict[str, Any]:
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


def _toolbar(cases: Sequence[Case]) -> Markup:
    models = list(dict.fromkeys(model for case in cases for model in case.losses))
    options = [tag("option", "any model", value=""), *(tag("option", m, value=m) for m in models)]
    zooms = [
        tag(
            "label",
            tag("input", type="radio", name="zoom", value=str(zoom), checked=zoom == 1),
            tag("span", f"{zoom}:1"),
        )
        for zoom in ZOOMS
    ]
    hint = "Drag the divider, or move it with the arrow keys; drag enlarged crops to look around."
    return tag(
        "div",
        tag("fieldset", tag("legend", "Zoom"), zooms, class_="zooms"),
        tag("label", tag("span", "Worst for"), tag("select", options, id="worst-for")),
        tag(
            "label",
            tag("input", type="checkbox", id="difference"),
            tag("span", "Difference, 8 times"),
            class_="check",
        ),
        tag("p", hint, class_="hint"),
        class_="controls toolbar",
        id="gallery-controls",
        hidden=True,
    )


def _tile_name(case: Case, model: str) -> str:
    """How the tile of *model* is called; the input's where only that is shown."""
    names = [tile.name for tile in case.tiles]
    return shown(model) if model in names else INPUT


def _case(case: Case) -> Markup:
    width, height = case.side
    left, top, across, down = (f"{100 * part:.2f}%" for part in case.place)
    frame = tag("span", class_="place", style=f"left:{left};top:{top};width:{across};height:{down}")
    where = tag(
        "span",
        tag("img", src=case.thumbnail, alt=f"The whole of {case.image}, the crop marked"),
        frame,
        class_="whole",
    )
    worst = case.worst
    left_name = worst or case.tiles[0].name
    right_name = _tile_name(case, case.losses[worst].rival) if worst else case.tiles[-1].name
    heading = tag("h4", tag("a", case.image, href=f"#{case.identifier}"))
    return tag(
        "article",
        tag("header", where, tag("div", heading, _verdict(case))),
        tag("div", class_="compare", hidden=True, data_left=left_name, data_right=right_name),
        tag("ul", [_tile(case, tile) for tile in case.tiles], class_="strip"),
        class_="case",
        id=case.identifier,
        style=f"--w:{width};--h:{height}",
    )


def _verdict(case: Case) -> Markup | None:
    """Who is furthest behind whom, and who does harm."""
    if case.worst is None:
        return None
    measure, loss = case.measures[0], case.losses[case.worst]
    side = "behind" if loss.amount >= 0 else "ahead of"
    amount = f"{measure.text(abs(loss.amount))}{measure.space_unit} {measure.label}"
    text = tag("p", tag("b", case.worst), f" is {amount} {side} ", tag("b", shown(loss.rival)))
    harm = (
        tag("p", "Worse than the input: ", tag("b", ", ".join(case.harmed)), class_="harm")
        if case.harmed
        else None
    )
    return join(text, harm)


def _tile(case: Case, tile: Tile) -> Markup:
    width, height = case.side
    name = tile.name if tile.name in (INPUT, TRUTH) else shown(tile.name)
    note = f" (pixels {tile.repeated} times as large)" if tile.repeated > 1 else ""
    picture = tag(
        "img", src=tile.uri, alt=f"{name}: crop of {case.image}", width=width, height=height
    )
    values = [_value(measure, tile) for measure in case.measures if measure.key in tile.scores]
    return tag(
        "li",
        tag("div", picture, class_="window"),
        tag("b", name),
        tag("small", note) if note else None,
        tag("span", values, class_="values") if values else None,
        data_name=name,
    )


def _value(measure: Measure, tile: Tile) -> Markup:
    text = measure.text(tile.scores[measure.key])
    return tag("span", tag("small", measure.label), f" {text}{measure.space_unit} ")
