"""What is measured: the input itself, networks by name or file, and the product as it comes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from undegrade.catalog import Catalog, is_file_name, sha256
from undegrade.enhancer import Enhancer
from undegrade.errors import UsageError
from undegrade.evaluation.cases import Case, as_bytes, enlarged
from undegrade.evaluation.networks import open_bare, open_carded
from undegrade.evaluation.output import Output
from undegrade.imaging.arrays import Floats
from undegrade.levels import Levels
from undegrade.runtime import Networks

BASELINES = ("none", "bicubic")
AUTO = "auto"
"""What :func:`undegrade.enhance` makes of a photo unasked."""
PACKAGE = Path(__file__).parents[1]


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

    @property
    def takes_levels(self) -> bool:
        """Whether it makes something else of a case when it is told other levels."""

    def run(self, case: Case, levels: Levels) -> Output:
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
    channels: ClassVar[int] = 3
    takes_levels: ClassVar[bool] = False

    @property
    def digest(self) -> str:
        """Its name."""
        return self.name

    def run(self, case: Case, levels: Levels) -> Output:
        """The input at the size of the truth."""
        return Output(enlarged(case))


@dataclass(frozen=True, eq=False)
class Auto:
    """The product as a user gets it who asks for nothing: diagnosis, plan and all steps.

    It is given the case's file, with the tables and profiles that a user's has, or where there is
    none the pixels, as a file of 8 bit would hold them. Its result is measured before it is coded
    again.
    """

    enhancer: Enhancer
    digest: str = field(default_factory=lambda: of_package(PACKAGE, Catalog()))
    name: ClassVar[str] = AUTO
    scale: ClassVar[int] = 1
    channels: ClassVar[int] = 3
    takes_levels: ClassVar[bool] = False

    def run(self, case: Case, levels: Levels) -> Output:
        """What it makes of the case, whatever the *levels*, and by which steps."""
        result = self.enhancer(as_bytes(case.input) if case.file is None else case.file)
        pixels = result.picture.pixels
        picture = np.divide(pixels, np.iinfo(pixels.dtype).max, dtype=np.float32)
        whole: Floats = np.broadcast_to(picture, (*picture.shape[:2], case.input.shape[2]))
        return Output(whole, tuple(step.name for step in result.steps))


def of_package(folder: Path, catalog: Catalog) -> str:
    """A hash over all that decides what the product makes of a photo: code, cards and networks."""
    files = {path for path in folder.rglob("*") if path.suffix in (".onnx", ".py", ".toml")}
    files |= {model.path for model in catalog.models.values() if model.path.is_file()}
    digests = (sha256(path) for path in sorted(files))
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def open_contenders(wished: Sequence[str], threads: int | None = None) -> list[Contender]:
    """Open what *wished* names: models of the catalogue, ONNX files, ``auto`` and the baselines.

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
    catalog = Catalog()
    return [
        _open(text, _stem(text) if stems[_stem(text)] == 1 else _long_name(text), catalog, threads)
        for text in wished
    ]


def _open(text: str, name: str, catalog: Catalog, threads: int | None) -> Contender:
    if text in BASELINES:
        return Baseline(text)
    if text == AUTO:
        return Auto(Enhancer(Networks(threads=threads)))
    path = Path(text)
    if is_file_name(text) and not path.with_suffix(".toml").is_file():
        return open_bare(path, name, threads)
    return open_carded(catalog.find(text), name, threads)


def _stem(text: str) -> str:
    return Path(text).stem if is_file_name(text) else text


def _long_name(text: str) -> str:
    return Path(text).with_suffix("").as_posix() if is_file_name(text) else text
