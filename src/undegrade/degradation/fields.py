"""What an operator's parameters may be: one description for checking, help and records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

Parameters: TypeAlias = dict[str, Any]
"""Plain JSON: names to numbers, words and truth values."""

SEED_LIMIT = 2**32
"""Seeds that are drawn lie below this, so that every JSON reader keeps them exact."""


@dataclass(frozen=True)
class Number:
    """A real number in *low* .. *high*, both included; required where *default* is None."""

    name: str
    low: float
    high: float
    help: str
    default: float | None = None

    def read(self, value: object) -> float:
        """*value* as a float; ValueError says what it must be."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("must be a number")
        if not (math.isfinite(value) and self.low <= value <= self.high):
            raise ValueError(f"must lie in {self.low:g}..{self.high:g}")
        return float(value)


@dataclass(frozen=True)
class Whole(Number):
    """The same, but for a whole number."""

    def read(self, value: object) -> int:
        """*value* as an int; ValueError says what it must be."""
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError("must be a whole number")
        if not self.low <= value <= self.high:
            raise ValueError(f"must lie in {self.low}..{self.high}")
        return value


@dataclass(frozen=True)
class Choice:
    """One of a closed set of words or whole numbers; required where *default* is None."""

    name: str
    choices: tuple[str | int, ...]
    help: str
    default: str | int | None = None

    def read(self, value: object) -> str | int:
        """*value* if it is one of the choices; ValueError lists them."""
        if not isinstance(value, bool):
            for choice in self.choices:
                if type(choice) is type(value) and choice == value:
                    return choice
        raise ValueError("must be one of " + ", ".join(map(str, self.choices)))


@dataclass(frozen=True)
class Flag:
    """True or false."""

    name: str
    help: str
    default: bool = False

    def read(self, value: object) -> bool:
        """*value* if it is a truth value, else ValueError."""
        if not isinstance(value, bool):
            raise ValueError("must be true or false")
        return value


Field: TypeAlias = Number | Choice | Flag

SEED = Whole("seed", 0, 2**63 - 1, "seed of the noise")
AS_FILE = Flag("as_file", "clip to [0, 1] and round to 8 bit, as a file would")
