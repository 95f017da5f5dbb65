"""Who learns in a stage, and the step in which they do."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
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
from undegrade.training.run import CRITIC, FORWARD, JUDGEMENT, Run, draw_batch, generator_of
from undegrade.training.systems import SYSTEMS, PlainSystem, Views, autocast
from undegrade.training.tasks import Batch

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
            judged = {
                v for a in self.adversaries.values() for v in (a.settings.real, a.settings.fake)
            }
            for index in range(-(-stage.stored // recipe.batch)):
                made = [self._views(b, learning=False) for b in draw_batch(run, stage, index)]
                self.store.append([{name: views[name] for name in judged} for views in made])

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
        settings = cast(Regressor, self.run.recipe.regressor)
        loss, outputs = LEVEL_LOSSES[settings.loss]
        losses = []
        for batch in self._each(FORWARD, batches):
            picture, truth = batch.inputs[0], cast(Tensor, batch.level)
            picture = picture.contiguous(memory_format=torch.channels_last)
            with autocast(picture.device, self.run.recipe.precision):
                level = network(picture)
            if level.shape[1] != truth.shape[1] * outputs:
                wanted = f"must be {truth.shape[1]} for this task"
                raise RecipeError("regressor.arguments.levels", level.shape[1] // outputs, wanted)
            losses.append(loss(level.float(), truth))
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
        return generator_of(self.run, self.state.stage_step, part, purpose)
