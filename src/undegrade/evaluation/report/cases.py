"""Which pictures are shown: the worst first, each where it is worst, within a budget of bytes.

Crops are brought to one size, cut where two outputs differ most, and encoded without loss.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.rows import Pictures
from undegrade.evaluation.tables import Measure, Protocol, Table
from undegrade.imaging.arrays import Bytes

INPUT, TRUTH = "input", "truth"
"""What :class:`Pictures` calls the two that are no model's."""
_LEAST, _MOST = 128, 256
"""Sides of crops, in pixels."""
_WANTED = 20
"""Crops are made small enough for so many cases, where there are so many."""
_BYTES_A_PIXEL = 2.0
"""Of a lossless crop in base64, about."""
GRID = 8
"""Crops start at multiples of the JPEG grid, so that its blocks are seen whole."""
_THUMBNAIL = 160
"""Longest side of the small picture that shows where a crop is."""

Scores = Mapping[str, Mapping[str, float]]
"""Of one image, by model and metric."""


@dataclass(frozen=True)
class Tile:
    """One crop."""

    name: str
    """``input``, ``truth`` or a model."""
    uri: str
    scores: Mapping[str, float]
    """Of the whole image, by metric; empty where there are none."""
    repeated: int
    """How many times each pixel of a small input was repeated along a side."""


@dataclass(frozen=True)
class Loss:
    """How far a model is behind the best of the others, the input among them."""

    amount: float
    """In the first metric; negative if it is ahead."""
    rival: str


@dataclass(frozen=True)
class Known:
    """What is known of one image under one setting, before anything is cut."""

    pictures: Pictures
    measures: tuple[Measure, ...]
    scores: Scores
    """Those of the table where the pictures bring none."""
    losses: Mapping[str, Loss]
    """Of each model, not of the input, in the first metric."""

    @classmethod
    def of(cls, pictures: Pictures, table: Table | None) -> Known:
        """With the scores of *table* where the pictures bring none."""
        scores = {model: dict(values) for model, values in pictures.scores.items()}
        if table is None:
            keys = dict.fromkeys(key for values in scores.values() for key in values)
            measures = tuple(Measure.of(key) for key in keys)
        else:
            measures = table.measures
            for (model, key), row in table.cells.items():
                if (value := row.by_image.get(pictures.image)) is not None:
                    scores.setdefault(model, {}).setdefault(key, value)
        return cls(pictures, measures, scores, _losses(scores, measures))

    @property
    def worst(self) -> str | None:
        """The model furthest behind, if any has a score."""
        return max(self.losses, key=lambda model: self.losses[model].amount, default=None)

    @property
    def loss(self) -> float:
        """The greatest; minus infinity where nothing is known."""
        return max((loss.amount for loss in self.losses.values()), default=-math.inf)

    @property
    def baseline(self) -> str | None:
        """What the input is called among the scores."""
        return next((name for name in BASELINES if name in self.scores), None)

    @cached_property
    def harmed(self) -> tuple[str, ...]:
        """Models whose output is worse than the input in the first metric."""
        if self.baseline is None or not self.measures:
            return ()
        measure = self.measures[0]
        untouched = self.scores[self.baseline].get(measure.key, math.nan)
        return tuple(
            model
            for model in self.losses
            if measure.gain(self.scores[model][measure.key], untouched) < 0
        )

    def cut(self, identifier: str, side: int) -> Case:
        """Cut and encode."""
        arrays = self.pictures.arrays
        large = fitted(arrays)
        models = [name for name in arrays if name not in (INPUT, TRUTH)]
        shown = {name: picture for name, (picture, _) in large.items()}
        truth = shown.get(TRUTH)
        pair = self._pair(models) or (next(iter(shown)), next(reversed(shown)))
        rows, columns = box = find_box(shown[pair[0]], shown[pair[1]], truth, side)
        wide, tall = columns.stop - columns.start, rows.stop - rows.start
        whole = truth if truth is not None else shown[pair[1]]
        height, width = whole.shape[:2]
        order = [name for name in (INPUT, *models, TRUTH) if name in shown]
        tiles = []
        for name in order:
            scored = self.baseline if name == INPUT and large[name][1] == 1 else name
            scores = self.scores.get(scored or name, {})
            tiles.append(Tile(name, lossless(shown[name][box]), scores, large[name][1]))
        return Case(
            known=self,
            identifier=identifier,
            side=(wide, tall),
            place=(columns.start / width, rows.start / height, wide / width, tall / height),
            thumbnail=thumbnail(whole),
            tiles=tuple(tiles),
        )

    def _pair(self, models: Sequence[str]) -> tuple[str, str] | None:
        """The model furthest behind, and who is ahead of it; both with pictures."""
        worst = self.worst
        if worst is None or worst not in models:
            return None
        rival = self.losses[worst].rival
        if rival in models:
            return worst, rival
        return (worst, INPUT) if INPUT in self.pictures.arrays else None


@dataclass(frozen=True)
class Case:
    """One image under one setting, cut and encoded."""

    known: Known
    identifier: str
    """Unique on the page: its fragment."""
    side: tuple[int, int]
    """Width and height of the crops."""
    place: tuple[float, float, float, float]
    """Left, top, width and height of the crop as parts of the picture."""
    thumbnail: str
    """The whole picture, small, as a data URI."""
    tiles: tuple[Tile, ...]

    @property
    def size(self) -> int:
        """About so many bytes of the page."""
        return len(self.thumbnail) + sum(len(tile.uri) for tile in self.tiles)


