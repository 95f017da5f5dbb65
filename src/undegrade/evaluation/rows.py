"""What a measurement leaves behind: rows of numbers, and pictures worth looking at."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undegrade.errors import InputError
from undegrade.imaging.arrays import Bytes
from undegrade.picture import write_atomic

_NEEDED: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("model", "protocol", "setting", "metric"), str),
    **dict.fromkeys(("commit", "version", "machine"), str),
    "mean": float,
    "values": lambda values: tuple(map(float, values)),
    "images": lambda images: tuple(map(str, images)),
    "n": int,
}
_OPTIONAL: Mapping[str, Callable[[Any], Any]] = {
    "gate": float,
    "seconds_per_megapixel": float,
    "worse": int,
    "steps": lambda steps: {str(name): int(count) for name, count in steps.items()},
}
"""Fields of a row, those that may be ``None`` and those that may not, by what makes their values
of strict JSON's."""


@dataclass(frozen=True)
class Row:
    """One model under one setting of one protocol, by one metric."""

    model: str
    """The model's name; ``bicubic`` and ``none`` are the input, enlarged or as it is."""
    protocol: str
    """Name and set, then everything that the number depends on, in one line."""
    setting: str
    """Which of the protocol's damages, as in ``x4``, ``sigma 25``, ``quality 10``."""
    metric: str
    """A key of :data:`undegrade.metrics.METRICS`."""
    mean: float
    """Mean of *values*; NaN where every image failed."""
    values: tuple[float, ...]
    """One value an image, in the order of *images*; infinite for equal pictures by PSNR."""
    images: tuple[str, ...]
    """Names of the images that were measured; those that failed are missing."""
    n: int
    """Number of images measured."""
    gate: float | None
    """Published value of the untouched input under this setting and metric, ``None`` where there
    is none or where it was not checked."""
    commit: str
    """Commit of the code, with ``+`` behind it for a tree with changes; empty where unknown."""
    version: str
    """Version of undegrade."""
    machine: str
    """Processor, cores and system on which the times were taken."""
    seconds_per_megapixel: float | None
    """The network's time per megapixel of output; ``None`` where none was run, or not this time."""
    worse: int | None = None
    """By PSNR: how many images came out more than 0.1 dB below the input."""
    steps: Mapping[str, int] | None = None
    """In how many images each step was taken, and how many were ``left alone``; ``None`` for a
    model that has no choice."""

    def __post_init__(self) -> None:
        if not len(self.values) == len(self.images) == self.n:
            raise InputError(
                f"a row of {self.model!r} has {len(self.values)} values, {len(self.images)} images "
                f"and n = {self.n}",
                "measure again",
            )

    @property
    def by_image(self) -> dict[str, float]:
        """The values by the names of images."""
        return dict(zip(self.images, self.values, strict=True))

    def as_dict(self) -> dict[str, Any]:
        """The row as strict JSON has it: what is not finite becomes ``"inf"``, ``"nan"``."""
        data = dataclasses.asdict(self)
        data["mean"] = _number(self.mean)
        data["values"] = [_number(value) for value in self.values]
        data["images"] = list(self.images)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Row:
        """The row that :meth:`as_dict` gave; raises :class:`InputError` for anything else."""
        fields_ = dataclasses.fields(cls)
        names = {one.name for one in fields_}
        needed = {one.name for one in fields_ if one.default is dataclasses.MISSING}
        try:
            if not needed <= set(data) <= names:
                wrong = sorted((needed - set(data)) | (set(data) - names))
                raise ValueError(f"missing or unknown: {', '.join(wrong)}")
            fields = {name: kind(data[name]) for name, kind in _NEEDED.items()}
            for name, kind in _OPTIONAL.items():
                fields[name] = None if data.get(name) is None else kind(data[name])
            return cls(**fields)
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"this is no row of a measurement: {error}", "measure again") from None


@dataclass(frozen=True, eq=False)
class Pictures:
    """One case to look at: what went in, the truth, and what each model made of it."""

    protocol: str
    """As in :class:`Row`."""
    setting: str
    image: str
    arrays: dict[str, Bytes]
    """``input``, ``truth`` where there is one, then models by name; (H, W, 3) or (H, W, 1). The
    input may be smaller than the rest."""
    scores: dict[str, dict[str, float]]
    """``{model: {metric: value}}`` of this image."""


@dataclass
class Samples:
    """Collects what :func:`undegrade.evaluation.runner.evaluate` hands out."""

    _kept: list[tuple[str, str, dict[str, Bytes]]] = field(default_factory=list)

    def keep(self, image: str, setting: str, arrays: dict[str, Bytes]) -> None:
        """Take the pictures of one image, as the runner's callback."""
        self._kept.append((image, setting, arrays))

    def pictures(self, rows: Iterable[Row]) -> list[Pictures]:
        """What was kept, with the scores that *rows*, of the same run, give each image."""
        table: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
        protocol = ""
        for row in rows:
            protocol = row.protocol
            for image, value in row.by_image.items():
                scores = table.setdefault((image, row.setting), {})
                scores.setdefault(row.model, {})[row.metric] = value
        return [
            Pictures(protocol, setting, image, arrays, table.get((image, setting), {}))
            for image, setting, arrays in self._kept
        ]


COLUMNS = (
    *("model", "setting", "metric", "mean", "n", "gate", "worse", "steps"),
    *("seconds_per_megapixel", "protocol"),
)
"""Of :func:`to_tsv`."""


def to_tsv(rows: Iterable[Row]) -> str:
    """Means as lines of tab-separated cells below a header, an empty cell for what is not known.

    Of the protocol they name what stands before its colon, protocol and set.
    """
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        named = dataclasses.replace(row, protocol=row.protocol.partition(": ")[0])
        cells = (_cell(getattr(named, name)) for name in COLUMNS)
        lines.append("\t".join(" ".join(cell.split()) for cell in cells))
    return "\n".join(lines) + "\n"


def counted(steps: Mapping[str, int]) -> str:
    """Counts of steps in words, as in ``restore 40, left alone 22``."""
    return ", ".join(f"{name} {count}" for name, count in steps.items())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return counted(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def to_json(rows: Iterable[Row]) -> str:
    """Rows as a JSON list, a line for each."""
    lines = (json.dumps(row.as_dict(), ensure_ascii=False, allow_nan=False) for row in rows)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def from_json(text: str, where: str) -> list[Row]:
    """Rows out of JSON; raises :class:`InputError` naming *where*."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is not valid JSON: {error}", "measure again") from None
    if not isinstance(data, list):
        raise InputError(f"{where} holds no list of rows", "measure again")
    return [Row.from_dict(row) for row in data]


def write_rows(rows: Iterable[Row], path: Path) -> None:
    """Write rows as JSON, whole or not at all; raises :class:`OutputError`."""
    write_atomic(path, to_json(rows).encode())


def read_rows(path: Path) -> list[Row]:
    """Read what :func:`write_rows` wrote; raises :class:`InputError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}", "check the path") from None
    return from_json(text, str(path))


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
