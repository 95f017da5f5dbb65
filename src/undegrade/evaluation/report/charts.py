"""Three kinds of charts as inline SVG: lines over a setting, dots over speed, and a scatter.

Colours and line styles are classes of ``page.css``; a model has the same colour, marker and dashes
all over the page. Texts are in the chart's own units, of which it is :data:`WIDTH` wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from undegrade.evaluation.report.markup import Markup, tag
from undegrade.evaluation.report.scales import Scale

WIDTH, HEIGHT = 440, 300
LEFT, RIGHT, TOP, BOTTOM = 66, 14, 12, 46
"""Around the plot itself."""
SCATTER_SIDE = 400
"""A scatter is square, that its diagonal be one."""

COLOURS = 7
"""Colours in ``page.css``, as classes ``c0`` to ``c6``; ``base`` is the input's."""
_MARKERS = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",  # circle
    "M-4 -4H4V4H-4z",  # square
    "M0 -5.2L5 3.8H-5z",  # triangle
    "M0 -5.5L5.5 0L0 5.5L-5.5 0z",  # diamond
    "M0 5.2L5 -3.8H-5z",  # triangle on its tip
    "M-1.7 -5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7z",  # plus
)
_LETTER, _LINE = 6.4, 13.0
"""Size of a letter of a label, generously."""


@dataclass(frozen=True)
class Style:
    """How a model is drawn: a class for the colour, and a marker."""

    colour: str
    marker: str

    @classmethod
    def number(cls, index: int) -> Style:
        """The style of the *index*-th model; the first 42 differ."""
        return cls(f"c{index % COLOURS}", _MARKERS[index % len(_MARKERS)])

    def swatch(self) -> Markup:
        """The marker on its own, for a legend; the text beside it says what it is."""
        drawn = tag("path", d=self.marker, class_=f"mark {self.colour}")
        return tag("svg", drawn, class_="swatch", viewBox="-7 -7 14 14", aria_hidden="true")


BASE = Style("base", "M-4 -4L4 4M-4 4L4 -4")
"""Of the input: a grey cross, and dashed lines."""


@dataclass(frozen=True)
class Point:
    """A value with what a tooltip says of it."""

    x: float
    y: float
    tip: str
    target: str = ""
    """The fragment that it links to, if any."""

    @property
    def finite(self) -> bool:
        """Whether it can be drawn."""
        return math.isfinite(self.x) and math.isfinite(self.y)


@dataclass(frozen=True)
class Series:
    """The points of one model."""

    name: str
    style: Style
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Axis:
    """A scale with its title."""

    title: str
    scale: Scale


def line_chart(label: str, x: Axis, y: Axis, series: Sequence[Series]) -> Markup:
    """A line with markers for each series; *label* describes the chart to who cannot see it."""
    plot = _Plot(WIDTH, HEIGHT, x, y)
    lines = []
    for one in series:
        places = [plot.place(point) for point in one.points if point.finite]
        path = "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in places)
        if len(places) > 1:
            lines.append(tag("path", d=path, class_=f"line {one.style.colour}"))
    marks = [plot.mark(one.style, point) for one in series for point in one.points]
    return plot.svg(label, [*lines, *marks])


def dot_chart(
    label: str, x: Axis, y: Axis, series: Sequence[Series], levels: Sequence[Point], higher: bool
) -> Markup:
    """One labelled dot for each of *series*, and a level line for each of *levels*.

    A thin staircase joins the dots that no other beats in both directions: less of x is better, and
    of y more if *higher*.
    """
    plot = _Plot(WIDTH, HEIGHT, x, y)
    drawn: list[Markup | None] = [plot.level(point) for point in levels]
    dots = [(one, p) for one in series for p in one.points if p.finite]
    taken = [_Box.around(*plot.place(point)) for _, point in dots]
    drawn.append(_front([plot.place(point) for _, point in dots], higher))
    for one, point in dots:
        box, anchor = _free(plot, plot.place(point), one.name, taken)
        taken.append(box)
        across = {"start": box.left, "end": box.right}.get(anchor, (box.left + box.right) / 2)
        place = {"x": round(across, 1), "y": round(box.bottom - 3.5, 1)}
        text = tag("text", one.name, class_="label", text_anchor=anchor, **place)
        drawn += [plot.mark(one.style, point), text]
    return plot.svg(label, drawn)


def scatter(label: str, x: Axis, y: Axis, series: Iterable[Series]) -> Markup:
    """Dots around a diagonal; both axes have one scale. Scripts draw it anew for other choices."""
    side = SCATTER_SIDE
    plot = _Plot(side + LEFT + RIGHT, side + TOP + BOTTOM, x, y)
    diagonal = tag("path", d=f"M{LEFT} {TOP + side}L{LEFT + side} {TOP}", class_="diagonal")
    dots = [plot.mark(one.style, p) for one in series for p in one.points]
    return plot.svg(label, [diagonal, tag("g", *dots, class_="dots")], "chart scatter", "group")


