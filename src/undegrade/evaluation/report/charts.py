"""Plots as Vega-Lite specifications: over the settings, against time, and image by image.

Each is drawn once, when the page is written; the last one scripts draw anew for other choices, from
the same specification. Colours are variables of ``page.css``, so that plots follow the theme; a
model has the same colour and marker all over the page.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.tables import Measure, Protocol, Table, seconds, shown

Spec: TypeAlias = dict[str, Any]
"""Of Vega-Lite."""

Links: TypeAlias = Mapping[tuple[str, str, str], str]
"""Fragment of the case of a protocol, a setting and an image."""

COLOURS = 7
"""Colours in ``page.css``, as variables ``--c0`` to ``--c6``; ``--base`` is the input's."""
_MARKERS = (
    "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0 -1 0Z",  # circle
    "M-.9 -.9H.9V.9H-.9Z",  # square
    "M0 -1.1L1.1 .85H-1.1Z",  # triangle
    "M0 -1.2L1.2 0L0 1.2L-1.2 0Z",  # diamond
    "M0 1.1L1.1 -.85H-1.1Z",  # triangle on its tip
    "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",  # plus
)
"""Around the origin, about 1 in radius."""
_CROSS = "M-.9 -.9L.9 .9M-.9 .9L.9 -.9"
_WIDTH, _HEIGHT, _SIDE = 360, 240, 320
"""Of a plot's inside, in units of a pixel; the last of the scatter, which is square."""
_SIZE, _HIT = 80, 480
"""Area of a marker, and of what the pointer has to meet."""
_MARGIN = 0.06
"""Free space at both ends of an axis, as a part of the range."""
_LETTER, _LINE = 6.4, 13.0
"""Size of a letter of a label, generously."""
_SETTINGS = {
    "sigma": "Noise \N{GREEK SMALL LETTER SIGMA} (8-bit levels)",
    "told": "Noise \N{GREEK SMALL LETTER SIGMA} that is told (8-bit levels)",
    "quality": "JPEG quality (0 to 100)",
    "iso": "Sensitivity (ISO)",
    "x": "Enlargement (times, along a side)",
}
"""What stands before the number of a setting, as the title of an axis."""
_TIME = "Seconds per megapixel of output (s/MP, logarithmic)"
_NUMBERED = re.compile(r"(.*?)\s*(\d+(?:\.\d+)?)")
_CONFIG: Spec = {
    "font": "sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--soft)",
        "titleColor": "var(--ink)",
        "gridColor": "var(--rule)",
        "domainColor": "var(--edge)",
        "tickColor": "var(--edge)",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 9,
        "titleLimit": 400,
        "tickCount": 5,
    },
}


@dataclass(frozen=True)
class Style:
    """How a model is drawn."""

    colour: str
    """A variable of ``page.css``."""
    marker: str
    """A path of SVG, about 1 in radius."""

    @classmethod
    def number(cls, index: int) -> Style:
        """The style of the *index*-th model; the first 42 differ."""
        return cls(f"c{index % COLOURS}", _MARKERS[index % len(_MARKERS)])

    @property
    def marks(self) -> dict[str, str]:
        """The fields of a point."""
        fill, edge = f"var(--{self.colour})", "var(--paper)"
        return {"shape": self.marker, "fill": fill, "edge": fill if self == BASE else edge}


BASE = Style("base", _CROSS)
"""Of the input: a grey cross, and dashed lines."""


@dataclass(frozen=True)
class Chart:
    """A plot with what is said of it."""

    label: str
    """For who cannot see it."""
    spec: Spec
    notes: tuple[str, ...] = ()
    """To be written below it."""


def styles(found: Sequence[Protocol]) -> dict[str, Style]:
    """One style a model, the same wherever it is drawn."""
    models = dict.fromkeys(model for protocol in found for model in protocol.models)
    trained = [model for model in models if model not in BASELINES]
    numbered = {model: Style.number(index) for index, model in enumerate(trained)}
    return {model: numbered.get(model, BASE) for model in models}


def over_settings(protocol: Protocol, look: Mapping[str, Style]) -> list[Chart]:
    """A chart for each metric, a line for each model; nothing where settings are no numbers."""
    numbers = [_NUMBERED.fullmatch(table.setting) for table in protocol.tables]
    kinds = {found[1] for found in numbers if found}
    places = [float(found[2]) for found in numbers if found]
    if len(places) != len(numbers) or len(kinds) != 1 or len(set(places)) < 2:
        return []
    kind = kinds.pop()
    title = _SETTINGS.get(kind, kind.capitalize() or "Setting")
    tables = sorted(zip(places, protocol.tables, strict=True), key=lambda pair: pair[0])
    x = {**_axis(title, "x"), "axis": {"values": sorted(set(places))}}
    x["scale"] |= {"padding": 16}
    charts = []
    for measure in protocol.measures:
        points = [
            {"model": model, "x": place, "y": mean, "tip": tip, **look[model].marks}
            for model in protocol.models
            for place, table in tables
            if (mean := table.mean(model, measure)) is not None and math.isfinite(mean)
            for tip in [_tip(f"{shown(model)}, {table.setting}", mean, measure)]
        ]
        y = _axis(f"{measure.title}, {measure.better}", "y")
        dash = {"condition": {"test": "datum.shape == datum.cross", "value": [5, 4]}, "value": []}
        kept_apart = {"detail": {"field": "model"}, "stroke": _own("fill"), "strokeDash": dash}
        line = _layer("line", {"x": x, "y": y, **kept_apart})
        label = f"{measure.title} of each model over {title}; the tables hold the same numbers"
        for point in points:
            point["cross"] = _CROSS
        if points:
            charts.append(Chart(label, _spec([line, *_dots(x, y)], points)))
    return charts


