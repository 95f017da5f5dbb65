"""Every error a user can meet: what happened, the value, what to do, and an exit code.

``str(error)`` is one line fit for a terminal. Library code raises these and never prints.

====  ==============================================================
code  meaning
====  ==============================================================
0     done
1     some inputs of a batch failed; the summary names them
2     the command line or a recipe asks for something impossible
3     an input cannot be read (missing, empty, broken, not an image) or used (does not align)
4     an output cannot be written
5     a model is missing, damaged or does not fit
6     a limit was met (megapixels, memory)
7     a computation failed (non-finite values)
130   interrupted
====  ==============================================================
"""

from __future__ import annotations

from typing import ClassVar


class UndegradeError(Exception):
    """The root of the hierarchy.

    Parameters
    ----------
    what: what happened, with the value that made it happen, as a sentence without a full stop.
    remedy: what the user can do about it.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, remedy: str = "") -> None:
        self.what = " ".join(what.split())
        self.remedy = " ".join(remedy.split())
        super().__init__(f"{self.what}; {self.remedy}" if remedy else self.what)


class UsageError(UndegradeError):
    """What was asked for is impossible or contradicts itself."""

    exit_code = 2


class RecipeError(UsageError):
    """A training recipe holds something it must not."""

    def __init__(self, key: str, value: object, why: str) -> None:
        super().__init__(f"recipe: {key} = {value!r} {why}")
        self.key, self.value, self.why = key, value, why

    @classmethod
    def within(cls, table: str, error: RecipeError) -> RecipeError:
        """The same *error*, with its key named in full: it was found in *table*."""
        return cls(f"{table}.{error.key}", error.value, error.why)


class InputError(UndegradeError):
    """An input cannot be read: missing, empty, truncated, corrupt, animated, not an image."""

    exit_code = 3


class AlignmentError(InputError):
    """Two photos cannot be laid over each other: too little in common, or not one scene."""


class OutputError(UndegradeError):
    """An output cannot be written: read-only folder, full disk, a folder in its place."""

    exit_code = 4


class ModelError(UndegradeError):
    """A model is unknown, missing, damaged, or does not do what was asked of it."""

    exit_code = 5


class LimitError(UndegradeError):
    """A picture or a plan is over a limit that the user can move."""

    exit_code = 6


class ComputeError(UndegradeError):
    """A network returned something that is not a picture."""

    exit_code = 7


class Cancelled(UndegradeError):  # noqa: N818 - no error, but the wish of the caller
    """The caller asked to stop; nothing half-written is left."""

    exit_code = 130

    def __init__(self) -> None:
        super().__init__("stopped on request")


def first_line(error: Exception) -> str:
    """What a foreign *error* says first; its kind where it says nothing."""
    return (str(error).splitlines() or [""])[0] or type(error).__name__
