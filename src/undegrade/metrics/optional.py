"""Packages of extras: imported when needed, or one line on how to get them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from undegrade.errors import UsageError


def optional(module: str, extra: str = "eval") -> Any:
    """The module called so, which the extra *extra* brings.

    Raises
    ------
    UsageError: its package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError:
        raise UsageError(
            f"this metric needs the package {module.partition('.')[0]!r}, which is not installed",
            f'pip install "undegrade[{extra}]"',
        ) from None
