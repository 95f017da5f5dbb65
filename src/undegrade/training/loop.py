"""The training loop, to be read from top to bottom: train, fit, step, validate.

Everything drawn at random is a pure function of (seed, stage, step, part of the batch). So a
resumed run goes on bit for bit, prefetched batches equal those made on demand, and n processes
draw what one process with n accumulated parts draws.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.errors import Cancelled, ComputeError, InputError, OutputError, RecipeError
from undegrade.training import checkpoint, data, objective, schedule, setup
from undegrade.training.adversary import Adversary
from undegrade.training.checkpoint import Moments, State
from undegrade.training.interrupt import Interrupt
from undegrade.training.losses import LPIPS
from undegrade.training.monitor import Log, Monitor, Row
from undegrade.training.objective import Objective
from undegrade.training.processes import Processes
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.scores import level_error, outputs, scores
from undegrade.training.systems import SYSTEMS, PlainSystem, Views, autocast
from undegrade.training.tasks import Batch, GradedTask, Photos, Task, task

LOG_EVERY = 100
"""Steps between lines of the log."""

BATCH, FORWARD, JUDGEMENT, CRITIC = range(4)
"""What is drawn for: the batch, dropout of the one who learns, dropout in judging it, and from
then on dropout and choices of each critic."""

T = TypeVar("T")

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
        return self.folder / "last.safetensors"

    @property
    def best_path(self) -> Path:
        """The averaged weights with the best score of the present stage."""
        return self.folder / "best.safetensors"


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

    Whatever *folder* already holds is resumed bit for bit. With *minutes* the schedules follow
    the clock instead of the step count, so that they always end finished. *init* is a checkpoint,
    whose averaged weights start a new run, or an exported network. Rows of numbers go to *log*
    and to ``log.jsonl``.

    Raises
    ------
    RecipeError: the recipe contradicts itself or does not fit its networks or losses.
    InputError: the photos cannot be used. ModelError: *init* or published weights cannot be had.
    ComputeError: a loss is not finite; the last good checkpoint stands.
    Cancelled: SIGINT or SIGTERM; a checkpoint was written, the same call goes on from it.
    """
    processes, what = Processes(device), task(recipe)
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
    largest = max(recipe.patch, recipe.patch_late)
    what.batch(photos, 1, largest, torch.Generator().manual_seed(recipe.seed))
    run = Run(recipe, state, folder, what, photos, held, processes, monitor, minutes, tick)
    run.validation = what.validation(held, recipe.validation.crop)
    if recipe.validation.lpips != "none":
        run.perceptual = objective.lpips(recipe.validation.lpips).to(processes.device)
    moments = checkpoint.load(state, run.path) if run.path.exists() else None
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
    progress, finished = _progress(run, stage), _waited_enough(run, stage)

    with _batches(run, stage) as batches:
        while progress < 1 and not finished:
            rates = schedule.factor(stage, state.stage_step, progress)
            for optimizer in state.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * rates
            losses = players.step(next(batches), progress)
            state.step += 1
            state.stage_step += 1
            if "generator" in state.optimizers:
                state.update_average(recipe.ema)
            elapsed = time.monotonic() - started
            state.seconds, state.stage_seconds = seconds_before + elapsed, stage_before + elapsed
            progress = run.processes.agreed(_progress(run, stage))
            for loss in losses.values():
                tally = tally + loss

            validating = state.stage_step % recipe.validation.every == 0 or progress >= 1
            if validating or state.stage_step % LOG_EVERY == 0:
                _require_finite(run, tally)
                row: Row = {"step": state.step, "stage": name, "seconds": state.seconds}
                row["rate"] = stage.rate * rates
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
                run.tick(state, min(progress, 1.0), done * recipe.batch / max(elapsed, 1e-9))

    if stage.allowance and run.best_path.exists():
        for network in (state.generator, state.average):
            checkpoint.load_average(network, run.best_path)
    state.stage, state.stage_step, state.stage_seconds = state.stage + 1, 0, 0.0
    state.optimizers, state.best, state.critic_loss = {}, {}, math.inf
    _save(run)


