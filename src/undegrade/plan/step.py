"""One network to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from undegrade.catalog import Model
from undegrade.runtime.subjects import Region


@dataclass(frozen=True)
class Step:
    """One network to run, and how far it goes."""

    name: str
    """One of :data:`undegrade.plan.STEPS`."""
    model: Model
    levels: tuple[float, ...]
    """The network's level inputs, strength included; empty for a blind network."""
    reason: str
    """Why, in plain words, with the number that was found."""
    strength: float = 1.0
    """Share of the network's change that is made, 0 to 1.5, for a network without levels."""
    shrink: int = 1
    """How many times the picture is reduced before the network enlarges it."""
    vivid: Model | None = None
    """The network's vivid variant, where detail was asked for and there is one."""
    detail: float = 0.0
    """How far the weights go towards those of ``vivid``; 0 without one."""
    faithful: tuple[Region, ...] = ()
    """Where the faithful weights are run all the same, in the photo's pixels."""
    effort: str = "normal"
    """One of :data:`undegrade.plan.EFFORTS`: what is run, whatever was asked for."""

    @property
    def scale(self) -> int:
        """Output pixels per input pixel along a side, all in all."""
        return self.model.card.scale // self.shrink

    @property
    def invents(self) -> bool:
        """Whether detail is made up that could be left out: on faces alone there is no other."""
        return self.detail > 0 and self.model.card.name != "face-x4"

    @property
    def regions(self) -> list[Region]:
        """``faithful`` in the pixels of what is made."""
        return [region.scaled(self.scale) for region in self.faithful]

    def moved(self, right: int, down: int) -> Step:
        """The same step on a part of the photo that begins so many pixels *right* and *down*."""
        return replace(self, faithful=tuple(one.moved(right, down) for one in self.faithful))

    @property
    def averages(self) -> bool:
        """Whether the network's outputs are averaged over flips and turns."""
        return self.effort == "best"

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return {
            "name": self.name,
            "model": self.model.card.name,
            "scale": self.scale,
            "shrink": self.shrink,
            "levels": dict(zip(self.model.card.levels, self.levels, strict=True)),
            "strength": self.strength,
            "detail": self.detail,
            "faithful": [region.as_dict() for region in self.faithful],
            "effort": self.effort,
            "reason": self.reason,
        }
