"""The training loop, to be read from top to bottom: set up, fit, validate."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training import checkpoint
from undegrade.training.checkpoint import State
from undegrade.training.data import PhotoSet
from undegrade.training.losses.pixel import charbonnier
from undegrade.training.networks import build
from undegrade.training.recipe import Recipe
from undegrade.training.tasks import Batch, Task, task

VALIDATION_CROP = 192
"""Side of the validation crops in pixels of the truth; a multiple of 16 for every scale."""

Log = Callable[[dict[str, float]], None]


def train(
    recipe: Recipe,
    sources: list[Path],
    folder: Path,
    *,
    minutes: float | None = None,
    init: Path | None = None,
    device: str = "cpu",
    log: Log | None = None,
) -> Path:
    """Train *recipe* on the photos of *sources*; returns the path of the final checkpoint.

    Whatever *folder* already holds is resumed bit for bit. With *minutes* the schedule follows
    the clock instead of the step count, so that it always ends finished. *init* is a checkpoint,
    whose averaged weights start a new run, or an exported network. Lines of numbers go to *log*
    and ``log.jsonl``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.json").write_text(json.dumps(recipe.as_dict(), indent=1))
    state = setup(recipe, init, device)
    path = folder / "last.safetensors"
    if path.exists():
        checkpoint.load(state, path)
    photos, held = PhotoSet.load(sources, recipe.hold_out, device)
    what = task(recipe.task, recipe.scale)
    validation = what.validation(held, VALIDATION_CROP)

    def write(row: dict[str, float]) -> None:
        with (folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
        if log:
            log(row)

    fit(recipe, state, what, photos, validation, path, minutes, write)
    return path


def setup(recipe: Recipe, init: Path | None, device: str) -> State:
    """Networks, optimiser and generator at step 0."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        network = build(recipe.network, **recipe.arguments)
    if init:
        checkpoint.load_average(network, init)
    network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = copy.deepcopy(network).requires_grad_(False)
    optimizer = torch.optim.Adam(network.parameters(), recipe.rate, (0.9, 0.99), fused=True)
    generator = torch.Generator().manual_seed(recipe.seed)
    earlier = checkpoint.history(init) if init else []
    return State(network, average, optimizer, generator, recipe=recipe.as_dict(), earlier=earlier)


def fit(
    recipe: Recipe,
    state: State,
    what: Task,
    photos: PhotoSet,
    validation: dict[str, Batch],
    path: Path,
    minutes: float | None,
    write: Log,
) -> None:
    """Step until the schedule is over; leaves the final checkpoint at *path*."""
    started, before = time.monotonic(), state.seconds
    progress = _progress(recipe, state, minutes)
    while progress < 1:
        rate = learning_rate(recipe, state.step, progress)
        for group in state.optimizer.param_groups:
            group["lr"] = rate
        batch = what.batch(photos, recipe.batch, recipe.patch_at(progress), state.generator)
        squared = progress >= 1 - recipe.mse_tail
        loss = train_step(recipe, state, batch, squared)
        state.step += 1
        state.update_average(recipe.ema)
        state.seconds = before + time.monotonic() - started
        progress = _progress(recipe, state, minutes)

        if state.step % 100 == 0 or progress >= 1:
            if not math.isfinite(loss.item()):
                raise FloatingPointError(
                    f"the loss is not finite at step {state.step}; the last good checkpoint is "
                    f"{path}"
                )
            row = {"step": state.step, "seconds": state.seconds, "rate": rate, "loss": loss.item()}
            if state.step % recipe.validate_every == 0 or progress >= 1:
                row |= validate(state.average, validation)
            write(row)
        if state.step % recipe.checkpoint_every == 0 or progress >= 1:
            checkpoint.save(state, path)


def train_step(recipe: Recipe, state: State, batch: Batch, squared: bool) -> Tensor:
    """One step of the optimiser; returns the loss."""
    half = recipe.precision == "bf16"
    inputs = (batch.inputs[0].contiguous(memory_format=torch.channels_last), *batch.inputs[1:])
    with torch.autocast(batch.target.device.type, torch.bfloat16, enabled=half):
        output = state.network(*inputs)
    loss = F.mse_loss(output, batch.target) if squared else charbonnier(output, batch.target)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(state.network.parameters(), recipe.clip)
    state.optimizer.step()
    return loss.detach()


@torch.no_grad()
def validate(network: nn.Module, batches: dict[str, Batch]) -> dict[str, float]:
    """Mean PSNR over RGB in dB of each validation batch, outputs clipped and rounded to 8 bit."""
    scores = {}
    for name, batch in batches.items():
        errors = []
        for i in range(len(batch.target)):
            output = network(*(x[i : i + 1] for x in batch.inputs))
            output = torch.round(output.clamp(0, 1) * 255) / 255
            errors.append(F.mse_loss(output, batch.target[i : i + 1]))
        scores[name] = float((-10 * torch.log10(torch.stack(errors))).mean())
    return scores


def learning_rate(recipe: Recipe, step: int, progress: float) -> float:
    """Linear warm-up, then a cosine to zero at *progress* 1."""
    warm = min(1.0, (step + 1) / max(1, recipe.warmup))
    return recipe.rate * warm * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))


def _progress(recipe: Recipe, state: State, minutes: float | None) -> float:
    if minutes is None:
        return state.step / recipe.steps
    return state.seconds / (60 * minutes)
