"""Checkpoints: one safetensors file with everything a run needs to go on bit for bit."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from undegrade.catalog import Catalog
from undegrade.errors import ModelError
from undegrade.runtime import find_model
from undegrade.training.recipe import Precision

HALF = ".half"
"""Ending of the names of weights that an exported network stores in fp16."""


@dataclass(frozen=True)
class Choice:
    """A precision, and why the machine chose it; no reason where a recipe did."""

    precision: Precision
    reason: str


@dataclass
class State:
    """A run in full: what the loop changes, and so what a checkpoint holds."""

    generator: nn.Module
    average: nn.Module
    """The generator with the moving average of its weights, which is what ships."""
    regressor: nn.Module | None = None
    discriminators: dict[str, nn.Module] = field(default_factory=dict)
    optimizers: dict[str, torch.optim.Optimizer] = field(default_factory=dict)
    """Of the learners of the present stage: "generator", "regressor", or a discriminator's name."""
    scaler: torch.amp.GradScaler | None = None
    """Of the gradients, where the arithmetic is fp16."""
    stage: int = 0
    """Index of the present stage."""
    stage_step: int = 0
    stage_seconds: float = 0.0
    step: int = 0
    seconds: float = 0.0
    generator_steps: int = 0
    """Steps of the present stage in which the generator learned."""
    critic_turn: int = 0
    """Steps of the critic since the generator's last turn."""
    critic_loss: float = math.inf
    """The critic's loss since the generator's last turn, which an adaptive switcher goes by."""
    best: dict[str, float] = field(default_factory=dict)
    """The score at the stage's start, the best since, and how many validations ago that was."""
    recipe: dict[str, Any] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    """Photos, versions, seed and command: see :mod:`undegrade.training.provenance`."""
    precision_reason: str = ""
    """Why the recipe's precision is the one, where the machine chose it."""
    earlier: list[str] = field(default_factory=list)
    """The runs that the weights had before this one, first to last."""

    def networks(self) -> dict[str, nn.Module]:
        """Every network by the name under which a checkpoint keeps it."""
        found = {"generator": self.generator, "average": self.average}
        if self.regressor is not None:
            found["regressor"] = self.regressor
        return found | {f"discriminator.{k}": v for k, v in self.discriminators.items()}

    def learner(self, name: str) -> nn.Module:
        """The network that the optimiser called *name* trains."""
        if name in ("generator", "regressor"):
            return self.networks()[name]
        return self.discriminators[name]

    def finite(self) -> bool:
        """Whether every value of every network is a finite number."""
        tensors = (t for n in self.networks().values() for t in n.state_dict().values())
        return all(bool(torch.isfinite(tensor).all()) for tensor in tensors)

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the average towards the weights; the first steps count more."""
        decay = min(decay, (1 + self.generator_steps) / (10 + self.generator_steps))
        learned = {name for name, _ in self.generator.named_parameters()}
        average, network = self.average.state_dict(), self.generator.state_dict()
        for name, mean in average.items():
            # Statistics belong to the weights and are averaged with them. Other buffers are not
            # sums: the singular vectors of spectral norm, averaged, would have no unit length.
            if name in learned or name.rpartition(".")[2] in ("running_mean", "running_var"):
                mean.lerp_(network[name], 1 - decay)
            else:
                mean.copy_(network[name])


LAST = "last.safetensors"
"""Name of the checkpoint of a run to resume from."""

NUMBERS = (
    *("stage", "stage_step", "stage_seconds", "step", "seconds"),
    *("generator_steps", "critic_turn", "critic_loss", "best"),
)


def save(state: State, path: Path) -> None:
    """Write *state* to *path* in one atomic step."""
    tensors: dict[str, Tensor] = {}
    for name, network in state.networks().items():
        tensors |= {f"{name}.{k}": v for k, v in network.state_dict().items()}
    moments: dict[str, dict[str, dict[str, float]]] = {}
    for learner, optimizer in state.optimizers.items():
        for index, entry in optimizer.state_dict()["state"].items():
            for key, value in entry.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{learner}.{index}.{key}"] = value
                else:
                    moments.setdefault(learner, {}).setdefault(str(index), {})[key] = value
    numbers = {key: getattr(state, key) for key in NUMBERS}
    numbers |= {"earlier": state.earlier, "moments": moments}
    numbers["precision_reason"] = state.precision_reason
    if state.scaler is not None:
        numbers["scaler"] = state.scaler.state_dict()
    _write(tensors, numbers, state, path)


def save_average(state: State, path: Path) -> None:
    """Write what ships and nothing to resume from: a small file."""
    tensors = {f"average.{k}": v for k, v in state.average.state_dict().items()}
    numbers = {"step": state.step, "seconds": state.seconds, "earlier": state.earlier}
    _write(tensors, numbers, state, path)


def save_halves(checkpoint: Path, path: Path) -> None:
    """Write the average of *checkpoint* with its weights in fp16, as :func:`load_average` reads."""
    with _opened(checkpoint) as file:
        told = file.metadata()
        names = [key for key in file.keys() if key.startswith("average.")]  # noqa: SIM118
        tensors = {key: file.get_tensor(key) for key in names}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    numbers = json.loads(told["progress"])
    told["progress"] = json.dumps({k: numbers[k] for k in ("step", "seconds", "earlier")})
    save_file({k: v.contiguous() for k, v in halves.items()}, path, told)


def _write(tensors: dict[str, Tensor], numbers: dict[str, Any], state: State, path: Path) -> None:
    told = {"progress": numbers, "recipe": state.recipe, "made": state.made}
    metadata = {key: json.dumps(value) for key, value in told.items()}
    temporary = path.with_suffix(".part")
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, temporary, metadata)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


@dataclass(frozen=True)
class Moments:
    """What the optimisers of a checkpoint held, for optimisers that are yet to be made."""

    tensors: dict[str, Tensor]
    numbers: dict[str, dict[str, dict[str, float]]]

    def restore(self, state: State) -> None:
        """Put them into the optimisers of *state*."""
        for learner, optimizer in state.optimizers.items():
            entries: dict[int, dict[str, Any]] = {
                int(k): dict(v) for k, v in self.numbers.get(learner, {}).items()
            }
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            for key, value in _under(f"{learner}.", self.tensors).items():
                index, name = key.split(".", 1)
                like = parameters[int(index)]
                if value.shape == like.shape:
                    # A fused optimiser walks raw memory: moments must lie as their parameter does.
                    value = torch.empty_like(like, requires_grad=False).copy_(value)
                entries.setdefault(int(index), {})[name] = value
            groups = optimizer.state_dict()["param_groups"]
            optimizer.load_state_dict({"state": entries, "param_groups": groups})


def load(state: State, path: Path) -> Moments:
    """Put what :func:`save` wrote back into *state*, but for the optimisers, which come back.

    Raises :class:`ModelError` where it cannot be read or belongs to another recipe.
    """
    with _opened(path) as file:
        numbers = json.loads(file.metadata()["progress"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if "moments" not in numbers:
        raise ModelError(f"{path} holds only an average", "resume with last.safetensors")
    # Older checkpoints did not count turns.
    numbers = {"generator_steps": numbers["stage_step"], "critic_turn": 0} | numbers
    for key in NUMBERS:
        setattr(state, key, numbers[key])
    state.earlier = numbers["earlier"]
    state.precision_reason = numbers.get("precision_reason", "")  # older checkpoints have none
    for name, network in state.networks().items():
        try:
            network.load_state_dict(_under(f"{name}.", tensors))
        except RuntimeError:
            raise ModelError(
                f"{path} holds another {name} than the recipe",
                "resume with the recipe it was begun with, or train into a new folder",
            ) from None
    if state.scaler is not None:
        state.scaler.load_state_dict(numbers["scaler"])
    return Moments(_under("optimizer.", tensors), numbers["moments"])


def made_of(path: Path) -> dict[str, Any]:
    """What a checkpoint, or the card of an exported network, says of the photos behind it."""
    if path.suffix == ".onnx":
        return {"text": find_model(str(path), Catalog()).card.training_data}
    with _opened(path) as file:
        found: dict[str, Any] = json.loads(file.metadata().get("made", "{}"))
    return found  # older checkpoints say nothing


def step_of(path: Path) -> int:
    """The step at which a checkpoint was written."""
    with _opened(path) as file:
        return int(json.loads(file.metadata()["progress"])["step"])


def precision_of(path: Path) -> Choice:
    """The precision that a run was begun in."""
    with _opened(path) as file:
        metadata = file.metadata()
    reason = json.loads(metadata["progress"]).get("precision_reason", "")
    return Choice(json.loads(metadata["recipe"])["precision"], reason)


def begun(path: Path) -> tuple[dict[str, Any], int]:
    """The recipe that a run was begun with, as plain data, and the index of its present stage."""
    with _opened(path) as file:
        metadata = file.metadata()
    return json.loads(metadata["recipe"]), int(json.loads(metadata["progress"]).get("stage", 0))


def history(path: Path) -> list[str]:
    """What has made the weights of a checkpoint or of an exported network, first to last."""
    if path.suffix == ".onnx":
        return [find_model(str(path), Catalog()).card.recipe or path.name]
    with _opened(path) as file:
        metadata = file.metadata()
    numbers, name = json.loads(metadata["progress"]), json.loads(metadata["recipe"])["name"]
    minutes = numbers["seconds"] / 60
    return [*numbers["earlier"], f"{name}.yaml, {numbers['step']:,} steps in {minutes:.0f} minutes"]


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The checkpoint at *path*; raises :class:`ModelError` where there is none."""
    try:
        with safe_open(path, framework="pt") as file:
            if "progress" not in (file.metadata() or {}):
                raise ModelError(f"{path} is no checkpoint of a run", "give one of `train`")
            yield file
    except (OSError, SafetensorError) as error:
        raise ModelError(f"cannot read the checkpoint {path}: {error}", "give another") from None


