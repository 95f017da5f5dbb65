"""Which pictures are shown: the worst first, each where it is worst, within a budget of bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from undegrade.evaluation.contenders import BASELINES
from undegrade.evaluation.report.crops import GRID, find_box, fitted, lossless, thumbnail
from undegrade.evaluation.report.measures import Measure
from undegrade.evaluation.report.tables import Protocol, Table
from undegrade.evaluation.rows import Pictures

INPUT, TRUTH = "input", "truth"
"""What :class:`Pictures` calls the two that are no model's."""
_LEAST, _MOST = 128, 256
"""Sides of crops, in pixels."""
_WANTED = 20
"""Crops are made small enough for so many cases, where there are so many."""
_BYTES_A_PIXEL = 2.0
"""Of a lossless crop in base64, about."""

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
class Case:
    """One image under one setting."""

    identifier: str
    """Unique on the page: its fragment."""
    protocol: str
    setting: str
    image: str
    measures: tuple[Measure, ...]
    losses: Mapping[str, Loss]
    """Of each model, not of the input, in the first metric."""
    harmed: tuple[str, ...]
    """Models whose output is worse than the input in the first metric."""
    side: tuple[int, int]
    """Width and height of the crops."""
    place: tuple[float, float, float, float]
    """Left, top, width and height of the crop as parts of the picture."""
    thumbnail: str
    """The whole picture, small, as a data URI."""
    tiles: tuple[Tile, ...]

    @property
    def worst(self) -> str | None:
        """The model furthest behind, if any has a score."""
        return furthest_behind(self.losses)

    @property
    def size(self) -> int:
        """About so many bytes of the page."""
        return len(self.thumbnail) + sum(len(tile.uri) for tile in self.tiles)


def furthest_behind(losses: Mapping[str, Loss]) -> str | None:
    """The model with the greatest loss, if there is any."""
    return max(losses, key=lambda model: losses[model].amount, default=None)


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
    groups: dict[tuple[str, str], list[_Candidate]] = {}
    for one in pictures:
        key = one.protocol, one.setting
        if one.arrays:
            groups.setdefault(key, []).append(_Candidate.of(one, tables.get(key)))
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
        kept[case.protocol, case.setting].append(case)
    return tuple(case for cases in kept.values() for case in cases)


@dataclass(frozen=True)
class _Candidate:
    """A case that is not cut yet."""

    pictures: Pictures
    measures: tuple[Measure, ...]
    scores: Scores
    losses: Mapping[str, Loss]

    @classmethod
    def of(cls, pictures: Pictures, table: Table | None) -> _Candidate:
        """With the scores of *table* where the pictures bring none."""
        scores = {model: dict(values) for model, values in pictures.scores.items()}
        if table is None:
            keys = dict.fromkeys(key for values in scores.values() for key in values)
            measures = tuple(Measure.of(key) for key in keys)
        else:
            measures = table.measures
            for (model, key), row in table.cells.items():
                values = dict(zip(row.images, row.values, strict=True))
                if pictures.image in values:
                    scores.setdefault(model, {}).setdefault(key, values[pictures.image])
        return cls(pictures, measures, scores, _losses(scores, measures))

    @property
    def loss(self) -> float:
        """The greatest; minus infinity where nothing is known."""
        return max((loss.amount for loss in self.losses.values()), default=-math.inf)

    @property
    def baseline(self) -> str | None:
        """What the input is called among the scores."""
        return next((name for name in BASELINES if name in self.scores), None)

    def cut(self, identifier: str, side: int) -> Case:
        """Cut and encode."""
        arrays = self.pictures.arrays
        large = fitted(arrays)
        models = [name for name in arrays if name not in (INPUT, TRUTH)]
        shown = {name: picture for name, (picture, _) in large.items()}
        truth = shown.get(TRUTH)
        pair = self._pair(models) or (next(iter(shown)), next(reversed(shown)))
        box = find_box(shown[pair[0]], shown[pair[1]], truth, side)
        whole = truth if truth is not None else shown[pair[1]]
        height, width = whole.shape[:2]
        order = [name for name in (INPUT, *models, TRUTH) if name in shown]
        tiles = []
        for name in order:
            scored = self.baseline if name == INPUT and large[name][1] == 1 else name
            scores = self.scores.get(scored or name, {})
            tiles.append(Tile(name, lossless(box.of(shown[name])), scores, large[name][1]))
        return Case(
            identifier,
            self.pictures.protocol,
            self.pictures.setting,
            self.pictures.image,
            self.measures,
            self.losses,
            self._harmed(),
            (box.width, box.height),
            (box.left / width, box.top / height, box.width / width, box.height / height),
            thumbnail(whole),
            tuple(tiles),
        )

    def _pair(self, models: Sequence[str]) -> tuple[str, str] | None:
        """The model furthest behind, and who is ahead of it; both with pictures."""
        worst = furthest_behind(self.losses)
        if worst is None or worst not in models:
            return None
        rival = self.losses[worst].rival
        if rival in models:
            return worst, rival
        return (worst, INPUT) if INPUT in self.pictures.arrays else None

    def _harmed(self) -> tuple[str, ...]:
        if self.baseline is None or not self.measures:
            return ()
        measure = self.measures[0]
        untouched = self.scores[self.baseline].get(measure.key, math.nan)
        return tuple(
            model
            for model in self.losses
            if measure.gain(self.scores[model][measure.key], untouched) < 0
        )


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
