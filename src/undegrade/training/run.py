"""A run: what the parts of the loop share, and how everything random is drawn.

All that is drawn is a pure function of (seed, name of the stage, step, part of the batch). So a
resumed run goes on bit for bit, prefetched batches equal those made on demand, n processes draw
what one process with n accumulated parts draws, and a stage sees the same batches in every variant
of a recipe, whichever other stages that has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from undegrade.errors import InputError
from undegrade.training.checkpoint import State
from undegrade.training.losses import LPIPS
from undegrade.training.monitor import Monitor
from undegrade.training.processes import Processes
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.seeds import mixed
from undegrade.training.tasks import Batch, GradedTask, Photos, Task

BATCH, FORWARD, JUDGEMENT, CRITIC = range(4)
"""What is drawn for: the batch, dropout of the one who learns, dropout in judging it, and from
then on dropout and choices of each critic."""
OUTPUTS = 1000
"""And for outputs of the generator that a regressor learns from; then for what is made of them."""

LAST = "last.safetensors"
"""Name of the checkpoint to resume from."""

Tick = Callable[[State, float, float], None]
"""Told after every step: the state, the stage's progress 0..1, and samples per second."""


@dataclass
class Run:
    """What the parts of the loop share and do not change."""

    recipe: Recipe
    state: State
    folder: Path
    task: Task
    photos: Photos
    held: list[Tensor]
    processes: Processes
    monitor: Monitor
    minutes: float | None
    tick: Tick | None
    validation: dict[str, Batch] = field(default_factory=dict)
    perceptual: LPIPS | None = None

    @property
    def path(self) -> Path:
        """The checkpoint to resume from."""
        return self.folder / LAST

    @property
    def best_path(self) -> Path:
        """The averaged weights with the best score of the present stage."""
        return self.folder / "best.safetensors"

    def progress(self, stage: Stage, step: int | None = None) -> float:
        """How much of *stage* is done, 0..1 or more, at *step* or now."""
        if self.minutes is None:
            return (self.state.stage_step if step is None else step) / stage.steps
        whole = sum(s.share or s.steps for s in self.recipe.stages.values())
        share = (stage.share or stage.steps) / whole
        return self.state.stage_seconds / (60 * self.minutes * share)


def draw_batch(run: Run, stage: Stage, step: int, purpose: int = BATCH) -> list[Batch]:
    """What this process works through in *step*: ``accumulate`` parts.

    For a regressor graded pictures, but for ``OUTPUTS`` what the generator makes its own of.
    """
    recipe, processes = run.recipe, run.processes
    batch = recipe.batch_of(stage)
    size, left = divmod(batch, recipe.accumulate * processes.count)
    if left or not size:
        raise InputError(
            f"a batch of {batch} cannot be shared by {processes.count} processes in "
            f"{recipe.accumulate} parts each",
            "set batch to a multiple of both",
        )
    patch = recipe.patch_at(run.progress(stage, step), stage)
    draw = run.task.batch
    if stage.kind == "regressor" and purpose == BATCH:
        draw = cast(GradedTask, run.task).graded
    return [
        draw(
            run.photos,
            size,
            patch,
            generator_of(run, step, part * processes.count + processes.rank, purpose),
        )
        for part in range(recipe.accumulate)
    ]


def generator_of(run: Run, step: int, part: int, purpose: int = BATCH) -> torch.Generator:
    """The generator of everything drawn for one *part* of the batch of one *step*."""
    name = list(run.recipe.stages)[run.state.stage]
    return torch.Generator().manual_seed(mixed(run.recipe.seed, name, step, part, purpose))
