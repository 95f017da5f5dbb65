"""What a contender makes of a case."""

from __future__ import annotations

from dataclasses import dataclass

from undegrade.imaging.arrays import Floats


@dataclass(frozen=True, eq=False)
class Output:
    """A picture, and how it came about."""

    picture: Floats
    """(H, W, C), not clipped."""
    steps: tuple[str, ...] | None = None
    """Names of the steps that were taken; ``None`` for what has no choice."""
