"""From a recipe to networks, adversaries and optimisers, with every mismatch named."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from undegrade.catalog import Catalog
from undegrade.errors import ModelError, RecipeError, first_line
from undegrade.training import checkpoint, networks, objective, tasks
from undegrade.training.backbones import weights
from undegrade.training.checkpoint import State
from undegrade.training.forward import SYSTEMS
from undegrade.training.muon import Muon
from undegrade.training.objective import Adversary
from undegrade.training.recipe import Recipe, Stage, Trained
from undegrade.training.recipe_file import parse


def initial_state(recipe: Recipe, init: Path | None, device: torch.device | str) -> State:
    """Everything at step 0: networks by the seed of *recipe*, or from the weights at *init*."""
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        generator = networks.built("network", recipe.network, recipe.arguments)
        load_published("pretrained", generator, recipe.pretrained)
        discriminators = {}
        # Each starts the same whichever of the others a variant of the recipe has.
        for name, d in recipe.discriminators.items():
            torch.manual_seed(mixed(recipe.seed, f"discriminators.{name}"))
            where = f"discriminators.{name}"
            discriminators[name] = networks.built(where, d.network, d.arguments, "discriminators")
        regressor = None
        if (r := recipe.regressor) is not None:
            torch.manual_seed(mixed(recipe.seed, "regressor"))
            regressor = networks.built("regressor", r.network, r.arguments, "regressors")
            load_published("regressor.pretrained", regressor, r.pretrained)
    _check_generator(recipe, generator)
    before: dict[str, Any] = {}
    if init is not None:
        checkpoint.load_average(generator, init)
        before = checkpoint.made_of(init)
    state = State(
        generator,
        copy.deepcopy(generator).requires_grad_(False),
        regressor,
        discriminators,
        recipe=recipe.as_dict(),
        earlier=checkpoint.history(init) if init else [],
        made={"before": before},
    )
    for network in state.networks().values():
        network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.precision == "fp16":
        if torch.device(device).type == "cpu":
            raise RecipeError("precision", "fp16", "needs a GPU; a CPU has bf16")
        state.scaler = torch.amp.GradScaler(torch.device(device).type)
    return state


def _check_generator(recipe: Recipe, generator: nn.Module) -> None:
    if generator.scale != recipe.scale:
        raise RecipeError("scale", recipe.scale, f"is not that of {recipe.network!r}")
    architecture = networks.architecture("network", recipe.network)
    told = tasks.allows(recipe.task).levels and recipe.restorer is None
    if told != ("level" in architecture.inputs):
        raise RecipeError("network", recipe.network, f"does not fit the task {recipe.task!r}")
    if ("context" in recipe.degradation) != ("thumbnail" in architecture.inputs):
        wanted = (
            f"must be given with a network that takes a thumbnail, and {recipe.network!r} "
            f"{'does' if 'thumbnail' in architecture.inputs else 'does not'}"
        )
        raise RecipeError("degradation.context", recipe.degradation.get("context"), wanted)
    if recipe.system != "plain" and not architecture.steps:
        raise RecipeError("network", recipe.network, "does not work in two steps")
    multiple = generator.multiple
    assert isinstance(multiple, int)
    if recipe.network not in networks.NETWORKS:
        _try(recipe, architecture, generator)
    sides = {"patch": recipe.patch, "patch_late": recipe.patch_late}
    sides |= {f"stages.{name}.patch": stage.patch for name, stage in recipe.stages.items()}
    for key, side in sides.items():
        if side % multiple:
            raise RecipeError(key, side, f"must be a multiple of {multiple} for this network")
    if recipe.validation.crop % (recipe.scale * multiple):
        wanted = f"must be a multiple of {recipe.scale * multiple} for this network"
        raise RecipeError("validation.crop", recipe.validation.crop, wanted)


@torch.no_grad()
def _try(recipe: Recipe, architecture: networks.Architecture, generator: nn.Module) -> None:
    """Refuse a network of one's own that does not make a picture of the right size."""
    inputs = networks.example_inputs(generator, architecture.inputs, recipe.patch, recipe.patch)
    side = recipe.patch * recipe.scale
    try:
        made = generator.eval()(*inputs)
    except (TypeError, RuntimeError, ValueError) as error:
        given = ", ".join(str(tuple(x.shape)) for x in inputs)
        why = f"does not take {given}: {first_line(error)}"
        raise RecipeError("network", recipe.network, why) from None
    if getattr(made, "shape", None) != (1, 3, side, side):
        shape = tuple(getattr(made, "shape", ())) or type(made).__name__
        why = f"gives {shape} for a patch of {recipe.patch}, not (1, 3, {side}, {side})"
        raise RecipeError("network", recipe.network, why)


