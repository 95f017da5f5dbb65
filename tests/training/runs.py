"""Runs of the loop: stopping them, watching who learns, and comparing what they left."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from undegrade.training.checkpoint import State
from undegrade.training.loop import fit

CLOCK = {"seconds", "stage_seconds"}
"""What a checkpoint notes that no second run repeats."""


class Stop(Exception):  # noqa: N818 - a crash, as far as the loop knows
    """Raised in the middle of a run."""


def stop_after(step: int) -> Callable[..., None]:
    """A tick that crashes the run once *step* is done."""

    def tick(state: State, progress: float, samples: float) -> None:
        if state.step == step:
            raise Stop

    return tick


def learners() -> tuple[list[set[str]], Callable[..., None]]:
    """A list that grows by the names of the networks that changed in a step, and its tick.

    The first step has nothing before it to be compared with, and is not in the list.
    """
    changed: list[set[str]] = []
    before: dict[str, list[torch.Tensor]] = {}

    def tick(state: State, progress: float, samples: float) -> None:
        now = {
            name: [p.detach().clone() for p in network.parameters()]
            for name, network in state.networks().items()
            if name != "average"
        }
        if before:
            changed.append({name for name in now if not equal(now[name], before[name])})
        before.update(now)

    return changed, tick


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    """Whether all are bit for bit the same."""
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def rows(folder: Path) -> list[dict[str, Any]]:
    """The log of a run: its rows of numbers."""
    return [row for row in every_row(folder) if "because" not in row]


def every_row(folder: Path) -> list[dict[str, Any]]:
    """The log of a run, with the row that says in which precision it runs."""
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def progress(path: Path) -> dict[str, Any]:
    """The numbers of a checkpoint."""
    with safe_open(path, framework="pt") as file:
        found: dict[str, Any] = json.loads(file.metadata()["progress"])
    return found


def part(path: Path, name: str) -> dict[str, torch.Tensor]:
    """The tensors of one network of a checkpoint."""
    prefix = f"{name}."
    tensors = load_file(path)
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def assert_same_checkpoint(one: Path, other: Path) -> None:
    """All tensors and all numbers are equal, but for the time that was taken."""
    first, second = load_file(one), load_file(other)
    assert first.keys() == second.keys()
    different = [key for key in first if not torch.equal(first[key], second[key])]
    assert different == []
    numbers, others = progress(one), progress(other)
    assert {k: v for k, v in numbers.items() if k not in CLOCK} == {
        k: v for k, v in others.items() if k not in CLOCK
    }


def untimed(history: str) -> str:
    """What a card or a checkpoint says of its runs, without their minutes."""
    return re.sub(r" in \d+ minutes", "", history)


def first_checkpoint(recipe, sources, folder: Path, **arguments: Any) -> Path:
    """Train until the first checkpoint and crash in the step behind it."""
    try:
        fit(recipe, sources, folder, tick=stop_after(recipe.checkpoint_every + 1), **arguments)
    except Stop:
        return folder / "last.safetensors"
    raise AssertionError("the run ended before it was stopped")
