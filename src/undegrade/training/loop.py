"""The training loop, to be read from top to bottom: set up, fit, validate, keep; then a step.

All that is drawn is a pure function of (seed, name of the stage, step, part of the batch). So a
resumed run goes on bit for bit, prefetched batches equal those made on demand, n processes draw
what one process with n accumulated parts draws, and a stage sees the same batches in every variant
of a recipe, whichever other stages that has.
"""

from __future__ import annotations

import math
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import count, repeat
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.errors import Cancelled, ComputeError, InputError, OutputError, RecipeError
from undegrade.training import checkpoint, machine, objective, setup
from undegrade.training.checkpoint import LAST, Moments, State
from undegrade.training.data.photos import PhotoSet, load
from undegrade.training.data.prefetch import prefetched
from undegrade.training.data.sources import Source
from undegrade.training.forward import SYSTEMS, PlainSystem, Views, autocast
from undegrade.training.losses.levels import gaussian_loss
from undegrade.training.losses.perceptual import LPIPS
from undegrade.training.losses.pictures import ssim
from undegrade.training.machine import Processes
from undegrade.training.monitor import Log, Monitor, Row, WandB
from undegrade.training.networks.layers import synchronised
from undegrade.training.objective import Adversary, Objective
from undegrade.training.recipe import Recipe, Regressor, Stage
from undegrade.training.recipe_file import read
from undegrade.training.setup import mixed
from undegrade.training.tasks import Batch, GradedTask, Photos, Task
from undegrade.training.tasks.level import LevelTask

LOG_EVERY = 100
"""Steps between lines of the log."""

BATCH, FORWARD, JUDGEMENT, CRITIC = range(4)
"""What is drawn for: the batch, dropout of the one who learns, dropout in judging it, and from
then on dropout and choices of each critic."""

OUTPUTS = 1000
"""And for outputs of the generator that a regressor learns from; then for what is made of them."""

LEVEL_LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {
    "mse": (F.mse_loss, 1),
    "gaussian": (gaussian_loss, 2),
}
"""What a regressor learns by, and how many outputs it has for each level."""

Tick = Callable[[State, float, float], None]
"""Told after every step: the state, the stage's progress 0..1, and samples per second."""

Data = Source | Sequence[Source]

T = TypeVar("T")


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


def fit(
    recipe: Recipe | str,
    data: Data,
    folder: Path | str,
    *,
    minutes: float | None = None,
    init: Path | None = None,
    device: str = "cpu",
    log: Log | None = None,
    tick: Tick | None = None,
    wandb: str | None = None,
) -> Run:
    """Train *recipe* on the photos of *data*; the run that it has become, ``path`` its checkpoint.

    Whatever *folder* already holds is resumed bit for bit, if this recipe made it.

    Parameters
    ----------
    recipe: one that was read, or what :func:`~undegrade.training.recipe_file.read` reads.
    data: a source or several, see :mod:`undegrade.training.data.sources`; or a function of how
        many photos to hold out, the device and the reading that returns photos and held-out ones.
    minutes: the schedules follow the clock instead of the step count, so that they always end
        finished.
    init: a checkpoint, whose averaged weights start a new run, or an exported network.
    log: is given the rows of numbers that also go to ``log.jsonl``. ``tick``: see :data:`Tick`.
    wandb: project of Weights & Biases that is shown the run, too.

    Raises
    ------
    RecipeError: the recipe contradicts itself or does not fit its networks or losses.
    InputError: the photos cannot be used. ModelError: *init* or published weights cannot be had, or
        *folder* holds another run.
    ComputeError: a loss is not finite; the last good checkpoint stands.
    Cancelled: SIGINT or SIGTERM; a checkpoint was written, the same call goes on from it.
    """
    run, moments = set_up(recipe, data, Path(folder), minutes, init, device, log, tick, wandb)
    with closing(run.monitor), Interrupt() as interrupt, torch.random.fork_rng():
        for name in list(run.recipe.stages)[run.state.stage :]:
            fit_stage(run, name, moments, interrupt)
            moments = None
    return run