def check(recipe: Recipe, state: State) -> None:
    """Refuse what would only show in a later stage: views, losses, sizes of discriminators."""
    _check_views(recipe)
    teacher(recipe)
    cpu = torch.device("cpu")
    adversaries = {
        name: Adversary(network, recipe.discriminators[name], recipe.precision)
        for name, network in state.discriminators.items()
    }
    views = SYSTEMS[recipe.system].views
    parts = {name for name, _ in state.generator.named_modules()}
    for name, stage in recipe.stages.items():
        if unknown := [part for part in stage.frozen if part not in parts]:
            known = ", ".join(child for child, _ in state.generator.named_children())
            why = f"is no part of {recipe.network!r}; its parts: {known}"
            raise RecipeError(f"stages.{name}.frozen", unknown[0], why)
        try:
            objective.build(
                stage.losses, views, adversaries, state.regressor, cpu, recipe.precision
            )
        except RecipeError as error:
            raise RecipeError.within(f"stages.{name}", error) from None
    for name, adversary in adversaries.items():
        _check_discriminator(recipe, name, adversary)


@torch.no_grad()
def _check_discriminator(recipe: Recipe, name: str, adversary: Adversary) -> None:
    adversary.network.eval()
    device = next(adversary.network.parameters()).device
    for patch in sorted(recipe.patches("critic", "adversarial")):
        side = patch * recipe.scale
        try:
            adversary.logits(torch.zeros(1, 3, side, side, device=device))
        except (RuntimeError, ValueError, TypeError) as error:
            arguments = recipe.discriminators[name].arguments
            why = f"does not fit pictures of {side} x {side}: {error}"
            raise RecipeError(f"discriminators.{name}.arguments", arguments, why) from None


def _check_views(recipe: Recipe) -> None:
    """Refuse views that the system does not make, and references that the task does not draw."""
    known = SYSTEMS[recipe.system].views
    wanted = [
        (f"discriminators.{name}.{key}", getattr(settings, key))
        for name, settings in recipe.discriminators.items()
        for key in ("real", "fake")
    ]
    for stage_name, stage in recipe.stages.items():
        for label, term in stage.losses.items():
            of = term.get("of", ()) if isinstance(term, dict) else ()
            where = f"stages.{stage_name}.losses.{label}.of"
            wanted += [(where, view) for view in (of if isinstance(of, list | tuple) else (of,))]
    for where, view in wanted:
        if view not in known:
            raise RecipeError(where, view, f"is not a view; there are: {', '.join(known)}")
        if view == "teacher" and recipe.teacher is None:
            raise RecipeError(where, view, "needs a teacher")
        if view == "shown" and recipe.scale == 1:
            raise RecipeError(where, view, "needs a scale above 1")
        if view.startswith("reference") and not recipe.degradation.get("references"):
            raise RecipeError(where, view, "needs degradation.references")


def teacher(recipe: Recipe, device: torch.device | str = "cpu") -> nn.Module | None:
    """The teacher of *recipe*, ready and still, or ``None`` if it has none."""
    if (settings := recipe.teacher) is None:
        return None
    network = networks.built("teacher", settings.network, settings.arguments)
    kinds = [networks.architecture("network", name) for name in (settings.network, recipe.network)]
    if network.scale != recipe.scale or kinds[0].inputs != kinds[1].inputs:
        wanted = f"does not take and make what {recipe.network!r} does"
        raise RecipeError("teacher.network", settings.network, wanted)
    return _ready(network, settings, device)


def task(recipe: Recipe, device: torch.device | str = "cpu") -> tasks.Task:
    """The task of *recipe*, its pictures restored where that is wanted."""
    made = tasks.task(recipe.task, recipe.scale, recipe.degradation)
    if (settings := recipe.restorer) is None:
        return made
    network = networks.built("restorer", settings.network, settings.arguments)
    inputs = networks.architecture("restorer.network", settings.network).inputs
    if network.scale != 1 or inputs != ("input", "level"):
        wanted = "must keep the size and be told levels"
        raise RecipeError("restorer.network", settings.network, wanted)
    return tasks.RestoredTask(made, _ready(network, settings, device))


