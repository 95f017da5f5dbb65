"""From what a photo has lost and what its owner wishes to the steps that are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from undegrade.catalog import Model, vivid_of
from undegrade.errors import UsageError
from undegrade.levels import MAX_SIGMA, Levels

TASKS = ("auto", "denoise", "dejpeg", "sr")
SCALES = (1, 2, 4)

LEAST_NOISE = 3.0 / MAX_SIGMA
"""Noise below sigma 3 is left alone: clean texture measures up to that."""
LEAST_JPEG = 0.25
"""JPEG damage below this (quality above about 89) is left alone: it cannot be seen."""
MAX_STRENGTH = 1.5
DETAIL = 0.0
"""Detail where nobody asks for any: what a photo did not show is not made up unasked."""


@dataclass(frozen=True)
class Wishes:
    """What the user asks for; the defaults ask for what the photo needs."""

    task: str = "auto"
    """One of ``TASKS``: ``auto`` runs what the photo needs."""
    scale: int | None = None
    """Enlargement 1, 2 or 4; ``None`` is 1, or a model's own, or 4 for the task ``sr``."""
    strength: float = 1.0
    """Factor on the levels: 0 leaves the picture untouched, up to 1.5 does more."""
    model: str | None = None
    """Name or ONNX file of the one network to run instead of what the task would choose."""
    sigma: float | None = None
    """Noise in 0..255 units, where the user knows better than the estimator."""
    quality: float | None = None
    """JPEG quality, where the user knows better than the file."""
    detail: float = DETAIL
    """From faithful weights, 0, to vivid ones, 1, where a network has both."""

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise UsageError(
                f"there is no task {self.task!r}", f"choose one of: {', '.join(TASKS)}"
            )
        if self.scale is not None and self.scale not in SCALES:
            raise UsageError(f"cannot enlarge by {self.scale}", "choose a scale of 1, 2 or 4")
        if not 0 <= self.strength <= MAX_STRENGTH:
            raise UsageError(
                f"a strength of {self.strength:g} is not possible",
                f"choose one between 0 and {MAX_STRENGTH:g}",
            )
        if self.sigma is not None and not 0 <= self.sigma <= 100:
            raise UsageError(f"a noise of {self.sigma:g} is not possible", "choose 0 to 100")
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise UsageError(f"a JPEG quality of {self.quality:g} is not possible", "choose 1-100")
        if not 0 <= self.detail <= 1:
            raise UsageError(
                f"a detail of {self.detail:g} is not possible",
                "choose one between 0 (faithful) and 1 (vivid)",
            )
        if self.task in ("denoise", "dejpeg") and (self.scale or 1) != 1:
            raise UsageError(
                f"the task {self.task!r} keeps the size, but a scale of {self.scale} was asked for",
                "use --task auto or sr to enlarge",
            )
        if self.task == "sr" and self.scale == 1:
            raise UsageError("the task 'sr' enlarges, but a scale of 1 was asked for", "use 2 or 4")

    def as_dict(self) -> dict[str, Any]:
        """As plain data: with the input's hash, what decides an output."""
        return asdict(self)


@dataclass(frozen=True)
class Step:
    """One network to run."""

    model: Model
    levels: tuple[float, ...]
    """The network's level inputs, strength included; empty for a blind network."""
    reason: str
    vivid: Model | None = None
    """The network's vivid variant, where detail was asked for and there is one."""
    detail: float = 0.0
    """How far the weights go towards those of ``vivid``; 0 without one."""

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        levels = dict(zip(self.model.card.levels, self.levels, strict=True))
        return {
            "model": self.model.card.name,
            "scale": self.model.card.scale,
            "levels": levels,
            "detail": self.detail,
            "reason": self.reason,
        }


def known_levels(found: Levels, wishes: Wishes) -> Levels:
    """What was found, with what the user states in its place."""
    return Levels(
        sigma=found.sigma if wishes.sigma is None else wishes.sigma,
        quality=found.quality if wishes.quality is None else wishes.quality,
    )


