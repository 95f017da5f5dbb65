"""The training loop, to be read from top to bottom: train, fit, validate, keep.

A step itself is in ``players.py``, what a run is made of in ``run.py``.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from undegrade.errors import Cancelled, ComputeError, OutputError
from undegrade.training import begun, checkpoint, data, objective, precision, schedule, setup
from undegrade.training.checkpoint import Moments
from undegrade.training.interrupt import Interrupt
from undegrade.training.monitor import Log, Monitor, Row
from undegrade.training.players import Players
from undegrade.training.processes import Processes
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.run import LAST, Run, Tick, draw_batch
from undegrade.training.scores import level_error, level_errors, outputs, scores
from undegrade.training.tasks import Batch, GradedTask, Photos, task
from undegrade.training.tasks.grade import GradeTask

LOG_EVERY = 100
"""Steps between lines of the log."""


def train(
    recipe: Recipe,
    sources: Sequence[str | Path],
    folder: Path,
    *,
    minutes: float | None = None,
    init: Path | None = None,
    device: str = "cpu",
    log: Log | None = None,
    tick: Tick | None = None,
) -> Path:
    """Train *recipe* on the photos of *sources*; returns the path of the final checkpoint.

    Whatever *folder* already holds is resumed bit for bit, if this recipe made it. With *minutes*
    the schedules follow the clock instead of the step count, so that they always end finished.
    *init* is a checkpoint, whose averaged weights start a new run, or an exported network. Rows of
    numbers go to *log* and to ``log.jsonl``.

    Raises
    ------
    RecipeError: the recipe contradicts itself or does not fit its networks or losses.
    InputError: the photos cannot be used. ModelError: *init* or published weights cannot be had, or
        *folder* holds another run.
    ComputeError: a loss is not finite; the last good checkpoint stands.
    Cancelled: SIGINT or SIGTERM; a checkpoint was written, the same call goes on from it.
    """
    processes, what = Processes(device), task(recipe)
    path = folder / LAST
    resuming = path.exists()
    if resuming:
        begun.check(recipe, path)
    asked, in_which = recipe.precision, checkpoint.precision_of(path) if resuming else None
    recipe, reason = precision.settled(recipe, processes, in_which)
    state = setup.initial_state(recipe, init, processes.device)
    setup.check(recipe, state)
    monitor = Monitor(folder, log, processes.main)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create {str(folder)!r}: {error.strerror}", "name a folder"
        ) from None
    photos, held = data.load(sources, recipe.validation.photos, processes.device, recipe.data)
    # A photo that is too small for the late patches must show now.
    largest = max(recipe.patches())
    what.batch(photos, 1, largest, torch.Generator().manual_seed(recipe.seed))
    run = Run(recipe, state, folder, what, photos, held, processes, monitor, minutes, tick)
    run.validation = what.validation(held, recipe.validation.crop)
    if recipe.validation.lpips != "none":
        run.perceptual = objective.lpips(recipe.validation.lpips).to(processes.device)
    moments = checkpoint.load(state, run.path) if resuming else None
    state.precision_reason = reason
    if asked == "auto" and state.stage < len(recipe.stages):
        because = f"the run was begun in it: {reason}".removesuffix(": ") if resuming else reason
        told = {"precision": recipe.precision, "because": because}
        monitor.row({"step": state.step, "stage": list(recipe.stages)[state.stage]} | told)
    with closing(monitor), Interrupt() as interrupt, torch.random.fork_rng():
        for name in list(recipe.stages)[state.stage :]:
            fit(run, name, moments, interrupt)
            moments = None
    return run.path


def fit(run: Run, name: str, moments: Moments | None, interrupt: Interrupt) -> None:
    """Step through one stage; leaves a checkpoint that begins the next."""
    recipe, state, stage = run.recipe, run.state, run.recipe.stages[name]
    started, step_before = time.monotonic(), state.stage_step
    players = Players(run, stage)
    state.optimizers = setup.optimizers(recipe, stage, state)
    if moments is not None:
        moments.restore(state)
    if stage.allowance and not state.best:
        state.best = _first_score(validate(run, stage))
        _save_best(run)
    seconds_before, stage_before = state.seconds, state.stage_seconds
    tally = torch.zeros((), device=run.processes.device)
    progress, finished = run.progress(stage), _waited_enough(run, stage)

    with _batches(run, stage) as batches:
        while progress < 1 and not finished:
            rates = schedule.factor(stage, state.stage_step, progress)
            for optimizer in state.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * rates
            losses = players.step(next(batches), progress)
            state.step += 1
            state.stage_step += 1
            if "loss" in losses:  # not while the critic has its turn
                state.generator_steps += 1
                state.update_average(recipe.ema)
            elapsed = time.monotonic() - started
            state.seconds, state.stage_seconds = seconds_before + elapsed, stage_before + elapsed
            progress = run.processes.agreed(run.progress(stage))
            for loss in losses.values():
                tally = tally + loss

            validating = state.stage_step % recipe.validation.every == 0 or progress >= 1
            if validating or state.stage_step % LOG_EVERY == 0:
                _require_finite(run, tally)
                row: Row = {"step": state.step, "stage": name, "seconds": state.seconds}
                row["rate"] = stage.rate * rates
                if any(stage.turns):
                    row["turns"] = state.generator_steps
                row |= run.processes.average({k: float(v) for k, v in losses.items()})
                if validating:
                    found = validate(run, stage)
                    finished = _judge(run, stage, found)
                    row |= found
                run.monitor.row(row)
            stopping = bool(run.processes.agreed(interrupt.wanted))
            if stopping or state.stage_step % recipe.checkpoint_every == 0:
                _require_finite(run, tally)
                _save(run)
            if stopping:
                raise Cancelled
            if run.tick and run.processes.main:
                done = state.stage_step - step_before
                run.tick(
                    state, min(progress, 1.0), done * recipe.batch_of(stage) / max(elapsed, 1e-9)
                )

    if stage.allowance and run.best_path.exists():
        for network in (state.generator, state.average):
            checkpoint.load_average(network, run.best_path)
    state.stage, state.stage_step, state.stage_seconds = state.stage + 1, 0, 0.0
    state.generator_steps = state.critic_turn = 0
    state.optimizers, state.best, state.critic_loss = {}, {}, math.inf
    _save(run)


@contextmanager
def _batches(run: Run, stage: Stage) -> Iterator[Iterator[list[Batch]]]:
    """This process's part of every batch of *stage*, from its present step on."""
    make, first, reading = partial(draw_batch, run, stage), run.state.stage_step, run.recipe.data
    if stage.stored and stage.kind == "critic":
        yield repeat([])
    elif not reading.memory:
        yield map(make, count(first))
    else:
        with data.Prefetcher(make, reading.workers) as prefetcher:
            yield prefetcher.batches(first)