class Players:
    """Who learns in a stage, and the step in which they do."""

    def __init__(self, run: Run, stage: Stage) -> None:
        self.run, self.stage, self.state = run, stage, run.state
        recipe, state, device = run.recipe, run.state, run.processes.device
        system = SYSTEMS[recipe.system](state.generator, recipe.precision)
        compiled = torch.compile if recipe.compile else lambda module: module
        self.system = cast(PlainSystem, compiled(system))
        self.adversaries = {
            name: Adversary(cast(nn.Module, compiled(network)), settings, recipe.precision)
            for (name, network), settings in zip(
                state.discriminators.items(), recipe.discriminators.values(), strict=True
            )
        }
        views, regressor = system.views, state.regressor
        self.objective: Objective = objective.build(
            stage.losses, views, self.adversaries, regressor, device, recipe.precision
        )
        for network in state.networks().values():
            network.train()
        state.average.eval()
        self.store: list[list[Views]] = []
        if stage.kind == "critic":
            state.generator.eval()
            for index in range(-(-stage.stored // recipe.batch)):
                batches = _batch(run, stage, index)
                self.store.append([self._views(batch, learning=False) for batch in batches])

    def step(self, batches: list[Batch], progress: float) -> dict[str, Tensor]:
        """One optimiser step of everyone whose turn it is; the losses by name, detached."""
        if self.stage.kind == "regressor":
            return self._regressor(batches)
        critic, generator = schedule.players(
            self.stage, self.state.stage_step, self.state.critic_loss
        )
        losses: dict[str, Tensor] = {}
        # Both need the generator's output; where both learn, one forward pass serves them.
        made = [self._views(batch, generator) for batch in self._each(FORWARD, batches)]
        if self.store:
            made = self.store[self.state.stage_step % len(self.store)]
        if critic:
            losses |= self._critic(made)
        if generator:
            losses |= self._generator(made, progress)
        return losses

    def _views(self, batch: Batch, learning: bool) -> Views:
        with nullcontext() if learning else torch.no_grad():
            views: Views = self.system(batch)
        return views

    def _regressor(self, batches: list[Batch]) -> dict[str, Tensor]:
        network = cast(nn.Module, self.state.regressor)
        losses = []
        for batch in self._each(FORWARD, batches):
            picture, truth = batch.inputs[0], cast(Tensor, batch.level)
            picture = picture.contiguous(memory_format=torch.channels_last)
            with autocast(picture.device, self.run.recipe.precision):
                level = network(picture)
            if level.shape != truth.shape:
                wanted = f"must be {truth.shape[1]} for this task"
                raise RecipeError("regressor.arguments.levels", level.shape[1], wanted)
            losses.append(F.mse_loss(level.float(), truth))
        return {"level": self._learn("regressor", losses)}

    def _critic(self, made: list[Views]) -> dict[str, Tensor]:
        found = {}
        for index, (name, adversary) in enumerate(self.adversaries.items()):
            losses = []
            for part, views in enumerate(self._each(CRITIC + 2 * index, made)):
                chance = self._generator_of(CRITIC + 2 * index + 1, part)
                losses.append(adversary.loss(views, chance))
            found[f"critic-{name}"] = self._learn(name, losses)
        if self.stage.threshold:
            mean = float(torch.stack(list(found.values())).mean())
            self.state.critic_loss = self.run.processes.agreed(mean)
        return found

    def _generator(self, made: list[Views], progress: float) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}
        losses = []
        for views in self._each(JUDGEMENT, made):
            total, terms = self.objective(views, progress)
            losses.append(total)
            for label, value in terms.items():
                key = f"loss/{label}"  # the scores of a validation may have the same label
                parts[key] = parts.get(key, torch.zeros_like(value)) + value / len(made)
        # What the critic said of another generator says nothing of this one.
        self.state.critic_loss = math.inf
        return {"loss": self._learn("generator", losses)} | (parts if len(parts) > 1 else {})

    def _learn(self, player: str, losses: list[Tensor]) -> Tensor:
        """Take the step of *player* down the mean of *losses*, one for each part of the batch."""
        network, scaler = self.state.player(player), self.state.scaler
        optimizer = self.state.optimizers[player]
        optimizer.zero_grad(set_to_none=True)
        for loss in losses:
            scaled = loss if scaler is None else scaler.scale(loss)
            (scaled / len(losses)).backward()  # type: ignore[no-untyped-call]
        self.run.processes.average_gradients([network])
        if scaler is not None:
            scaler.unscale_(optimizer)
        if self.run.recipe.clip:
            nn.utils.clip_grad_norm_(network.parameters(), self.run.recipe.clip)
        if scaler is None:
            optimizer.step()
        else:
            scaler.step(optimizer)
            scaler.update()
        return torch.stack([loss.detach() for loss in losses]).mean()

    def _each(self, purpose: int, parts: list[T]) -> Iterator[T]:
        """Every part of the batch, with torch's own generator, for dropout, set for it."""
        for part, value in enumerate(parts):
            torch.manual_seed(self._generator_of(purpose, part).initial_seed())
            yield value

    def _generator_of(self, purpose: int, part: int) -> torch.Generator:
        processes = self.run.processes
        part = part * processes.count + processes.rank
        return _random(self.run, self.state.stage_step, part, purpose)


@contextmanager
def _batches(run: Run, stage: Stage) -> Iterator[Iterator[list[Batch]]]:
    """This process's part of every batch of *stage*, from its present step on."""
    make, first, reading = partial(_batch, run, stage), run.state.stage_step, run.recipe.data
    if stage.stored:
        yield repeat([])
    elif not reading.memory:
        yield map(make, count(first))
    else:
        with data.Prefetcher(make, reading.workers) as prefetcher:
            yield prefetcher.batches(first)


def _batch(run: Run, stage: Stage, step: int) -> list[Batch]:
    """What this process works through in *step*: ``accumulate`` parts."""
    recipe, processes = run.recipe, run.processes
    size, left = divmod(recipe.batch, recipe.accumulate * processes.count)
    if left or not size:
        raise InputError(
            f"a batch of {recipe.batch} cannot be shared by {processes.count} processes in "
            f"{recipe.accumulate} parts each",
            "set batch to a multiple of both",
        )
    patch = recipe.patch_at(_progress(run, stage, step))
    draw = run.task.batch
    if stage.kind == "regressor":
        draw = cast(GradedTask, run.task).graded
    return [
        draw(run.photos, size, patch, _random(run, step, part * processes.count + processes.rank))
        for part in range(recipe.accumulate)
    ]


def _random(run: Run, step: int, part: int, purpose: int = BATCH) -> torch.Generator:
    """The generator of everything drawn for one *part* of the batch of one *step*."""
    key = (run.recipe.seed, run.state.stage, step, part, purpose)
    (seed,) = np.random.SeedSequence(key).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(seed) >> 1)


def validate(run: Run, stage: Stage) -> dict[str, float]:
    """Scores of the averaged generator (or of the regressor) on the held-out crops.

    A validation batch that is the only one gives its scores plainly, several under
    ``name/score``, with their means plainly.
    """
    recipe, state = run.recipe, run.state
    if stage.kind == "regressor":
        regressor = cast(nn.Module, state.regressor)
        photos = cast(Photos, data.PhotoSet(run.held, run.processes.device))
        graded = cast(GradedTask, run.task).graded(
            photos, 8 * len(run.held), recipe.validation.crop // 2, torch.Generator().manual_seed(0)
        )
        error = level_error(regressor, graded)
        regressor.train()
        return {"level-error": error}
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


def _progress(run: Run, stage: Stage, step: int | None = None) -> float:
    """How much of *stage* is done, 0..1 or more, at *step* or now."""
    if run.minutes is None:
        return (run.state.stage_step if step is None else step) / stage.steps
    whole = sum(s.share or s.steps for s in run.recipe.stages.values())
    share = (stage.share or stage.steps) / whole
    return run.state.stage_seconds / (60 * run.minutes * share)


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
