"""Which plots a protocol gets: over its settings, against time, and image by image."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.report.charts import (
    BASE,
    Axis,
    Point,
    Series,
    Style,
    dot_chart,
    line_chart,
    scatter,
)
from undegrade.evaluation.report.markup import Markup, join, tag
from undegrade.evaluation.report.measures import Measure, seconds
from undegrade.evaluation.report.scales import linear, logarithmic, settings_scale
from undegrade.evaluation.report.tables import Protocol, Table, shown

Links = Mapping[tuple[str, str, str], str]
"""Fragment of the case of a protocol, a setting and an image."""

_SETTINGS = {
    "sigma": "Noise \N{GREEK SMALL LETTER SIGMA} (8-bit levels)",
    "quality": "JPEG quality (0 to 100)",
    "x": "Enlargement (times, along a side)",
}
"""What stands before the number of a setting, as the title of an axis."""
_TIME = "Seconds per megapixel of output (s/MP, logarithmic)"
_NUMBERED = re.compile(r"(.*?)\s*(\d+(?:\.\d+)?)")


def styles(found: Sequence[Protocol]) -> dict[str, Style]:
    """One style a model, the same wherever it is drawn."""
    models = dict.fromkeys(model for protocol in found for model in protocol.models)
    trained = [model for model in models if model not in BASELINES]
    numbered = {model: Style.number(index) for index, model in enumerate(trained)}
    return {model: numbered.get(model, BASE) for model in models}


def plots(identifier: str, protocol: Protocol, look: Mapping[str, Style], links: Links) -> Markup:
    """All plots of *protocol*; *identifier* is unique on the page."""
    return join(
        _legend(protocol.models, look),
        _over_settings(protocol, look),
        _against_time(identifier, protocol, look),
        _by_image(identifier, protocol, look, links),
    )


def scatter_data(protocol: Protocol, links: Links) -> list[dict[str, Any]]:
    """What scripts need to draw the scatter of each setting anew; null where nothing is finite."""
    data = []
    for table in protocol.tables:
        images = _images(table)
        data.append(
            {
                "images": images,
                "cases": [
                    links.get((table.protocol, table.setting, image), "") for image in images
                ],
                "metrics": [
                    {
                        "title": one.title,
                        "unit": one.unit,
                        "digits": one.digits,
                        "higher": one.higher,
                        "values": {
                            model: [_finite(values.get(image)) for image in images]
                            for model in table.models
                            if (values := table.image_values(model, one))
                        },
                    }
                    for one in _measures(protocol)
                ],
            }
        )
    return data


def _legend(models: Iterable[str], look: Mapping[str, Style]) -> Markup:
    items = [tag("li", look[model].swatch(), shown(model)) for model in models]
    return tag("ul", *items, class_="legend", aria_label="Models")


def _over_settings(protocol: Protocol, look: Mapping[str, Style]) -> Markup | None:
    """A chart for each metric, a line for each model; nothing where settings are no numbers."""
    numbers = [_NUMBERED.fullmatch(table.setting) for table in protocol.tables]
    kinds = {found[1] for found in numbers if found}
    places = [float(found[2]) for found in numbers if found]
    if len(places) != len(numbers) or len(kinds) != 1 or len(set(places)) < 2:
        return None
    kind = kinds.pop()
    x = Axis(_SETTINGS.get(kind, kind.capitalize() or "Setting"), settings_scale(places))
    tables = list(zip(places, protocol.tables, strict=True))
    charts = []
    for measure in _measures(protocol):
        series = [
            Series(model, look[model], tuple(_setting_points(model, measure, tables)))
            for model in protocol.models
        ]
        y = Axis(_y_title(measure), linear(p.y for one in series for p in one.points))
        label = f"{measure.title} of each model over {x.title}; the tables hold the same numbers"
        charts.append(tag("figure", line_chart(label, x, y, series)))
    return join(tag("h4", "Over the settings"), tag("div", *charts, class_="charts"))


def _setting_points(
    model: str, measure: Measure, tables: Iterable[tuple[float, Table]]
) -> Iterable[Point]:
    for place, table in sorted(tables, key=lambda pair: pair[0]):
        mean = table.mean(model, measure)
        if mean is not None:
            tip = f"{shown(model)}, {table.setting}: {measure.text(mean)}{measure.space_unit}"
            yield Point(place, mean, tip)


def _against_time(identifier: str, protocol: Protocol, look: Mapping[str, Style]) -> Markup | None:
    """For each setting a chart for each metric; nothing where no times were taken."""
    panels = []
    timed = [table for table in protocol.tables if table.speeds]
    for table in timed:
        charts = [
            chart for measure in table.measures if (chart := _time_chart(table, measure, look))
        ]
        # Without scripts all panels show, so each says which setting it is of.
        heading = tag("p", table.setting, class_="panel-name")
        panels.append(tag("div", heading, tag("div", *charts, class_="charts"), class_="panel"))
    if not panels:
        return None
    select = _select(f"{identifier}-speed", "Setting", [table.setting for table in timed])
    return join(
        tag("h4", "Against time"),
        tag("div", select, class_="controls", hidden=True) if len(panels) > 1 else None,
        tag("div", *panels, class_="panels", data_select=f"{identifier}-speed"),
        tag(
            "p",
            "The thin line joins the models that no other one beats in both time and quality.",
            class_="note",
        ),
    )


def _time_chart(table: Table, measure: Measure, look: Mapping[str, Style]) -> Markup | None:
    series: list[Series] = []
    levels: list[Point] = []
    for model in table.models:
        mean = table.mean(model, measure)
        if mean is None or not math.isfinite(mean):
            continue
        value = f"{measure.text(mean)}{measure.space_unit}"
        time = table.speeds.get(model)
        if time is not None and time > 0:
            tip = f"{model}: {value} at {seconds(time)}\N{NO-BREAK SPACE}s/MP"
            series.append(Series(model, look[model], (Point(time, mean, tip),)))
        elif model in BASELINES:
            tip = f"{shown(model)}: {value}"
            levels.append(Point(0.0, mean, tip))
    if not series:
        return None
    x = Axis(_TIME, logarithmic(p.x for one in series for p in one.points))
    y = Axis(_y_title(measure), linear(p.y for one in series for p in one.points))
    label = f"{measure.title} of each model against its seconds per megapixel, {table.setting}"
    inside = [level for level in levels if 0 <= y.scale.at(level.y) <= 1]
    beyond = [f"Off the chart: {level.tip}" for level in levels if level not in inside]
    chart = dot_chart(label, x, y, series, inside, measure.higher)
    return tag("figure", chart, [tag("figcaption", text) for text in beyond])


def _by_image(
    identifier: str, protocol: Protocol, look: Mapping[str, Style], links: Links
) -> Markup | None:
    """The scatter of the two best, and what to choose others with; nothing for one model."""
    pairs = [table.leaders(table.measures[0]) for table in protocol.tables]
    setting = next((index for index, pair in enumerate(pairs) if len(pair) == 2), None)
    if setting is None:
        return None
    table, (best, second) = protocol.tables[setting], pairs[setting]
    measure = table.measures[0]
    measures, models = _measures(protocol), protocol.models
    labels, names = [one.label for one in measures], [shown(model) for model in models]
    controls = tag(
        "div",
        _select(f"{identifier}-setting", "Setting", _settings(protocol), setting),
        _select(f"{identifier}-metric", "Metric", labels, measures.index(measure)),
        _select(f"{identifier}-a", "Model A, across", names, models.index(second)),
        _select(f"{identifier}-b", "Model B, up", names, models.index(best)),
        _select(f"{identifier}-up", "Shown", ["B against A", "gain of B over A"]),
        class_="controls",
        hidden=True,
    )
    chart, verdict = _scatter(table, measure, (second, best), look, links)
    return join(
        tag("h4", "Image by image"),
        controls,
        tag(
            "figure",
            chart,
            tag("figcaption", verdict, aria_live="polite"),
            class_="by-image",
            data_plot=identifier,
        ),
    )


def _scatter(
    table: Table,
    measure: Measure,
    pair: tuple[str, str],
    look: Mapping[str, Style],
    links: Links,
) -> tuple[Markup, str]:
    """The scatter of a pair of models and its sentence; ``page.js`` draws and says the same."""
    first, second = (table.image_values(model, measure) for model in pair)
    names = [shown(model) for model in pair]
    shared = [image for image in first if image in second]
    drawn = [i for i in shared if math.isfinite(first[i]) and math.isfinite(second[i])]
    points: dict[str, list[Point]] = {model: [] for model in pair}
    wins = 0
    for image in drawn:
        a, b = first[image], second[image]
        gain = measure.gain(b, a)
        wins += gain > 0
        tip = f"{image}: {names[0]} {measure.text(a)}, {names[1]} {measure.text(b)}"
        target = links.get((table.protocol, table.setting, image), "")
        points[pair[1] if gain > 0 else pair[0]].append(Point(a, b, tip, target))
    scale = linear([*(first[i] for i in drawn), *(second[i] for i in drawn)])
    titles = [f"{name}: {measure.title}" for name in names]
    series = [Series(model, look[model], tuple(found)) for model, found in points.items()]
    chart = scatter(
        f"{measure.title} of {names[1]} against {names[0]}, a point an image, {table.setting}",
        Axis(titles[0], scale),
        Axis(titles[1], scale),
        series,
    )
    side = "above" if measure.higher else "below"
    verdict = (
        f"{table.setting}: {names[1]} is better than {names[0]} on {wins} of {len(drawn)} images, "
        f"those {side} the line."
    )
    if any(one.target for found in points.values() for one in found):
        verdict += " Outlined points lead to their pictures."
    if len(drawn) < len(shared):
        verdict += f" Not drawn: {len(shared) - len(drawn)} that are not finite."
    return chart, verdict


def _measures(protocol: Protocol) -> tuple[Measure, ...]:
    return tuple(dict.fromkeys(one for table in protocol.tables for one in table.measures))


def _settings(protocol: Protocol) -> list[str]:
    return [table.setting for table in protocol.tables]


def _images(table: Table) -> list[str]:
    """All images of a table, each once."""
    return list(dict.fromkeys(image for row in table.cells.values() for image in row.images))


def _y_title(measure: Measure) -> str:
    return f"{measure.title}, {measure.better}"


def _select(identifier: str, label: str, options: Sequence[str], chosen: int = 0) -> Markup:
    """A labelled drop-down whose values are places in *options*."""
    items = [
        tag("option", text, value=str(index), selected=index == chosen)
        for index, text in enumerate(options)
    ]
    return tag("label", tag("span", label), tag("select", *items, id=identifier))


def _finite(value: float | None) -> float | None:
    """Six figures are enough to draw."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
