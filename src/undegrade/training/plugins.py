"""What a recipe names: an entry of a table here, of an installed package, or of any module.

A name is looked for in the table of its kind; then among the entry points that installed packages
declare in the group ``undegrade.KIND`` (``networks``, ``discriminators``, ``regressors``,
``losses``, ``degradations``, ``tasks`` or ``data``); ``package.module:name`` is imported as it is.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from undegrade.errors import RecipeError


def find(key: str, kind: str, table: Mapping[str, Any], name: str) -> Any:
    """What *name*, the value of *key* in a recipe, stands for.

    Modules are looked for in the working folder, too.

    Raises :class:`RecipeError` where nothing is called so, or a module cannot be imported or lacks
    it.
    """
    if name in table:
        return table[name]
    if ":" in name:
        return _imported(key, name)
    installed = {point.name: point for point in entry_points(group=f"undegrade.{kind}")}
    if name in installed:
        return _imported(key, installed[name].value)
    known = ", ".join(sorted({*table, *installed})) or "none here"
    raise RecipeError(key, name, f"is not one of: {known}; or write package.module:name")


def names_module(text: str) -> bool:
    """Whether *text* reads ``package.module:name``, of a package or a module that is there."""
    match = re.fullmatch(r"([A-Za-z_]\w*)(\.\w+)*:[A-Za-z_]\w*", text)
    _look_here()
    return match is not None and importlib.util.find_spec(match[1]) is not None


def _look_here() -> None:
    """Let modules be found in the working folder, where a console script does not look."""
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)


def _imported(key: str, path: str) -> Any:
    module, _, attribute = path.partition(":")
    _look_here()
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise RecipeError(key, path, f"cannot be imported ({why}); check the path") from None
    return found
