"""From a recipe to networks, adversaries and optimisers, with every mismatch named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from undegrade.errors import ModelError, RecipeError
from undegrade.training import checkpoint, networks
from undegrade.training.backbones import weights
from undegrade.training.checkpoint import State
from undegrade.training.recipe import Recipe, Stage
from undegrade.training.systems import SYSTEMS


def initial_state(recipe: Recipe, init: Path | None, device: torch.device | str) -> State:
    """Everything at step 0: networks by the seed of *recipe*, or from the weights at *init*."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        generator = built("network", networks.NETWORKS, recipe.network, recipe.arguments)
        load_published(generator, recipe.pretrained)
        discriminators = {
            name: built(f"discriminators.{name}", networks.DISCRIMINATORS, d.network, d.arguments)
            for name, d in recipe.discriminators.items()
        }
        regressor = None
        if (r := recipe.regressor) is not None:
            regressor = built("regressor", networks.REGRESSORS, r.network, r.arguments)
            load_published(regressor, r.pretrained)
    if getattr(generator, "scale", 1) != recipe.scale:
        raise RecipeError("scale", recipe.scale, f"is not that of {recipe.network!r}")
    if init is not None:
        checkpoint.load_average(generator, init)
    state = State(
        generator,
        copy.deepcopy(generator).requires_grad_(False),
        regressor,
        discriminators,
        recipe=recipe.as_dict(),
        earlier=checkpoint.history(init) if init else [],
    )
    for network in state.networks().values():
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.precision == "fp16":
        if torch.device(device).type == "cpu":
            raise RecipeError("precision", "fp16", "needs a GPU; a CPU has bf16")
        state.scaler = torch.amp.GradScaler(torch.device(device).type)
    return state


def check_views(recipe: Recipe) -> None:
    """Refuse views that the system does not make, and references that the task does not draw."""
    known = SYSTEMS[recipe.system].views
    wanted = {
        f"discriminators.{name}.{key}": getattr(settings, key)
        for name, settings in recipe.discriminators.items()
        for key in ("real", "fake")
    }
    for stage_name, stage in recipe.stages.items():
        for label, term in stage.losses.items():
            for view in term.get("of", ()) if isinstance(term, dict) else ():
                wanted[f"stages.{stage_name}.losses.{label}.of"] = view
    for where, view in wanted.items():
        if view not in known:
            raise RecipeError(where, view, f"is not a view; there are: {', '.join(known)}")
        if view.startswith("reference") and not recipe.damage.get("references"):
            raise RecipeError(where, view, "needs damage.references")


def built(key: str, table: networks.Table, name: str, arguments: dict[str, Any]) -> nn.Module:
    """The network called *name*; raises :class:`RecipeError` naming *key*."""
    if name not in table:
        raise RecipeError(key, name, f"is not one of: {', '.join(sorted(table))}")
    try:
        return networks.build(name, table, **arguments)
    except (TypeError, ValueError, KeyError) as error:
        where = "arguments" if key == "network" else f"{key}.arguments"
        raise RecipeError(where, arguments, f"does not fit {name!r}: {error}") from None


def load_published(network: nn.Module, name: str) -> None:
    """Start *network*, or its encoder, from the published weights called *name*, if any."""
    if not name:
        return
    load: Callable[..., None] | None = getattr(network, "load_published", None)
    if load is None:
        raise RecipeError("pretrained", name, f"does not fit {type(network).__name__}")
    try:
        load(weights.tensors(name))
    except KeyError:
        raise ModelError(f"no published weights are called {name!r}", "see the backbones") from None


def optimizers(recipe: Recipe, stage: Stage, state: State) -> dict[str, torch.optim.Optimizer]:
    """Fresh optimisers of everyone who learns in *stage*, by the player's name."""
    found: dict[str, torch.optim.Optimizer] = {}
    if stage.kind in ("generator", "regressor"):
        found[stage.kind] = _optimizer(stage, state.player(stage.kind))
    if stage.kind == "adversarial":
        found["generator"] = _optimizer(stage, state.generator)
    if stage.kind in ("critic", "adversarial"):
        for name, settings in recipe.discriminators.items():
            found[name] = torch.optim.Adam(
                state.discriminators[name].parameters(),
                stage.critic_rate or stage.rate,
                settings.betas,
                weight_decay=settings.weight_decay,
                fused=True,
            )
    for optimizer in found.values():
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found


def _optimizer(stage: Stage, network: nn.Module) -> torch.optim.Optimizer:
    if stage.optimizer == "sgd":
        return torch.optim.SGD(
            network.parameters(), stage.rate, stage.betas[0], weight_decay=stage.weight_decay
        )
    return torch.optim.Adam(
        network.parameters(),
        stage.rate,
        stage.betas,
        weight_decay=stage.weight_decay,
        fused=True,
    )