def set_up(
    recipe: Recipe | str,
    data: Data,
    folder: Path,
    minutes: float | None = None,
    init: Path | None = None,
    device: str = "cpu",
    log: Log | None = None,
    tick: Tick | None = None,
    wandb: str | None = None,
) -> tuple[Run, Moments | None]:
    """All that :func:`fit` needs before its first step, and what to resume the optimisers from."""
    recipe = read(recipe) if isinstance(recipe, str) else recipe
    several = isinstance(data, Sequence) and not isinstance(data, str)
    sources = list(cast(Sequence[Source], data)) if several else [cast(Source, data)]
    processes = Processes(device)
    what = setup.task(recipe, processes.device)
    path = folder / LAST
    resuming = path.exists()
    if resuming:
        setup.check_begun(recipe, path)
    asked, in_which = recipe.precision, checkpoint.precision_of(path) if resuming else None
    recipe, reason = machine.settled(recipe, processes, in_which)
    state = setup.initial_state(recipe, init, processes.device)
    setup.check(recipe, state)
    for network in state.networks().values() if processes.count > 1 else ():
        synchronised(network)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot create {str(folder)!r}: {error.strerror}", "name a folder"
        ) from None
    photos, held = load(sources, recipe.validation.photos, processes.device, recipe.data)
    # A photo that is too small for the late patches must show now.
    largest = max(recipe.patches())
    what.batch(photos, 1, largest, torch.Generator().manual_seed(recipe.seed))
    boards = [WandB(wandb, folder, recipe.as_dict())] if wandb and processes.main else []
    monitor = Monitor(folder, log, processes.main, boards)
    run = Run(recipe, state, folder, what, photos, held, processes, monitor, minutes, tick)
    run.validation = what.validation(held, recipe.validation.crop)
    if recipe.validation.lpips != "none":
        run.perceptual = objective.lpips(recipe.validation.lpips).to(processes.device)
    moments = checkpoint.load(state, run.path) if resuming else None
    earlier = checkpoint.made_of(path) if resuming else {}
    state.made = checkpoint.noted(recipe, sources, earlier, state.made["before"])
    state.precision_reason = reason
    if asked == "auto" and state.stage < len(recipe.stages):
        because = f"the run was begun in it: {reason}".removesuffix(": ") if resuming else reason
        told = {"precision": recipe.precision, "because": because}
        monitor.row({"step": state.step, "stage": list(recipe.stages)[state.stage]} | told)
    return run, moments


def fit_stage(run: Run, name: str, moments: Moments | None, interrupt: Interrupt) -> None:
    """Step through one stage; leaves a checkpoint that begins the next."""
    recipe, state, stage = run.recipe, run.state, run.recipe.stages[name]
    started, step_before = time.monotonic(), state.stage_step
    turns = Turns(run, stage)
    state.optimizers = setup.optimizers(recipe, stage, state)
    if moments is not None:
        moments.restore(state)
    if stage.allowance and not state.best:
        first = validate(run, stage)
        state.best = {"psnr-at-start": first["psnr"], "lpips": first["lpips"], "waited": 0.0}
        _save_best(run)
    seconds_before, stage_before = state.seconds, state.stage_seconds
    tally = torch.zeros((), device=run.processes.device)
    progress, finished = run.progress(stage), _waited_enough(run, stage)

    with _batches(run, stage) as batches:
        while progress < 1 and not finished:
            rates = rate_factor(stage, state.stage_step, progress)
            for optimizer in state.optimizers.values():
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * rates
            losses = turns.step(next(batches), progress)
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


def validate(run: Run, stage: Stage) -> dict[str, float]:
    """Scores of the averaged generator (or of the regressor) on the held-out crops.

    A validation batch that is the only one gives its scores plainly, several under
    ``name/score``, with their means plainly.
    """
    recipe, state = run.recipe, run.state
    if stage.kind == "regressor":
        regressor = cast(nn.Module, state.regressor)
        photos = PhotoSet(run.held, run.processes.device)
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
    # The last digit may differ between processes, and with it a decision: the first one's counts.
    return {key: run.processes.agreed(value) for key, value in told.items()}


def _error_on_outputs(run: Run) -> float:
    """How far the regressor is off on what the generator makes of the held-out crops."""
    found, task = [], cast(LevelTask, run.task)
    for batch in run.validation.values():
        made = outputs(run.state.average, batch)
        left = task.left(made, batch.target, torch.Generator().manual_seed(0))
        graded = Batch((made,), made, left)
        found.append(level_errors(cast(nn.Module, run.state.regressor), graded)["level-error"])
    return sum(found) / len(found)


@torch.no_grad()
def outputs(network: nn.Module, batch: Batch) -> Tensor:
    """What *network* makes of *batch*, one picture at a time, clipped and rounded to 8 bit."""
    network.eval()
    made = [network(*(x[i : i + 1] for x in batch.inputs)) for i in range(len(batch.target))]
    return torch.round(torch.cat(made).float().clamp(0, 1) * 255) / 255


