"""Tiny test sets, and contenders that show what they are given."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.degradation.pictures import natural
from tests.photos import write_photo
from undegrade.evaluation.cases import Case, Output, enlarged
from undegrade.evaluation.sets import Photo, open_set
from undegrade.levels import Levels


def pixels(height: int = 48, width: int = 60, channels: int = 3, seed: int = 0) -> np.ndarray:
    """A picture with edges and texture, (H, W, C) uint8."""
    return np.rint(natural(height, width, channels, seed) * 255).astype(np.uint8)


def made_set(folder: Path, count: int = 3, **size: int) -> Path:
    """A folder of PNGs: ``a.png``, ``b.png``, ..."""
    for number in range(count):
        write_photo(folder / f"{chr(97 + number)}.png", pixels(seed=number, **size))
    return folder


def made_pairs(folder: Path, count: int = 2) -> Path:
    """``low`` and ``high``: the dark ones are a third as bright."""
    for number in range(count):
        picture = pixels(seed=number)
        write_photo(folder / "high" / f"{number}.png", picture)
        write_photo(folder / "low" / f"{number}.webp", picture // 3, lossless=True)
    return folder


def made_noisy(folder: Path, count: int = 2) -> Path:
    """``noisy`` and ``clean``, as a camera's JPEG files of quality 90 and 98."""
    for number in range(count):
        clean = pixels(96, 100, seed=number)
        noise = np.random.default_rng(number).normal(0, 12, clean.shape)
        noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
        write_photo(folder / "clean" / f"{number}.jpg", clean, quality=98)
        write_photo(folder / "noisy" / f"{number}.jpg", noisy, quality=90)
    return folder


def packed(folder: Path, pack: Path) -> Path:
    """The same as an uncompressed tar, inside a folder of its own."""
    with tarfile.open(pack, "w") as tar:
        tar.add(folder, arcname="inside")
    return pack


def photo(folder: Path, picture: np.ndarray, **partner: np.ndarray) -> Photo:
    """*picture* as a test set gives it; ``damaged=`` makes a pair."""
    if partner:
        write_photo(folder / "low" / "a.png", partner["damaged"])
        write_photo(folder / "high" / "a.png", picture)
    else:
        write_photo(folder / "a.png", picture)
    return open_set(folder).items[0].read()


@dataclass
class Spy:
    """Returns the input made *brighter*, and remembers what it was told.

    Where the truth is larger it enlarges: with a scale by repeating pixels, else by cubics.
    """

    name: str = "spy"
    brighter: float = 0.0
    fails_on: int = -1
    """The how-many-th call raises."""
    scale: int = 1
    channels: int = 3
    takes_levels: bool = True
    scales: tuple[int, ...] = ()
    steps: tuple[str, ...] | None = None
    """That it says it took."""
    told: list[Levels] = field(default_factory=list)

    @property
    def digest(self) -> str:
        return f"{self.name} {self.brighter}"

    def run(self, case: Case, levels: Levels) -> Output:
        self.told.append(levels)
        if len(self.told) - 1 == self.fails_on:
            raise ValueError("out of sorts")
        picture = (
            enlarged(case)
            if self.scale == 1
            else np.kron(case.input, np.ones((self.scale, self.scale, 1), np.float32))
        )
        return Output(picture + np.float32(self.brighter), self.steps)