def _ready(network: nn.Module, settings: Trained, device: torch.device | str) -> nn.Module:
    """*network* with the weights that *settings* name, still."""
    path = Path(settings.model)
    if not path.suffix:
        path = Catalog().find(settings.model).path
    checkpoint.load_average(network, path, whole=True)
    network.requires_grad_(False).eval().to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def load_published(key: str, network: nn.Module, name: str) -> None:
    """Start *network*, or its encoder, from the published weights called *name*, if any.

    Raises :class:`RecipeError` naming *key* where it takes none.
    """
    if not name:
        return
    load: Callable[..., None] | None = getattr(network, "load_published", None)
    if load is None:
        raise RecipeError(key, name, f"does not fit {type(network).__name__}")
    try:
        load(weights.tensors(name))
    except KeyError:
        raise ModelError(f"no published weights are called {name!r}", "see the backbones") from None


def optimizers(recipe: Recipe, stage: Stage, state: State) -> dict[str, torch.optim.Optimizer]:
    """Fresh optimisers of everyone who learns in *stage*, by the learner's name."""
    found: dict[str, torch.optim.Optimizer] = {}
    if stage.kind in ("generator", "regressor"):
        found[stage.kind] = _optimizer(stage, state.learner(stage.kind))
    if stage.kind == "adversarial":
        found["generator"] = _optimizer(stage, state.generator)
    if stage.kind in ("critic", "adversarial"):
        for name, settings in recipe.discriminators.items():
            critic = state.discriminators[name].parameters()
            rate, decay = stage.critic_rate or stage.rate, settings.weight_decay
            found[name] = _adam(stage, critic, rate, settings.betas, decay)
    for optimizer in found.values():
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found


def _optimizer(stage: Stage, network: nn.Module) -> torch.optim.Optimizer:
    learning = [p for p in network.parameters() if p.requires_grad]
    rate, betas, decay = stage.rate, stage.betas, stage.weight_decay
    if stage.optimizer == "sgd":
        return torch.optim.SGD(learning, rate, betas[0], weight_decay=decay)
    if stage.optimizer == "muon":
        return Muon(learning, rate, betas)
    return _adam(stage, learning, rate, betas, decay)


def _adam(
    stage: Stage,
    learning: Iterable[nn.Parameter],
    rate: float,
    betas: tuple[float, float],
    decay: float,
) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if stage.optimizer == "adamw" else torch.optim.Adam
    return kind(learning, rate, betas, weight_decay=decay, fused=True)


def mixed(seed: int, name: str, *numbers: int) -> int:
    """A seed, 0..2^63-1, that follows from all of them and that neighbours do not share."""
    words = np.frombuffer(sha256(name.encode()).digest()[:8], "<u4")
    (value,) = np.random.SeedSequence((seed, *words.tolist(), *numbers)).generate_state(
        1, np.uint64
    )
    return int(value) >> 1


KIND = ("name", "task", "network", "system", "scale")
"""What makes a run the one it is, as long as it is under way; the rest may be changed then."""
FREE = {
    *("card", "validation", "checkpoint_every", "keep", "precision", "compile", "accumulate"),
    *("data.memory", "data.workers"),
}
"""What changes nothing, or little, of what a finished run has made."""


def check_begun(recipe: Recipe, path: Path) -> None:
    """Refuse to go on from the checkpoint at *path* with another *recipe* than it was begun with.

    Under way, a run may be given other rates, losses or data, and further stages behind; finished,
    it has made what its recipe says, and would be handed back for what another one says.

    Raises :class:`ModelError` naming the first setting that differs.
    """
    told, stage = checkpoint.begun(path)
    now = _plain(recipe.as_dict())
    try:
        before = _plain(parse(told).as_dict())
    except RecipeError:
        return  # of an older version, which knew other settings
    passed, ahead = list(before["stages"]), list(now["stages"])
    under_way = stage < max(len(passed), len(ahead))
    if passed[: stage + 1] != ahead[: stage + 1][: len(passed)]:
        raise _refusal(path, "stages", passed, ahead)
    if under_way:
        before, now = ({key: table[key] for key in KIND} for table in (before, now))
    for key, (one, other) in _differences(before, now, ""):
        if not any(key == free or key.startswith(f"{free}.") for free in FREE):
            raise _refusal(path, key, one, other)


def _refusal(path: Path, key: str, before: object, now: object) -> ModelError:
    return ModelError(
        f"{path.parent} holds another run: its {key} is {before!r}, the recipe's is {now!r}",
        f"train into a new folder; --init {path} begins with its weights",
    )


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    """As it comes out of a checkpoint: lists for tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(table))
    return plain


def _differences(
    one: object, other: object, path: str
) -> Iterator[tuple[str, tuple[object, object]]]:
    """Dotted keys under which two tables differ, with both values; None where one has none."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            where = f"{path}.{key}" if path else str(key)
            yield from _differences(one.get(key), other.get(key), where)
    elif one != other:
        yield path, (one, other)
