"""Recipes as YAML files: reading, variants, overrides, and checks that name the key.

A file may hold ``variants``: named tables of changes that are laid over the rest, such as
``debug`` (ends within a minute on a CPU) or the steps of an ablation. ``drgn:one-step+debug``
lays both over the recipe ``drgn``, in that order.
"""

from __future__ import annotations

import dataclasses
import math
import types
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from undegrade.errors import RecipeError
from undegrade.training import checkpoint
from undegrade.training.checkpoint import LAST
from undegrade.training.recipe import Recipe

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same YAML, five times as fast where PyYAML came with libyaml."""


def read(name: str, overrides: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe: a bundled name or a .yaml file, then ``:variant+variant`` where wanted.

    A checkpoint, or the folder of a run, has the recipe that it was made with, complete.

    *overrides* come last; their keys may be dotted (``stages.main.rate``). Raises
    :class:`RecipeError` naming the key that is wrong.
    """
    base, _, chosen = name.partition(":")
    if is_run(name):
        path = Path(name) if name.endswith(".safetensors") else Path(name) / LAST
        data, chosen = checkpoint.begun(path)[0], ""
    else:
        data = _load(base)
    found = _variants(data)
    data.pop("variants", None)
    for variant in filter(None, chosen.split("+")):
        if variant not in found:
            known = ", ".join(found) or "none"
            raise RecipeError("variant", variant, f"is not one of {base}; there are: {known}")
        data = merged(data, found[variant])
    for key, value in (overrides or {}).items():
        *tables, last = key.split(".")
        under: Any = data
        for table in tables:
            under = under.get(table, {}) if isinstance(under, Mapping) else {}
            if under is None:
                raise RecipeError(key, value, f"changes {table!r}, which was taken away")
        nested: Any = {last: value}
        for table in reversed(tables):
            nested = {table: nested}
        data = merged(data, nested)
    return parse(data)


def is_run(name: str) -> bool:
    """Whether *name* is a checkpoint, or the folder of a run, and no recipe of its own."""
    return name.endswith(".safetensors") or (Path(name) / LAST).is_file()


def variants(name: str) -> tuple[str, ...]:
    """Names of the variants of a recipe."""
    return tuple(_variants(_load(name)))


def names() -> tuple[str, ...]:
    """Names of the bundled recipes, sorted."""
    found = (entry.name for entry in _folder().iterdir())
    return tuple(sorted(n.removesuffix(".yaml") for n in found if n.endswith(".yaml")))


def parse(data: Mapping[str, Any]) -> Recipe:
    """Check plain data and make a recipe of it; raises :class:`RecipeError` naming the key."""
    recipe: Recipe = _dataclass(Recipe, _without_gaps(data), "")
    return recipe


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """*above* laid over *below*, table by table.

    None takes a key away, and a table laid over what was taken away does not bring it back: so
    ``one-step+debug`` has no stage that only the full recipe had, whatever ``debug`` says of it.
    """
    result = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            under = result.get(key, {})
            if under is not None:
                result[key] = merged(under if isinstance(under, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _without_gaps(data: Mapping[str, Any]) -> dict[str, Any]:
    """*data* without the keys that were taken away."""
    return {
        key: _without_gaps(value) if isinstance(value, Mapping) else value
        for key, value in data.items()
        if value is not None
    }


def _variants(data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tables of changes that a recipe file holds, by name."""
    found = data.get("variants") or {}
    if not isinstance(found, Mapping):
        raise RecipeError("variants", found, "must be a table")
    for name, changes in found.items():
        if changes is not None and not isinstance(changes, Mapping):
            raise RecipeError(f"variants.{name}", changes, "must be a table")
    return {str(name): changes or {} for name, changes in found.items()}


def _folder() -> Any:
    return resources.files("undegrade.training") / "recipes"


def _load(name: str) -> dict[str, Any]:
    path: Any = Path(name)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise RecipeError("recipe", name, "is not a file")
    else:
        path = _folder() / f"{name}.yaml"
        if not path.is_file():
            raise RecipeError("recipe", name, f"is not bundled; there are: {', '.join(names())}")
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError("recipe", name, f"is not YAML: {error}") from None
    if not isinstance(data, dict):
        raise RecipeError("recipe", name, "must hold a table of settings")
    return data


def _dataclass(kind: Any, data: Any, path: str) -> Any:
    """An instance of the dataclass *kind* from a table found at *path*."""
    if not isinstance(data, Mapping):
        raise RecipeError(path, data, "must be a table")
    hints, fields = get_type_hints(kind), {f.name: f for f in dataclasses.fields(kind)}
    values = {}
    for key, value in data.items():
        where = f"{path}.{key}" if path else str(key)
        if key not in fields:
            raise RecipeError(where, value, f"is not a setting; there are: {', '.join(fields)}")
        values[key] = _value(hints[key], value, where)
    for key, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and key not in values:
            raise RecipeError(f"{path}.{key}" if path else key, None, "is missing")
    try:
        return kind(**values)
    except RecipeError as error:
        if not path:
            raise
        raise RecipeError.within(path, error) from None


def _value(hint: Any, value: Any, where: str) -> Any:
    """*value*, checked against its type *hint*."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin in (types.UnionType, Union):
        wanted = [h for h in inside if h is not type(None)]
        return None if value is None else _value(wanted[0], value, where)
    if origin is Literal:
        if value not in inside:
            raise RecipeError(where, value, f"must be one of {', '.join(map(str, inside))}")
        return value
    if origin is tuple:
        return _tuple(inside, value, where)
    if origin is dict or hint is dict:
        if not isinstance(value, Mapping):
            raise RecipeError(where, value, "must be a table")
        element = inside[1] if inside else Any
        return {str(k): _value(element, v, f"{where}.{k}") for k, v in value.items()}
    if dataclasses.is_dataclass(hint):
        return _dataclass(hint, value, where)
    if hint is int and (not isinstance(value, int) or isinstance(value, bool)):
        raise RecipeError(where, value, "must be a whole number")
    if hint is float:
        return _number(value, where)
    if hint is bool and not isinstance(value, bool):
        raise RecipeError(where, value, "must be true or false")
    if hint is str and not isinstance(value, str):
        raise RecipeError(where, value, "must be text")
    return value


def _number(value: Any, where: str) -> float:
    try:
        if not isinstance(value, bool) and math.isfinite(number := float(value)):
            return number  # YAML reads 1e-3 as text
    except (TypeError, ValueError):
        pass
    raise RecipeError(where, value, "must be a number")


def _tuple(inside: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise RecipeError(where, value, "must be a list")
    if inside[-1] is Ellipsis:
        return tuple(_value(inside[0], v, where) for v in value)
    if len(value) != len(inside):
        raise RecipeError(where, value, f"must hold {len(inside)} values")
    return tuple(_value(h, v, where) for h, v in zip(inside, value, strict=True))
