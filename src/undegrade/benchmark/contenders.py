"""What is measured: the input itself, and networks by name or file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from undegrade import catalog
from undegrade.benchmark.cases import Case, Floats, enlarged
from undegrade.benchmark.networks import open_bare, open_carded
from undegrade.errors import UsageError
from undegrade.levels import Levels

BASELINES = ("none", "bicubic")


class Contender(Protocol):
    """Something that makes a picture out of a case's input."""

    @property
    def name(self) -> str:
        """As tables show it."""

    @property
    def digest(self) -> str:
        """The same for whatever gives the same pictures."""

    @property
    def scale(self) -> int | None:
        """Output pixels per input pixel along a side; ``None`` for what fits every case."""

    @property
    def channels(self) -> int:
        """1 for what takes grey pictures only, or 3."""

    def run(self, case: Case, levels: Levels) -> Floats:
        """The picture, (H, W, C) as large as the truth, not clipped.

        Raises
        ------
        ComputeError: a network cannot run on this picture, or what it returns is not finite.
        """


@dataclass(frozen=True)
class Baseline:
    """The input as it is, or enlarged."""

    name: str
    scale: int | None = None
    channels: int = 3

    @property
    def digest(self) -> str:
        """Its name."""
        return self.name

    def run(self, case: Case, levels: Levels) -> Floats:
        """The input at the size of the truth."""
        return enlarged(case)


def open_contenders(wished: Sequence[str], threads: int | None = None) -> list[Contender]:
    """Open what *wished* names: models of the catalogue, ONNX files, ``none`` and ``bicubic``.

    Files of one name are told apart by their folders. *threads* inside a network; by default every
    core.

    Raises
    ------
    ModelError: an unknown model, or a file that cannot be used.
    UsageError: a model that is named twice.
    """
    twice = [text for text, count in Counter(wished).items() if count > 1]
    if twice:
        raise UsageError(f"the model {twice[0]!r} is named twice", "name it once")
    stems = Counter(map(_stem, wished))
    return [
        _open(text, _stem(text) if stems[_stem(text)] == 1 else _long_name(text), threads)
        for text in wished
    ]


def _open(text: str, name: str, threads: int | None) -> Contender:
    if text in BASELINES:
        return Baseline(text)
    path = Path(text)
    if _is_file(text) and not path.with_suffix(".toml").is_file():
        return open_bare(path, name, threads)
    return open_carded(catalog.find(text), name, threads)


def _is_file(text: str) -> bool:
    return text.lower().endswith(".onnx")


def _stem(text: str) -> str:
    return Path(text).stem if _is_file(text) else text


def _long_name(text: str) -> str:
    return Path(text).with_suffix("").as_posix() if _is_file(text) else text