def validate(run: Run, stage: Stage) -> dict[str, float]:
    """Scores of the averaged generator (or of the regressor) on the held-out crops.

    A validation batch that is the only one gives its scores plainly, several under
    ``name/score``, with their means plainly.
    """
    recipe, state = run.recipe, run.state
    if stage.kind == "regressor":
        regressor = cast(nn.Module, state.regressor)
        photos = cast(Photos, data.PhotoSet(run.held, run.processes.device))
        graded = cast(GradedTask, run.task).judged(
            photos, 8 * len(run.held), recipe.validation.crop // 2, torch.Generator().manual_seed(0)
        )
        errors = level_errors(regressor, graded, getattr(run.task, "quantities", ()))
        if stage.stored:
            errors["level-error/outputs"] = _error_on_outputs(run)
        regressor.train()
        return errors
    found: dict[str, float] = {}
    means: dict[str, list[float]] = {}
    for name, batch in run.validation.items():
        made = outputs(state.average, batch)
        for key, value in scores(made, batch.target, run.perceptual).items():
            found[f"{name}/{key}"] = value
            means.setdefault(key, []).append(value)
        shown = slice(0, recipe.validation.pictures)
        run.monitor.pictures(
            state.step, name, [batch.inputs[0][shown], made[shown], batch.target[shown]]
        )
    mean = {key: sum(values) / len(values) for key, values in means.items()}
    told = mean if len(run.validation) == 1 else found | mean
    # Norms keep the statistics of a process's own samples, and scores differ: the first decides.
    return {key: run.processes.agreed(value) for key, value in told.items()}


def _error_on_outputs(run: Run) -> float:
    """How far the regressor is off on what the generator makes of the held-out crops."""
    found, task = [], cast(GradeTask, run.task)
    for batch in run.validation.values():
        made = outputs(run.state.average, batch)
        left = task.left(made, batch.target, torch.Generator().manual_seed(0))
        found.append(level_error(cast(nn.Module, run.state.regressor), Batch((made,), made, left)))
    return sum(found) / len(found)


def _first_score(found: dict[str, float]) -> dict[str, float]:
    return {"psnr-at-start": found["psnr"], "lpips": found["lpips"], "waited": 0.0}


def _judge(run: Run, stage: Stage, found: dict[str, float]) -> bool:
    """Keep the best weights; whether the stage should end because nothing better comes.

    Under an ``allowance`` the best has the lowest LPIPS of those whose PSNR is within it of the
    stage's start; otherwise it has the highest PSNR.
    """
    best = run.state.best
    if stage.kind not in ("generator", "adversarial"):
        return False
    if not stage.allowance:
        if found["psnr"] > best.get("psnr", -math.inf):
            best["psnr"] = found["psnr"]
            _save_best(run)
        return False
    allowed = found["psnr"] >= best["psnr-at-start"] - stage.allowance
    if allowed and found["lpips"] < best["lpips"]:
        best |= {"lpips": found["lpips"], "waited": 0.0}
        _save_best(run)
    else:
        best["waited"] += 1
    return _waited_enough(run, stage)


def _waited_enough(run: Run, stage: Stage) -> bool:
    return run.state.best.get("waited", 0.0) >= stage.patience


def _require_finite(run: Run, tally: Tensor) -> None:
    if not math.isfinite(float(tally)):
        raise _diverged(run, "the loss is")


def _diverged(run: Run, what: str) -> ComputeError:
    return ComputeError(
        f"{what} not finite at step {run.state.step}",
        f"the last good checkpoint is {run.path}; lower the rate or the clip and go on",
    )


def _save(run: Run) -> None:
    # A gradient may be infinite where the loss is not.
    if not run.state.finite():
        raise _diverged(run, "weights are")
    if run.processes.main:
        keep = run.recipe.keep - 1
        if keep and run.path.exists():
            # Copied, not renamed: there is a checkpoint to resume from at every moment.
            name = f"step-{checkpoint.step_of(run.path):08d}"
            partial_copy = shutil.copyfile(run.path, run.folder / f"{name}.part")
            partial_copy.replace(partial_copy.with_suffix(".safetensors"))
        checkpoint.save(run.state, run.path)
        for old in sorted(run.folder.glob("step-*.safetensors"))[: -keep or None]:
            old.unlink()
    run.processes.wait()


def _save_best(run: Run) -> None:
    if run.processes.main:
        checkpoint.save_average(run.state, run.best_path)
    run.processes.wait()