def load_average(network: nn.Module, path: Path, *, whole: bool = False) -> None:
    """Load the averaged weights of a checkpoint, or an exported ONNX network, into *network*.

    Tensors whose name or shape is not the network's are passed over, so that x4 can start from
    x2: everything but the last convolution is shared. Raises :class:`ModelError` if none fits, or,
    for the *whole* network, if not all do.
    """
    found = _exported(path) if path.suffix == ".onnx" else _averaged(path)
    own = network.state_dict()
    # An export is folded: its plain kernels are the direct part of collapsible convolutions, whose
    # other part starts at zero.
    named = {k if k in own else _direct(k): v for k, v in found.items()}
    fitting = {k: v for k, v in named.items() if k in own and own[k].shape == v.shape}
    if not fitting:
        raise ModelError(f"nothing in {path.name} fits this network", "give weights of its kind")
    if whole and fitting.keys() != own.keys():
        raise ModelError(
            f"{path.name} holds another network than the recipe",
            "name the recipe and the variant that it was trained with",
        )
    network.load_state_dict({**own, **fitting})


def load_regressor(network: nn.Module, path: Path) -> None:
    """Load the regressor of a checkpoint; raises :class:`ModelError` if it is another one."""
    with _opened(path) as file:
        found = _under("regressor.", {key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    try:
        network.load_state_dict(found)
    except RuntimeError:
        raise ModelError(
            f"{path.name} holds another regressor than the recipe, or none",
            "name the recipe and the variant that it was trained with",
        ) from None


def _averaged(path: Path) -> dict[str, Tensor]:
    with _opened(path) as file:
        return _under("average.", {key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118


def _exported(path: Path) -> dict[str, Tensor]:
    find_model(str(path), Catalog())  # which says so where it is no network
    weights = onnx.load(path).graph.initializer
    return {
        weight.name.removesuffix(HALF): torch.tensor(onnx.numpy_helper.to_array(weight)).float()
        for weight in weights
    }


def _direct(key: str) -> str:
    module, _, name = key.rpartition(".")
    return f"{module}.direct.{name}"


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