@torch.no_grad()
def scores(made: Tensor, target: Tensor, perceptual: LPIPS | None) -> dict[str, float]:
    """Mean PSNR in dB and SSIM over RGB, and LPIPS where there is a network for it."""
    errors = F.mse_loss(made, target, reduction="none").mean((1, 2, 3))
    found = {"psnr": float((-10 * torch.log10(errors.clamp(min=1e-10))).mean())}
    found["ssim"] = float(ssim(made, target).mean())
    if perceptual is not None:
        found["lpips"] = float(perceptual(made, target))
    return found


@torch.no_grad()
def level_errors(regressor: nn.Module, batch: Batch, names: Sequence[str] = ()) -> dict[str, float]:
    """Mean absolute error of the levels that *regressor* reads off graded pictures.

    All together as ``level-error``, and each of *names* as ``level-error/name``. Log-variances
    behind the levels are passed over, and so are levels that nobody knows (NaN).
    """
    regressor.eval()
    assert batch.level is not None
    made = regressor(batch.inputs[0])[:, : batch.level.shape[1]]
    errors = (made - batch.level).abs().nanmean(0)
    each = {f"level-error/{name}": float(errors[k]) for k, name in enumerate(names)}
    return {"level-error": float(errors.nanmean()), **each}


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


def in_phase(views: Views, phases: int, step: int) -> Views:
    """*views*, those as large as the target without the rows and columns that *step* cuts off."""
    if not phases:
        return views
    height, width = views["target"].shape[-2:]
    # Every pair of a row and a column once in phases^2 steps, neighbours far apart.
    top, left = divmod((phases + 1) * step % phases**2, phases)
    window = (..., slice(top, height - phases + top), slice(left, width - phases + left))
    return {
        name: view[window] if view.shape[-2:] == (height, width) else view
        for name, view in views.items()
    }


