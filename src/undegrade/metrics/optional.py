"""Packages of the extra ``eval``: imported when needed, or one line on how to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from undegrade.errors import UsageError


def optional(module: str) -> Any:
    """The module called so.

    Raises
    ------
    UsageError: its package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UsageError(
            f"this metric needs the package {module.partition('.')[0]!r}, which is not installed",
            'pip install "undegrade[eval]"',
        ) from None
