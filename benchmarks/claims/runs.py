"""Runs of arms: each has a folder, is made once, and goes on where it was stopped.

What arms share, they share bit for bit. Batches follow from the seed, the name of the stage and the
step; networks begin with weights that follow from the seed; and an arm with a start goes on from a
copy of that run's checkpoint, so that its generator and its regressor are the same ones.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from benchmarks.claims.registration import Arm, Budget, Settings, Study
from safetensors import safe_open

from undegrade.training import loop, recipe_file, setup
from undegrade.training.checkpoint import LAST
from undegrade.training.data.photos import PhotoSet, load
from undegrade.training.data.sources import Reading
from undegrade.training.recipe import Recipe

COMMON: Settings = {
    "precision": "fp32",
    "checkpoint_every": 200,
    "validation": {"every": 200, "photos": 4, "pictures": 0},
}
NOTHING = 1e-9
"""Share of the time of a stage that is over already."""
JUDGE_SEED = 1000


@dataclass(frozen=True)
class Finished:
    """A run that has ended, and what its own stages took."""

    folder: Path
    recipe: Recipe
    steps: int
    minutes: float

    @property
    def path(self) -> Path:
        return self.folder / LAST


def run(study: Study, arm: Arm, seed: int, budget: Budget, train: Path, runs: Path) -> Finished:
    """The finished run of *arm*, made or completed if it must be.

    Parameters
    ----------
    train: the folder of the training packs. runs: where runs go.
    """
    torch.set_num_threads(1)
    folder, begun = folder_of(study, arm, seed, str(budget), runs), None
    if arm.start:
        begun = run(study, study.arm(arm.start), seed, budget, train, runs)
        if not (folder / LAST).exists():
            _copied(begun.path, folder)
    earlier = list(begun.recipe.stages) if begun else []
    recipe = recipe_of(arm, seed, budget, earlier)
    if (folder / LAST).exists():
        setup.check_begun(recipe, folder / LAST)
    if not (folder / LAST).exists() or _progress(folder)["stage"] < len(recipe.stages):
        minutes = budget.minutes * arm.length if budget.minutes else None
        sources: list[Any] = [train / pack for pack in study.packs]
        if study.photos:
            sources = [some(sources, study.photos)]
        loop.fit(recipe, sources, folder, minutes=minutes)
    return _finished(folder, recipe, begun.folder if begun else None)


def found(study: Study, arm: Arm, seed: int, budget: str, runs: Path) -> Finished | None:
    """The run of *arm* that is there already, if it is finished."""
    folder = folder_of(study, arm, seed, budget, runs)
    if not (folder / LAST).exists():
        return None
    recipe = recipe_file.read(str(folder))
    if _progress(folder)["stage"] < len(recipe.stages):
        return None
    start = folder_of(study, study.arm(arm.start), seed, budget, runs) if arm.start else None
    return _finished(folder, recipe, start)


def folder_of(study: Study, arm: Arm, seed: int, budget: str, runs: Path) -> Path:
    return runs / study.name / _slug(budget) / f"{_slug(arm.label)}-{seed}"


def _finished(folder: Path, recipe: Recipe, start: Path | None) -> Finished:
    now, before = _progress(folder), _progress(start) if start else {"step": 0, "seconds": 0.0}
    minutes = (now["seconds"] - before["seconds"]) / 60
    return Finished(folder, recipe, now["step"] - before["step"], minutes)


def judge(study: Study, budget: Budget, train: Path, runs: Path) -> Finished | None:
    """The run of the regressor that no arm sees, if there is one."""
    return run(study, study.judge, JUDGE_SEED, budget, train, runs) if study.judge else None


def recipe_of(arm: Arm, seed: int, budget: Budget, earlier: Sequence[str] = ()) -> Recipe:
    """The recipe of *arm*: its own stages share the budget, those *earlier* are over."""
    changes = {**COMMON, **arm.changes, "seed": seed}
    stages = recipe_file.read(arm.recipe, changes).stages
    own = {name: s.share or s.steps for name, s in stages.items() if name not in earlier}
    for name in earlier:
        changes[f"stages.{name}.share"] = NOTHING
    for name, share in own.items():
        if budget.steps:
            steps = budget.steps * arm.length * share / sum(own.values())
            changes[f"stages.{name}.steps"] = max(1, round(steps))
    return recipe_file.read(arm.recipe, changes)


def critic_loss(run: Finished) -> float | None:
    """What the loss of the adversaries was at the end of the stage that is theirs alone, if any."""
    rows = map(json.loads, (run.folder / "log.jsonl").read_text().splitlines())
    alone = [name for name, stage in run.recipe.stages.items() if stage.kind == "critic"]
    ends = [row for row in rows if row["stage"] in alone]
    losses = [value for key, value in ends[-1].items() if key.startswith("critic-")] if ends else []
    return sum(losses) / len(losses) if losses else None


def some(sources: Sequence[Path], count: int) -> Callable[..., Any]:
    """The source of *count* photos or pairs, evenly spaced over those of *sources*."""

    def chosen(hold_out: int, device: Any, reading: Reading) -> tuple[PhotoSet, list[Any]]:
        photos, held = load(list(sources), hold_out, device, replace(reading, memory=0.0))
        indices = [i * len(photos) // count for i in range(min(count, len(photos)))]
        picked = [photos.photos[i].clone() for i in indices]
        return PhotoSet(picked, device, reading.symmetries), held

    chosen.__qualname__ = f"{count} of {', '.join(source.name for source in sources)}"
    return chosen


def _copied(checkpoint: Path, folder: Path) -> None:
    """In one atomic step, for a folder with a checkpoint is a run."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(checkpoint, folder / "copy.part").replace(folder / LAST)


def _progress(folder: Path) -> dict[str, Any]:
    with safe_open(folder / LAST, framework="pt") as file:
        found: dict[str, Any] = json.loads(file.metadata()["progress"])
    return found


def _slug(label: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in label.lower()).split())
