"""The make half: data, networks, losses, recipes, and the loop that trains them.

>>> from undegrade.training import fit, read  # doctest: +SKIP
>>> run = fit(read("sr-x2:debug"), "photos/", "runs/sr-x2")  # doctest: +SKIP

All of it needs torch (``pip install undegrade[train]``) but the sources and checks of ``data``;
nothing outside imports it, apart from the command line, inside its verbs.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    **dict.fromkeys(("fit", "Run"), "loop"),
    **dict.fromkeys(("read", "parse"), "recipe_file"),
    "Recipe": "recipe",
    "Architecture": "networks",
    "write_model": "export",
}
"""Where the public names live; they are imported when they are first used."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