def against_time(table: Table, look: Mapping[str, Style]) -> list[Chart]:
    """A chart for each metric; nothing where no times were taken."""
    return [chart for one in table.measures if (chart := _against_time(table, one, look))]


def by_image(
    table: Table,
    measure: Measure,
    pair: tuple[str, str],
    look: Mapping[str, Style],
    links: Links,
) -> Chart:
    """The scatter of a pair of models; ``page.js`` fills the same specification for others."""
    first, second = (table.image_values(model, measure) for model in pair)
    names = [shown(model) for model in pair]
    shared = [image for image in first if image in second]
    drawn = [i for i in shared if math.isfinite(first[i]) and math.isfinite(second[i])]
    points, wins = [], 0
    for image in drawn:
        a, b = first[image], second[image]
        better = measure.gain(b, a) > 0
        wins += better
        to = links.get((table.protocol, table.setting, image), "")
        marks = look[pair[better]].marks | ({"edge": "var(--ink)"} if to else {})
        tip = f"{image}: {names[0]} {measure.text(a)}, {names[1]} {measure.text(b)}"
        points.append({"x": a, "y": b, "tip": tip, "to": f"#{to}" if to else "", **marks})
    low, high = _range([*(first[i] for i in drawn), *(second[i] for i in drawn)])
    titles = [f"{name}: {measure.title}" for name in names]
    x, y = (_axis(title, field, (low, high)) for title, field in zip(titles, "xy", strict=True))
    ends = [{"x": low, "y": low}, {"x": high, "y": high}]
    equal = _layer("line", {"x": x, "y": y}, ends, stroke="var(--edge)", strokeWidth=1.25)
    side = "above" if measure.higher else "below"
    verdict = (
        f"{table.setting}: {names[1]} is better than {names[0]} on {wins} of {len(drawn)} images, "
        f"those {side} the line."
    )
    if any(point["to"] for point in points):
        verdict += " Outlined points lead to their pictures."
    if len(drawn) < len(shared):
        verdict += f" Not drawn: {len(shared) - len(drawn)} that are not finite."
    label = f"{measure.title} of {names[1]} against {names[0]}, a point an image, {table.setting}"
    spec = _spec([equal, *_dots(x, y, linked=True)], points, _SIDE, _SIDE)
    return Chart(label, spec, (verdict,))


def scatter_data(protocol: Protocol, links: Links) -> list[dict[str, Any]]:
    """What scripts need to fill the scatter of each setting; null where nothing is finite."""
    data = []
    for table in protocol.tables:
        names = dict.fromkeys(image for row in table.cells.values() for image in row.images)
        metrics = [
            {
                "title": one.title,
                "digits": one.digits,
                "higher": one.higher,
                "values": {
                    model: [_figures(values.get(image)) for image in names]
                    for model in table.models
                    if (values := table.image_values(model, one))
                },
            }
            for one in protocol.measures
        ]
        cases = [links.get((table.protocol, table.setting, image), "") for image in names]
        data.append({"images": list(names), "cases": cases, "metrics": metrics})
    return data


def _against_time(table: Table, measure: Measure, look: Mapping[str, Style]) -> Chart | None:
    means = {model: table.mean(model, measure) for model in table.models}
    finite = {m: mean for m, mean in means.items() if mean is not None and math.isfinite(mean)}
    points: list[Spec] = [
        {"model": model, "x": time, "y": mean, "tip": tip, **look[model].marks}
        for model, mean in finite.items()
        if (time := table.speeds.get(model, 0.0)) > 0
        for tip in [f"{_tip(model, mean, measure)} at {seconds(time)}\N{NO-BREAK SPACE}s/MP"]
    ]
    if not points:
        return None
    across = _range([math.log(point["x"]) for point in points], least=math.log(2))
    down = _range([point["y"] for point in points])
    x = _axis(_TIME, "x", (math.exp(across[0]), math.exp(across[1])))
    x["scale"] |= {"type": "log"}
    y = _axis(f"{measure.title}, {measure.better}", "y", down)
    levels: list[Spec] = [
        {"y": mean, "tip": _tip(shown(model), mean, measure)}
        for model, mean in finite.items()
        if model in BASELINES
    ]
    inside = [level for level in levels if down[0] <= level["y"] <= down[1]]
    named = {"x": {"value": 6}, "y": y, "text": {"field": "tip"}}
    front = {"interpolate": "step-after", "strokeDash": [2, 3], "color": "var(--base)"}
    beside = {"fontSize": 12, "align": {"expr": "datum.align"}, "color": "var(--ink)"}
    labels = {"x": x, "y": y, "text": {"field": "model"}}
    layers = [
        _layer("rule", {"y": y}, inside, strokeDash=[5, 4], strokeWidth=1.5, color="var(--base)"),
        _layer("text", named, inside, align="left", dy=11, color="var(--soft)"),
        _layer("line", {"x": x, "y": y}, _front(points, measure), **front),
        *_dots(x, y),
        _layer("text", labels, _labels(points, across, down), **beside),
    ]
    label = f"{measure.title} of each model against its seconds per megapixel, {table.setting}"
    beyond = tuple(f"Off the chart: {level['tip']}" for level in levels if level not in inside)
    return Chart(label, _spec(layers, points), beyond)


