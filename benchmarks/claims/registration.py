"""What a claim is made of: arms to train, pictures to measure them on, questions to answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Settings = dict[str, Any]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """A picture to be enhanced, as a network gets it, and the truth; (H, W, 3) in [0, 1]."""

    setting: str
    picture: Floats
    truth: Floats


@dataclass(frozen=True)
class Arm:
    """A way to train, or what several of them begin with."""

    label: str
    recipe: str
    changes: Settings = field(default_factory=dict)
    start: str = ""
    """Label of the arm whose finished run, with the same seed, this one goes on from. Its stages
    must be the first of this one's, and cost this one nothing of its budget."""
    length: float = 1.0
    """Of its own stages, in budgets; other than 1 only for what others begin with, and judges."""
    shown: bool = True
    """Whether it is compared; what others begin with is not."""


@dataclass(frozen=True)
class Study:
    """Arms that are trained on the same photos and measured on the same pictures."""

    name: str
    packs: tuple[str, ...]
    arms: tuple[Arm, ...]
    cases: Callable[[Path, int], Iterable[Case]]
    """From the folder of test sets, and how many pictures at most of each setting."""
    metrics: tuple[str, ...]
    judge: Arm | None = None
    """Trains a regressor that no arm sees: its level is a metric, ``level``, beside the others."""
    photos: int = 0
    """Training photos, or pairs, evenly spaced over the packs; 0 takes all."""

    def arm(self, label: str) -> Arm:
        """The one called *label*."""
        return next(arm for arm in self.arms if arm.label == label)

    @property
    def shown(self) -> list[Arm]:
        """The arms that are compared."""
        return [arm for arm in self.arms if arm.shown]


@dataclass(frozen=True)
class Question:
    """Whether one arm is better than another, by one metric."""

    text: str
    study: str
    metric: str
    better: str
    worse: str
    least: float
    """The smallest gain that is worth the name, in units of the metric."""
    settings: tuple[str, ...] = ()
    """The mean over these counts; all of the study if there are none."""
    beyond: tuple[str, ...] = ()
    """If given, what the gain is larger than over ``settings``: the same gain over these."""
    decides: bool = True
    """Whether the verdict on the claim goes by it; all others are told beside it."""


@dataclass(frozen=True)
class Claim:
    """A published system, and what is asked of it."""

    system: str
    """Name of its page and of its results."""
    text: str
    studies: tuple[Study, ...]
    questions: tuple[Question, ...]
    examples: Callable[[], list[Case]]
    """Pictures that may be shown, for the arms of the first study."""
    zoom: int = 1
    """How much they are enlarged on the page."""

    def study(self, name: str) -> Study:
        """The one called *name*."""
        return next(study for study in self.studies if study.name == name)


@dataclass(frozen=True)
class Budget:
    """What every arm has: minutes, or steps."""

    minutes: float | None = None
    steps: int | None = None

    def __str__(self) -> str:
        return f"{self.steps} steps" if self.steps else f"{self.minutes:g} minutes"