class _Plot:
    """The frame of a chart, and where values lie in it."""

    def __init__(self, width: int, height: int, x: Axis, y: Axis) -> None:
        self.width, self.height, self.x, self.y = width, height, x, y
        self.inner_width, self.inner_height = width - LEFT - RIGHT, height - TOP - BOTTOM

    def across(self, value: float) -> float:
        return LEFT + self.x.scale.at(value) * self.inner_width

    def down(self, value: float) -> float:
        return TOP + (1 - self.y.scale.at(value)) * self.inner_height

    def place(self, point: Point) -> tuple[float, float]:
        return self.across(point.x), self.down(point.y)

    def mark(self, style: Style, point: Point) -> Markup | None:
        """The marker of a point, with its tooltip and link, on a larger area to be hit."""
        if not point.finite:
            return None
        across, down = self.place(point)
        drawn = tag(
            "g",
            tag("circle", r=11, class_="hit"),
            tag("path", d=style.marker, class_=f"mark {style.colour}"),
            tag("title", point.tip),
            class_="point",
            transform=f"translate({across:.1f} {down:.1f})",
        )
        return tag("a", drawn, href=f"#{point.target}") if point.target else drawn

    def level(self, point: Point) -> Markup:
        """A line across at the height of *point*, and its tip."""
        down, bottom = self.down(point.y), TOP + self.inner_height
        line = tag("path", d=f"M{LEFT} {down:.1f}H{self.width - RIGHT}", class_="line base")
        # Rather below than above: dots lie above what they improve.
        y = round(down + 14 if down < bottom - 16 else down - 6)
        return tag("g", line, tag("text", point.tip, x=LEFT + 6, y=y, class_="label level"))

    def svg(
        self, label: str, body: Sequence[Markup | None], kind: str = "chart", role: str = "img"
    ) -> Markup:
        bottom = TOP + self.inner_height
        across = [
            tag(
                "g",
                tag("path", d=f"M0 {TOP}V{bottom}", class_="grid"),
                tag("text", text, y=bottom + 17, text_anchor="middle"),
                transform=f"translate({self.across(value):.1f} 0)",
            )
            for value, text in self.x.scale.ticks
        ]
        down = [
            tag(
                "g",
                tag("path", d=f"M{LEFT} 0H{self.width - RIGHT}", class_="grid"),
                tag("text", text, x=LEFT - 7, dy="0.32em", text_anchor="end"),
                transform=f"translate(0 {self.down(value):.1f})",
            )
            for value, text in self.y.scale.ticks
        ]
        frame = tag("path", d=f"M{LEFT} {TOP}V{bottom}H{self.width - RIGHT}", class_="frame")
        middle_x, middle_y = LEFT + self.inner_width / 2, TOP + self.inner_height / 2
        x_title = tag(
            "text", self.x.title, class_="title x", x=middle_x, y=self.height - 8,
            text_anchor="middle",
        )  # fmt: skip
        y_title = tag(
            "text", self.y.title, class_="title y", text_anchor="middle",
            transform=f"translate(11 {middle_y:g}) rotate(-90)",
        )  # fmt: skip
        return tag(
            "svg",
            tag("g", *across, class_="ticks x"),
            tag("g", *down, class_="ticks y"),
            frame,
            [part for part in body if part is not None],
            x_title,
            y_title,
            class_=kind,
            viewBox=f"0 0 {self.width} {self.height}",
            role=role,
            aria_label=label,
        )


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    @classmethod
    def around(cls, across: float, down: float) -> _Box:
        return cls(across - 6, down - 6, across + 6, down + 6)

    def shared(self, other: _Box) -> float:
        """The area in common."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, across) * max(0.0, down)


def _free(
    plot: _Plot, place: tuple[float, float], text: str, taken: Sequence[_Box]
) -> tuple[_Box, str]:
    """Where a label fits beside its dot, and how it is anchored there."""
    across, down = place
    wide, half = len(text) * _LETTER, _LINE / 2
    choices = [
        (_Box(left, down + drop - half, left + wide, down + drop + half), anchor)
        for drop, beside in ((0, 9), (-14, 0), (14, 0), (-28, 0), (28, 0))
        for left, anchor in (
            (across + beside, "start"),
            (across - beside - wide, "end"),
            *(((across - wide / 2, "middle"),) if drop else ()),
        )
    ]
    inside = [
        (box, anchor)
        for box, anchor in choices
        if box.left >= LEFT and box.right <= plot.width and box.top >= 0
    ]
    # Of those that touch as little as possible, the first.
    return min(
        inside or choices, key=lambda choice: sum(choice[0].shared(other) for other in taken)
    )


def _front(places: Sequence[tuple[float, float]], higher: bool) -> Markup | None:
    """The staircase along the dots that are better than all that are further left."""
    best: list[tuple[float, float]] = []
    for across, down in sorted(places):
        if not best or (down < best[-1][1] if higher else down > best[-1][1]):
            best.append((across, down))
    if len(best) < 2:
        return None
    steps = "".join(f"H{across:.1f}V{down:.1f}" for across, down in best[1:])
    start = f"M{best[0][0]:.1f} {best[0][1]:.1f}"
    return tag("path", d=start + steps, class_="front")
