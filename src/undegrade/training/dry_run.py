"""What a run would take: five steps of every stage, and nothing kept of them."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from tempfile import TemporaryDirectory

import torch

from undegrade.training import setup
from undegrade.training.loop import Data, Run, Turns, draw_batch, set_up, validate
from undegrade.training.recipe import Recipe, Stage

TRIED = 5
"""Steps by which a dry run measures a stage, after one that is not counted."""


@dataclass(frozen=True)
class Estimate:
    """What a stage takes."""

    stage: str
    input: tuple[int, ...]
    output: tuple[int, ...]
    """Shapes of one part of a batch."""
    step_seconds: float
    seconds: float
    """Of all its steps and validations, as the recipe has them."""


def dry_run(
    recipe: Recipe | str, data: Data, device: str = "cpu"
) -> tuple[list[Estimate], dict[str, int], int]:
    """Measure every stage of *recipe* on *data*.

    Returns the estimates of the stages, the parameters of every network by name, and the largest
    memory in bytes so far: of the GPU, or of this process. Raises what :func:`fit` does.
    """
    estimates = []
    with TemporaryDirectory() as folder, torch.random.fork_rng():
        run, _ = set_up(recipe, data, Path(folder), device=device)
        with closing(run.monitor):
            for index, (name, stage) in enumerate(run.recipe.stages.items()):
                run.state.stage, run.state.stage_step = index, 0
                estimates.append(_tried(run, name, stage))
        networks = {k: n for k, n in run.state.networks().items() if k != "average"}
        parameters = {k: sum(p.numel() for p in n.parameters()) for k, n in networks.items()}
        if run.processes.device.type == "cuda":
            return estimates, parameters, torch.cuda.max_memory_allocated()
    import resource  # which Windows has not

    return estimates, parameters, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _tried(run: Run, name: str, stage: Stage) -> Estimate:
    batch = run.recipe.batch_of(stage)
    turns = Turns(run, replace(stage, stored=min(stage.stored, batch)))
    run.state.optimizers = setup.optimizers(run.recipe, stage, run.state)
    late = run.recipe.patch_at(1.0, stage) != run.recipe.patch_at(0.0, stage)
    # Adversaries in turns: a whole round, so that each has its part in it.
    count, means, parts = max(TRIED, sum(stage.turns)), [], draw_batch(run, stage, 0)
    for first in (0, int(0.8 * stage.steps) + 1) if late else (0,):
        took = []
        for step in range(count + 1):
            started = time.perf_counter()
            run.state.stage_step = step
            batches = [] if turns.store else draw_batch(run, stage, first + step)
            turns.step(batches, first / stage.steps)
            run.state.update_average(run.recipe.ema)
            took.append(time.perf_counter() - started)
        # One step that something else on the machine held up must not count for all.
        means.append(fmean(took[1:]) if any(stage.turns) else median(took[1:]))
    mean = 0.8 * means[0] + 0.2 * means[1] if late else means[0]
    started = time.perf_counter()
    validate(run, stage)
    validations = -(-stage.steps // run.recipe.validation.every)
    seconds = mean * stage.steps + (time.perf_counter() - started) * validations
    shapes = tuple(parts[0].inputs[0].shape), tuple(parts[0].target.shape)
    return Estimate(name, *shapes, mean, seconds)