def model_names(wishes: Wishes) -> list[str]:
    """Every bundled model that a plan for *wishes* may run, whatever is found."""
    scale = wishes.scale or (4 if wishes.task == "sr" else 1)
    names = [] if wishes.task == "sr" else ["restore"]
    return names if scale == 1 else [*names, f"sr-x{scale}"]


def make_plan(
    found: Levels,
    wishes: Wishes,
    find: Callable[[str], Model],
    find_vivid: Callable[[Model], Model | None] = vivid_of,
) -> list[Step]:
    """The steps for a photo, first to last; empty when it is best left alone.

    A pure function: *find* looks a model up by name (:func:`undegrade.catalog.find`), *find_vivid*
    its vivid variant, only where detail is asked for.
    """
    steps = _make_steps(found, wishes, find)
    if wishes.detail == 0:
        return steps
    pairs = ((step, find_vivid(step.model)) for step in steps)
    return [
        replace(step, vivid=vivid, detail=wishes.detail if vivid else 0.0) for step, vivid in pairs
    ]


def unmet(steps: Sequence[Step], wishes: Wishes) -> tuple[str, ...]:
    """What of *wishes* the *steps* cannot do, one sentence each."""
    if wishes.detail == 0:
        return ()
    plain = [step.model.card.name for step in steps if step.vivid is None]
    return tuple(f"no vivid variant of {name!r}: detail has no effect" for name in plain)


def _make_steps(found: Levels, wishes: Wishes, find: Callable[[str], Model]) -> list[Step]:
    levels = _for_task(known_levels(found, wishes), wishes)
    if wishes.model is not None:
        return _one_model(find(wishes.model), levels, wishes)
    steps = []
    if wishes.task != "sr" and (restoring := _restore(find, levels, wishes)):
        steps.append(restoring)
    scale = wishes.scale or (4 if wishes.task == "sr" else 1)
    if scale > 1:
        model = find(f"sr-x{scale}")
        steps.append(Step(model, (), f"enlarging {scale} times was asked for"))
    return steps


def _for_task(levels: Levels, wishes: Wishes) -> Levels:
    """Only the damage that the task is about."""
    if wishes.task == "denoise":
        return Levels(sigma=levels.sigma)
    if wishes.task == "dejpeg":
        return Levels(quality=levels.quality)
    return levels


def _restore(find: Callable[[str], Model], levels: Levels, wishes: Wishes) -> Step | None:
    # A task or a level that the user names is obeyed at any strength of damage; what the
    # estimators find is only acted on where it is sure to be seen.
    asked_noise = wishes.task == "denoise" or wishes.sigma is not None
    asked_jpeg = wishes.task == "dejpeg" or wishes.quality is not None
    noise = levels.noise if asked_noise or levels.noise >= LEAST_NOISE else 0.0
    jpeg = levels.jpeg if asked_jpeg or levels.jpeg >= LEAST_JPEG else 0.0
    reasons = []
    if noise > 0:
        reasons.append(f"noise of sigma {levels.sigma:.1f}")
    if jpeg > 0 and levels.quality is not None:
        reasons.append(f"JPEG artefacts of quality {levels.quality:.0f}")
    values = (noise * wishes.strength, jpeg * wishes.strength)
    if not any(values):
        return None
    return Step(find("restore"), values, " and ".join(reasons))


def _one_model(model: Model, levels: Levels, wishes: Wishes) -> list[Step]:
    card = model.card
    if wishes.scale not in (None, card.scale):
        raise UsageError(
            f"the model {card.name!r} enlarges by {card.scale}, but {wishes.scale} was asked for",
            "leave --scale away",
        )
    if wishes.task != "auto" and (wishes.task == "sr") != (card.scale > 1):
        raise UsageError(
            f"the model {card.name!r} enlarges by {card.scale}, which is not the task "
            f"{wishes.task!r}",
            "leave --task away",
        )
    known = {"noise": levels.noise, "jpeg": levels.jpeg}
    values = tuple(known[name] * wishes.strength for name in card.levels)
    idle = wishes.strength == 0 or (card.levels and not any(values))
    if idle and card.scale == 1:
        return []
    return [Step(model, values, "this model was asked for")]
