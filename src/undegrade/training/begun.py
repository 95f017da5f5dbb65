"""Whether a folder holds the run that a recipe would go on with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from undegrade.errors import ModelError, RecipeError
from undegrade.training import checkpoint
from undegrade.training.recipe import Recipe
from undegrade.training.recipe_file import parse

KIND = ("name", "task", "network", "system", "scale")
"""What makes a run the one it is, as long as it is under way; the rest may be changed then."""
FREE = {
    *("card", "validation", "checkpoint_every", "keep", "precision", "compile", "accumulate"),
    *("data.memory", "data.workers"),
}
"""What changes nothing, or little, of what a finished run has made."""


def check(recipe: Recipe, path: Path) -> None:
    """Refuse to go on from the checkpoint at *path* with another *recipe* than it was begun with.

    Under way, a run may be given other rates, losses or data, and further stages behind; finished,
    it has made what its recipe says, and would be handed back for what another one says.

    Raises :class:`ModelError` naming the first setting that differs.
    """
    begun, stage = checkpoint.begun(path)
    now = _plain(recipe.as_dict())
    try:
        before = _plain(parse(begun).as_dict())
    except RecipeError:
        return  # of an older version, which knew other settings
    passed, ahead = list(before["stages"]), list(now["stages"])
    under_way = stage < max(len(passed), len(ahead))
    if passed[: stage + 1] != ahead[: stage + 1][: len(passed)]:
        raise _refusal(path, "stages", passed, ahead)
    if under_way:
        before, now = ({key: table[key] for key in KIND} for table in (before, now))
    for key, (one, other) in _differences(before, now, ""):
        if not any(key == free or key.startswith(f"{free}.") for free in FREE):
            raise _refusal(path, key, one, other)


def _refusal(path: Path, key: str, before: object, now: object) -> ModelError:
    return ModelError(
        f"{path.parent} holds another run: its {key} is {before!r}, the recipe's is {now!r}",
        f"train into a new folder; --init {path} begins with its weights",
    )


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    """As it comes out of a checkpoint: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(table))
    return plain


def _differences(
    one: object, other: object, path: str
) -> Iterator[tuple[str, tuple[object, object]]]:
    """Dotted keys under which two tables differ, with both values; None where one has none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            where = f"{path}.{key}" if path else str(key)
            yield from _differences(one.get(key), other.get(key), where)
    elif one != other:
        yield path, (one, other)