def choose(
    pictures: Sequence[Pictures], found: Sequence[Protocol], budget: int
) -> tuple[Case, ...]:
    """The cases that fit into *budget* bytes, worst first under each setting.

    Worst is who holds the model furthest behind the best of the others. Settings take turns, so
    that each shows its worst before any shows its second.
    """
    tables = {
        (table.protocol, table.setting): table for protocol in found for table in protocol.tables
    }
    groups: dict[tuple[str, str], list[Known]] = {}
    for one in pictures:
        key = one.protocol, one.setting
        if one.arrays:
            groups.setdefault(key, []).append(Known.of(one, tables.get(key)))
    for group in groups.values():
        group.sort(key=lambda candidate: -candidate.loss)
    turns = [one for turn in zip_longest(*groups.values()) for one in turn if one is not None]
    wanted = max(_WANTED, len(groups))
    crops = sum(sorted((len(one.pictures.arrays) for one in turns), reverse=True)[:wanted])
    side = math.isqrt(int(budget / (_BYTES_A_PIXEL * max(1, crops)))) // GRID * GRID
    kept: dict[tuple[str, str], list[Case]] = {key: [] for key in groups}
    for number, candidate in enumerate(turns, 1):
        case = candidate.cut(f"case-{number}", min(max(side, _LEAST), _MOST))
        budget -= case.size
        if budget < 0:
            break
        shown = candidate.pictures
        kept[shown.protocol, shown.setting].append(case)
    return tuple(case for cases in kept.values() for case in cases)


def _losses(scores: Scores, measures: Sequence[Measure]) -> dict[str, Loss]:
    """Of each model that has a score and something to be compared with."""
    if not measures:
        return {}
    measure = measures[0]
    values = {
        model: value
        for model, by_metric in scores.items()
        if not math.isnan(value := by_metric.get(measure.key, math.nan))
    }
    found = {}
    for model, value in values.items():
        others = {other: values[other] for other in values if other != model}
        if model not in BASELINES and others:
            rival = max(others, key=lambda other: measure.gain(others[other], 0.0))
            found[model] = Loss(measure.gain(others[rival], value), rival)
    return found


def fitted(arrays: Mapping[str, NDArray[np.uint8]]) -> dict[str, tuple[Bytes, int]]:
    """All pictures in the size of the largest, and how many times each pixel was repeated for it.

    Grey becomes RGB. What is no whole number of times smaller is repeated unevenly, and counts as
    repeated the rounded number of times.
    """
    height = max((array.shape[0] for array in arrays.values()), default=0)
    width = max((array.shape[1] for array in arrays.values()), default=0)
    found = {}
    for name, array in arrays.items():
        picture = array.reshape(*array.shape[:2], -1)
        if picture.shape[:2] != (height, width):
            rows = np.arange(height) * array.shape[0] // height
            columns = np.arange(width) * array.shape[1] // width
            picture = picture[rows][:, columns]
        coloured = np.broadcast_to(picture, (height, width, 3))
        found[name] = coloured, max(1, round(height / array.shape[0]))
    return found


def find_box(worse: Bytes, better: Bytes, truth: Bytes | None, side: int) -> tuple[slice, slice]:
    """Rows and columns where *worse* falls most behind *better*: a square, less at an edge.

    Behind is the excess of squared error; without a truth, the squared difference of the two.
    """
    height, width = worse.shape[:2]
    excess = np.zeros((height, width), np.float32)
    for channel in range(3):
        a, b = (picture[:, :, channel].astype(np.float32) for picture in (worse, better))
        if truth is None:
            excess += (a - b) ** 2
        else:
            # The difference of the squared errors.
            excess += (a - b) * (a + b - 2 * truth[:, :, channel].astype(np.float32))
    down, across = min(side, height), min(side, width)
    sums = np.zeros((height + 1, width + 1))
    sums[1:, 1:] = excess.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    tops = np.arange(0, height - down + 1, GRID)
    lefts = np.arange(0, width - across + 1, GRID)
    inside = (
        sums[np.ix_(tops + down, lefts + across)]
        - sums[np.ix_(tops, lefts + across)]
        - sums[np.ix_(tops + down, lefts)]
        + sums[np.ix_(tops, lefts)]
    )
    row, column = np.unravel_index(int(inside.argmax()), inside.shape)
    top, left = int(tops[row]), int(lefts[column])
    return slice(top, top + down), slice(left, left + across)


def lossless(picture: Bytes) -> str:
    """*picture* as a data URI that keeps every value."""
    whole = Image.fromarray(np.ascontiguousarray(picture))
    return _uri(whole, lossless=True, quality=70, method=3)


def thumbnail(picture: Bytes) -> str:
    """*picture* small, as a data URI of a few kilobytes."""
    small = Image.fromarray(np.ascontiguousarray(picture))
    small.thumbnail((_THUMBNAIL, _THUMBNAIL))
    return _uri(small, quality=75)


def _uri(image: Image.Image, **options: Any) -> str:
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    return f"data:image/webp;base64,{base64.b64encode(file.getvalue()).decode()}"