class Turns:
    """The system, the adversaries and the objective of one stage of *run*."""

    def __init__(self, run: Run, stage: Stage) -> None:
        self.run, self.stage, self.state = run, stage, run.state
        recipe, state, device = run.recipe, run.state, run.processes.device
        batch = recipe.batch_of(stage)
        teacher = setup.teacher(recipe, device)
        system = SYSTEMS[recipe.system](state.generator, recipe.precision, teacher)
        compiled = torch.compile if recipe.compile else lambda module: module
        self.system = cast(PlainSystem, compiled(system))
        self.adversaries = {
            name: Adversary(cast(nn.Module, compiled(network)), settings, recipe.precision, batch)
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
        state.generator.requires_grad_(True)
        for name in stage.frozen:
            state.generator.get_submodule(name).requires_grad_(False).eval()
        self.store: list[list[Views]] = []
        self.graded: list[list[tuple[Tensor, Tensor]]] = []
        """Stored outputs with the levels that are left in them, for a regressor."""
        if stage.kind in ("critic", "regressor"):
            state.generator.eval()
        for index in range(-(-stage.stored // batch)):
            if stage.kind == "critic":
                self.store.append(self._judged(index))
            else:
                self.graded.append(self._left(index))

    def step(self, batches: list[Batch], progress: float) -> dict[str, Tensor]:
        """One optimiser step of everyone whose turn it is; the losses by name, detached."""
        if self.stage.kind == "regressor":
            return self._regressor(batches)
        critic, generator = whose_turn(
            self.stage, self.state.stage_step, self.state.critic_loss, self.state.critic_turn
        )
        losses: dict[str, Tensor] = {}
        if self.store:
            return self._critic(self.store[self.state.stage_step % len(self.store)])
        # Both need the generator's output. Where both learn, one forward pass serves them, unless
        # the batch comes in parts: then the graphs of all would wait for the critic's step.
        shared = critic and generator and len(batches) == 1
        made: list[Views] = []
        if critic:
            with self._unchanged() if generator and not shared else nullcontext():
                made = [self._views(batch, shared) for batch in self._each(FORWARD, batches)]
            losses |= self._critic(made)
            self.state.critic_turn += 1
        if generator:
            # Each is made when it is asked for: only one graph is held.
            anew = (self._views(batch, learning=True) for batch in self._each(FORWARD, batches))
            losses |= self._generator(iter(made) if shared else anew, len(batches), progress)
            self.state.critic_turn = 0
        return losses

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Take back what a forward pass does to the statistics in the generator."""
        kept = [(b, b.clone()) for b in self.state.generator.buffers()]
        yield
        with torch.no_grad():
            for buffer, value in kept:
                buffer.copy_(value)

    def _judged(self, index: int) -> list[Views]:
        """What critics look at of the batch *index* of stored outputs."""
        wanted = {v for a in self.adversaries.values() for v in (a.settings.real, a.settings.fake)}
        made = [self._views(b, learning=False) for b in draw_batch(self.run, self.stage, index)]
        return [{name: views[name] for name in wanted} for views in made]

    @torch.no_grad()
    def _left(self, index: int) -> list[tuple[Tensor, Tensor]]:
        """The batch *index* of stored outputs, and how much is left in each.

        Half of them are blended with the truth, by any share, so that the regressor learns the
        way that the generator is to go, and not one point on it.
        """
        found = []
        task = cast(LevelTask, self.run.task)
        for part, batch in enumerate(draw_batch(self.run, self.stage, index, OUTPUTS)):
            chance = generator_of(self.run, index, part, OUTPUTS + 1)
            share = torch.rand(len(batch.target), generator=chance)
            share[::2] = 1.0
            output = self._views(batch, learning=False)["output"]
            blend = share.view(-1, 1, 1, 1).to(output.device)
            picture = blend * output + (1 - blend) * batch.target
            found.append((picture, task.left(picture, batch.target, chance)))
        return found

    def _views(self, batch: Batch, learning: bool) -> Views:
        with nullcontext() if learning else torch.no_grad():
            views: Views = self.system(batch)
        return in_phase(views, self.stage.phases, self.state.stage_step)

    def _regressor(self, batches: list[Batch]) -> dict[str, Tensor]:
        network = cast(nn.Module, self.state.regressor)
        settings = cast(Regressor, self.run.recipe.regressor)
        loss, outputs = LEVEL_LOSSES[settings.loss]

        def part_loss(part: int, batch: Batch) -> Tensor:
            picture, truth = batch.inputs[0], cast(Tensor, batch.level)
            if self.graded:
                output, left = self.graded[self.state.stage_step % len(self.graded)][part]
                picture, truth = torch.cat([picture, output]), torch.cat([truth, left])
            picture = picture.contiguous(memory_format=torch.channels_last)
            with autocast(picture.device, self.run.recipe.precision):
                level = network(picture)
            if level.shape[1] != truth.shape[1] * outputs:
                wanted = f"must be {truth.shape[1]} for this task"
                raise RecipeError("regressor.arguments.levels", level.shape[1] // outputs, wanted)
            return loss(level.float(), truth)

        parts = enumerate(self._each(FORWARD, batches))
        losses = (part_loss(part, batch) for part, batch in parts)
        return {"level": self._learn("regressor", losses, len(batches))}

    def _critic(self, made: list[Views]) -> dict[str, Tensor]:
        found = {}
        for index, (name, adversary) in enumerate(self.adversaries.items()):
            losses = (
                adversary.loss(views, self._generator_of(CRITIC + 2 * index + 1, part))
                for part, views in enumerate(self._each(CRITIC + 2 * index, made))
            )
            found[f"critic-{name}"] = self._learn(name, losses, len(made))
        if self.stage.threshold:
            mean = float(torch.stack(list(found.values())).mean())
            self.state.critic_loss = self.run.processes.agreed(mean)
        return found

    def _generator(self, made: Iterator[Views], count: int, progress: float) -> dict[str, Tensor]:
        parts: dict[str, Tensor] = {}

        def part_loss(views: Views) -> Tensor:
            total, terms = self.objective(views, progress)
            for label, value in terms.items():
                key = f"loss/{label}"  # the scores of a validation may have the same label
                parts[key] = parts.get(key, torch.zeros_like(value)) + value / count
            return total

        losses = (part_loss(views) for views in self._each(JUDGEMENT, made))
        loss = self._learn("generator", losses, count)
        # What the critic said of another generator says nothing of this one.
        self.state.critic_loss = math.inf
        return {"loss": loss} | (parts if len(parts) > 1 else {})

    def _learn(self, learner: str, losses: Iterable[Tensor], count: int) -> Tensor:
        """Take the step of *learner* down the mean of *losses*, one for each part of the batch.

        Each is gone through backwards as soon as it is there, so that only one graph is held.
        """
        network, scaler = self.state.learner(learner), self.state.scaler
        optimizer = self.state.optimizers[learner]
        optimizer.zero_grad(set_to_none=True)
        mean = torch.zeros((), device=self.run.processes.device)
        for loss in losses:
            scaled = loss if scaler is None else scaler.scale(loss)
            (scaled / count).backward()  # type: ignore[no-untyped-call]
            mean += loss.detach() / count
            del loss, scaled
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
        return mean

    def _each(self, purpose: int, parts: Iterable[T]) -> Iterator[T]:
        """Every part of the batch, with torch's own generator, for dropout, set for it."""
        for part, value in enumerate(parts):
            torch.manual_seed(self._generator_of(purpose, part).initial_seed())
            yield value

    def _generator_of(self, purpose: int, part: int) -> torch.Generator:
        return generator_of(self.run, self.state.stage_step, part, purpose)


def whose_turn(stage: Stage, step: int, critic_loss: float, turn: int = 0) -> tuple[bool, bool]:
    """Whether the critic and the generator learn at *step* of *stage*.

    Both in every step; or by a fixed count of turns (artefact-removal GAN: 5 to 2); or, adaptive
    as DeOldify's switcher, the critic until its loss since the generator's last turn,
    *critic_loss*, is below the threshold or has had as many steps, *turn*, as are allowed at the
    longest, and then the generator for one step.
    """
    if stage.kind != "adversarial":
        return stage.kind == "critic", stage.kind == "generator"
    if not any(stage.turns):
        return True, True
    if stage.threshold:
        critic = critic_loss >= stage.threshold
        if stage.longest and turn >= stage.longest:
            critic = False
    else:
        critic = step % sum(stage.turns) < stage.turns[0]
    return critic, not critic


ONE_CYCLE_RISE = 0.3
"""Part of a one-cycle schedule in which the rate rises (Smith & Topin, 2019; fastai's default)."""


def rate_factor(stage: Stage, step: int, progress: float) -> float:
    """What the peak rates of *stage* are multiplied by at *step*, *progress* 0..1 into it.

    ==========  ============================================================
    cosine      ``(1 + cos(pi p)) / 2``
    constant    1
    milestones  a tenth for every milestone passed
    one-cycle   cosine up from 1/25 over 0.3 of the stage, cosine down to 0
    ==========  ============================================================

    Each after a linear rise over the ``warmup`` steps.
    """
    progress = min(progress, 1.0)
    match stage.schedule:
        case "cosine":
            course = _cosine(progress)
        case "constant":
            course = 1.0
        case "milestones":
            course = 0.1 ** sum(progress >= milestone for milestone in stage.milestones)
        case "one-cycle" if progress < ONE_CYCLE_RISE:
            course = 1 / 25 + (1 - 1 / 25) * (1 - _cosine(progress / ONE_CYCLE_RISE))
        case "one-cycle":
            course = _cosine((progress - ONE_CYCLE_RISE) / (1 - ONE_CYCLE_RISE))
    return min(1.0, (step + 1) / max(1, stage.warmup)) * course


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


@contextmanager
def _batches(run: Run, stage: Stage) -> Iterator[Iterator[list[Batch]]]:
    """This process's part of every batch of *stage*, from its present step on."""
    make, first, reading = partial(draw_batch, run, stage), run.state.stage_step, run.recipe.data
    if stage.stored and stage.kind == "critic":
        yield repeat([])
    elif not reading.memory:
        yield map(make, count(first))
    else:
        with prefetched(make, first, reading.workers) as batches:
            yield batches


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
        draw(run.photos, size, patch, generator_of(run, step, part, purpose))
        for part in range(recipe.accumulate)
    ]


def generator_of(run: Run, step: int, part: int, purpose: int = BATCH) -> torch.Generator:
    """The generator of all that this process draws for one *part* of its share of a *step*."""
    name, processes = list(run.recipe.stages)[run.state.stage], run.processes
    part = part * processes.count + processes.rank
    return torch.Generator().manual_seed(mixed(run.recipe.seed, name, step, part, purpose))


class Interrupt:
    """A context in which the first signal is noted, and a second one acts as it always did."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.wanted = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        # Only the main thread may change handlers; elsewhere the caller has its own way to stop.
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._note) for s in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        self._restore()

    def _note(self, *_: object) -> None:
        self.wanted = True
        self._restore()

    def _restore(self) -> None:
        """Give the signals back to those who had them before."""
        while self._before:
            signal.signal(*self._before.popitem())
