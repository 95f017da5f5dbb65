"""Where a model comes from: photos with counts and terms, versions, seed and command."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from undegrade import __version__
from undegrade.training.data.sources import Source, described
from undegrade.training.recipe import Recipe

Made = dict[str, Any]
"""``sources``, each with its ``photos`` and ``terms``; ``versions``, ``seed`` and ``command``; and
``before``, the same of the weights that a run began with, if it began with any."""


def noted(recipe: Recipe, data: Sequence[Source], earlier: Made, before: Made) -> Made:
    """What a checkpoint says of a run of *recipe* on *data*.

    *earlier* is what it said when the run was last stopped: photos that it has seen since stay.
    """
    packages = {name: version(name) for name in ("torch", "numpy")}
    seen = {row["source"]: row for row in earlier.get("sources", [])}
    seen |= {row["source"]: row for row in described(data, recipe.data)}
    return {
        "sources": list(seen.values()),
        "versions": {"undegrade": __version__, "python": platform.python_version()} | packages,
        "seed": recipe.seed,
        "command": command(),
        "before": earlier.get("before", before),
    }


def command() -> str:
    """The command line of this process; of whole paths only the names."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return " ".join(words)


def training_data(made: Made) -> str:
    """Counts and terms in a sentence, for the card of a model; empty where nothing is known."""
    parts = [
        f"{row['photos']} photos of {row['name']} ({row['terms']})"
        for row in made.get("sources", [])
    ]
    if (before := made.get("before")) and (text := before.get("text") or training_data(before)):
        parts.append(f"begun with weights that were trained on {text}")
    return "; ".join(parts)


def made_with(made: Made) -> str:
    """Versions, seed and command in a line, for the card of a model."""
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return f"{versions}; seed {made['seed']}; {made['command']}"
