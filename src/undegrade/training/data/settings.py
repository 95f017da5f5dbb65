"""How the pictures of a source are read: a table of a recipe, free of torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from undegrade.errors import RecipeError

Symmetries = Literal["all", "mirror", "none"]


@dataclass(frozen=True)
class Reading:
    """What is taken from a source and what becomes of it before crops are drawn.

    Raises
    ------
    RecipeError: a value that is impossible, or two that contradict each other.
    """

    pairs: bool = False
    """Aligned pairs of input and target instead of single photos."""
    match: str = "*"
    """Only files whose name in the source matches this pattern; ``*`` crosses slashes, too."""
    leave_out: tuple[str, ...] = ()
    """Patterns of names that are not taken, such as what a check found to be in a test set."""
    centre: int = 0
    """Side in pixels of the central square that is cut out; 0 keeps all, -1 is the largest."""
    resize: int = 0
    """Side in pixels to which that square is reduced, bicubic and antialiased; 0 leaves it."""
    symmetries: Symmetries = "all"
    """Turns and mirrors of a crop: all eight, left and right (faces), or none."""
    memory: float = 0.0
    """GiB of decoded photos kept, the rest decoded on demand; 0 loads all to the device."""
    workers: int = 2
    """Threads that prepare batches ahead where ``memory`` is set."""

    def __post_init__(self) -> None:
        if not self.match:
            raise RecipeError("match", self.match, "matches nothing; '*' matches all")
        if self.centre < -1:
            raise RecipeError("centre", self.centre, "must be a side in pixels, 0 or -1")
        if self.resize < 0:
            raise RecipeError("resize", self.resize, "must be a side in pixels, or 0")
        if self.resize and not self.centre:
            raise RecipeError(
                "resize", self.resize, "would distort what is no square; set centre, too (-1)"
            )
        if 0 < self.centre < self.resize:
            raise RecipeError("resize", self.resize, f"is more than centre = {self.centre}")
        if self.symmetries not in get_args(Symmetries):
            raise RecipeError(
                "symmetries", self.symmetries, f"must be one of {', '.join(get_args(Symmetries))}"
            )
        if not (math.isfinite(self.memory) and self.memory >= 0):
            raise RecipeError("memory", self.memory, "must be GiB, 0 or more")
        if self.workers < 1:
            raise RecipeError("workers", self.workers, "must be at least 1")
