"""Closed sets of names in the arguments of networks: recipes are typed by hand."""

from __future__ import annotations

from collections.abc import Sequence


def checked(argument: str, value: str, choices: Sequence[str]) -> str:
    """Return *value* if it is one of *choices*; raises ``ValueError`` naming them otherwise."""
    if value not in choices:
        raise ValueError(f"{argument} is {value!r}; it can be: {', '.join(choices)}")
    return value