def _spec(
    layers: list[Spec], points: list[Spec], width: int = _WIDTH, height: int = _HEIGHT
) -> Spec:
    return {
        "width": width,
        "height": height,
        "background": None,
        "config": _CONFIG,
        "data": {"values": points},
        "layer": layers,
    }


def _layer(kind: str, encoding: Spec, values: Sequence[Spec] | None = None, **mark: Any) -> Spec:
    """Marks of a *kind* that nobody speaks of, of the plot's points or of *values*."""
    data = {} if values is None else {"data": {"values": values}}
    return {**data, "mark": {"type": kind, "aria": False, **mark}, "encoding": encoding}


def _axis(title: str, field: str, domain: tuple[float, float] | None = None) -> Spec:
    scale: Spec = {"zero": False, "nice": domain is None}
    if domain:
        scale["domain"] = list(domain)
    return {"field": field, "type": "quantitative", "title": title, "scale": scale}


def _dots(x: Spec, y: Spec, *, linked: bool = False) -> list[Spec]:
    """The markers, and unseen above them what is met, spoken of and, if need be, linked."""
    place = {"x": x, "y": y}
    seen = {"fill": _own("fill"), "stroke": _own("edge"), "shape": _own("shape")}
    told = {"description": {"field": "tip"}}
    told |= {"href": {"field": "to"}} if linked else {}
    met = {"type": "point", "size": _HIT, "filled": True, "opacity": 0}
    return [
        _layer("point", place | seen, size=_SIZE, opacity=1, strokeWidth=1.5),
        {"mark": met, "encoding": place | told},
    ]


def _own(field: str) -> Spec:
    """A property that stands in the data as it is drawn."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def _tip(name: str, value: float, measure: Measure) -> str:
    return f"{name}: {measure.text(value)}{measure.space_unit}"


def _front(points: Sequence[Spec], measure: Measure) -> list[Spec]:
    """The staircase along the points that are better than all that are faster."""
    best: list[Spec] = []
    for point in sorted(points, key=lambda one: one["x"]):
        if not best or measure.gain(point["y"], best[-1]["y"]) > 0:
            best.append(point)
    return [{"x": point["x"], "y": point["y"]} for point in best] if len(best) > 1 else []


def _labels(
    points: Sequence[Spec], across: tuple[float, float], down: tuple[float, float]
) -> list[Spec]:
    """Each name where it covers as little as possible beside its point."""
    wide, tall = (across[1] - across[0]) / _WIDTH, (down[1] - down[0]) / _HEIGHT
    places = [((math.log(p["x"]) - across[0]) / wide, (down[1] - p["y"]) / tall) for p in points]
    taken = [(left - 6, top - 6, left + 6, top + 6) for left, top in places]
    labels = []
    for point, (left, top) in zip(points, places, strict=True):
        length, half = len(point["model"]) * _LETTER, _LINE / 2
        boxes = [
            (start, top + drop - half, start + length, top + drop + half)
            for drop, beside in ((0, 9), (-14, 0), (14, 0), (-28, 0), (28, 0))
            for start in (left + beside, left - beside - length)
        ]
        inside = [box for box in boxes if box[0] >= 0 and box[2] <= _WIDTH] or boxes
        box = min(inside, key=lambda one: sum(_shared(one, other) for other in taken))
        taken.append(box)
        right = box[0] < left - 1
        x = math.exp(across[0] + (box[2] if right else box[0]) * wide)
        y = down[1] - (box[1] + half) * tall
        align = "right" if right else "left"
        labels.append({"model": point["model"], "x": x, "y": y, "align": align})
    return labels


def _shared(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The area that two boxes (left, top, right, bottom) have in common."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    down = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, across) * max(0.0, down)


def _range(values: Sequence[float], least: float = 0.0) -> tuple[float, float]:
    """From the least to the greatest of *values*, apart, and free space beyond."""
    low, high = (min(values), max(values)) if values else (1.0, 1.0)
    if low == high:
        half = least or abs(low) * 0.01 or 0.5
        low, high = low - half, high + half
    spare = (high - low) * _MARGIN
    return low - spare, high + spare


def _figures(value: float | None) -> float | None:
    """Six figures are enough to draw."""
    return float(f"{value:.6g}") if value is not None and math.isfinite(value) else None
