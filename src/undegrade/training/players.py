"""Who learns in a stage, and the step in which they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.errors import RecipeError
from undegrade.training import objective, schedule
from undegrade.training.adversary import Adversary
from undegrade.training.losses.gaussian import gaussian_loss
from undegrade.training.objective import Objective
from undegrade.training.recipe import Regressor, Stage
from undegrade.training.run import (
    CRITIC,
    FORWARD,
    JUDGEMENT,
    OUTPUTS,
    Run,
    draw_batch,
    generator_of,
)
from undegrade.training.systems import SYSTEMS, PlainSystem, Views, autocast
from undegrade.training.tasks import Batch
from undegrade.training.tasks.grade import GradeTask

T = TypeVar("T")

LEVEL_LOSSES: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], int]] = {
    "mse": (F.mse_loss, 1),
    "gaussian": (gaussian_loss, 2),
}
"""What a regressor learns by, and how many outputs it has for each level."""


class Players:
    """The system, the adversaries and the objective of one stage of *run*."""

    def __init__(self, run: Run, stage: Stage) -> None:
        self.run, self.stage, self.state = run, stage, run.state
        recipe, state, device = run.recipe, run.state, run.processes.device
        batch = recipe.batch_of(stage)
        system = SYSTEMS[recipe.system](state.generator, recipe.precision)
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
        critic, generator = schedule.players(
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
            parts = iter(made) if shared else self._forward(batches)
            losses |= self._generator(parts, len(batches), progress)
            self.state.critic_turn = 0
        return losses

    def _forward(self, batches: list[Batch]) -> Iterator[Views]:
        """The views of one part after the other, each when it is asked for."""
        for batch in self._each(FORWARD, batches):
            yield self._views(batch, learning=True)

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
        task = cast(GradeTask, self.run.task)
        for part, batch in enumerate(draw_batch(self.run, self.stage, index, OUTPUTS)):
            part = part * self.run.processes.count + self.run.processes.rank
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
        return views

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

    def _learn(self, player: str, losses: Iterable[Tensor], count: int) -> Tensor:
        """Take the step of *player* down the mean of *losses*, one for each part of the batch.

        Each is gone through backwards as soon as it is there, so that only one graph is held.
        """
        network, scaler = self.state.player(player), self.state.scaler
        optimizer = self.state.optimizers[player]
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
        processes = self.run.processes
        part = part * processes.count + processes.rank
        return generator_of(self.run, self.state.stage_step, part, purpose)
