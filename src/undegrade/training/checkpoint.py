"""Checkpoints: one safetensors file with everything a run needs to go on bit for bit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from undegrade.catalog import from_file
from undegrade.errors import ModelError

HALF = ".half"
"""Ending of the names of weights that an exported network stores in fp16."""


@dataclass
class State:
    """A run in full: what the loop changes, and so what a checkpoint holds."""

    network: nn.Module
    average: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    step: int = 0
    seconds: float = 0.0
    recipe: dict[str, Any] = field(default_factory=dict)
    earlier: list[str] = field(default_factory=list)
    """The runs that the weights had before this one, first to last."""

    @torch.no_grad()
    def update_average(self, decay: float) -> None:
        """Move the average towards the weights; the first steps count more."""
        decay = min(decay, (1 + self.step) / (10 + self.step))
        for mean, value in zip(self.average.parameters(), self.network.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)


def save(state: State, path: Path) -> None:
    """Write *state* to *path* in one atomic step."""
    tensors: dict[str, Tensor] = {"generator": state.generator.get_state()}
    tensors |= {f"network.{k}": v for k, v in state.network.state_dict().items()}
    tensors |= {f"average.{k}": v for k, v in state.average.state_dict().items()}
    moments: dict[str, dict[str, float]] = {}
    for index, entry in state.optimizer.state_dict()["state"].items():
        for key, value in entry.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{key}"] = value
            else:
                moments.setdefault(str(index), {})[key] = value
    numbers = {
        "step": state.step,
        "seconds": state.seconds,
        "earlier": state.earlier,
        "moments": moments,
    }
    metadata = {"progress": json.dumps(numbers), "recipe": json.dumps(state.recipe)}
    temporary = path.with_suffix(".part")
    save_file({k: v.contiguous().clone() for k, v in tensors.items()}, temporary, metadata)
    temporary.replace(path)


def load(state: State, path: Path) -> None:
    """Put what :func:`save` wrote back into *state*; shapes must be the same."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    numbers = json.loads(metadata["progress"])
    state.step, state.seconds = numbers["step"], numbers["seconds"]
    state.earlier = numbers["earlier"]
    state.network.load_state_dict(_under("network.", tensors))
    state.average.load_state_dict(_under("average.", tensors))
    state.generator.set_state(tensors["generator"])
    entries: dict[int, dict[str, Any]] = {int(k): v for k, v in numbers["moments"].items()}
    parameters = list(state.network.parameters())
    for key, value in _under("optimizer.", tensors).items():
        index, name = key.split(".", 1)
        like = parameters[int(index)]
        if value.shape == like.shape:
            # The fused optimiser walks raw memory: moments must lie as their parameter does.
            value = torch.empty_like(like, requires_grad=False).copy_(value)
        entries.setdefault(int(index), {})[name] = value
    groups = state.optimizer.state_dict()["param_groups"]
    state.optimizer.load_state_dict({"state": entries, "param_groups": groups})


def history(path: Path) -> list[str]:
    """What has made the weights of a checkpoint or of an exported network, first to last."""
    if path.suffix == ".onnx":
        return [from_file(path).card.recipe or path.name]
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    numbers, name = json.loads(metadata["progress"]), json.loads(metadata["recipe"])["name"]
    minutes = numbers["seconds"] / 60
    return [*numbers["earlier"], f"{name}.yaml, {numbers['step']:,} steps in {minutes:.0f} minutes"]


def load_average(network: nn.Module, path: Path) -> None:
    """Load the averaged weights of a checkpoint, or an exported ONNX network, into *network*.

    Tensors whose name or shape is not the network's are passed over, so that x4 can start from
    x2: everything but the last convolution is shared. Raises :class:`ModelError` if none fits.
    """
    found = _exported(path) if path.suffix == ".onnx" else _averaged(path)
    own = network.state_dict()
    # An export is folded: its plain kernels are the direct part of collapsible convolutions, whose
    # other part starts at zero.
    named = {k if k in own else _direct(k): v for k, v in found.items()}
    fitting = {k: v for k, v in named.items() if k in own and own[k].shape == v.shape}
    if not fitting:
        raise ModelError(f"nothing in {path.name} fits this network", "give weights of its kind")
    network.load_state_dict({**own, **fitting})


def _averaged(path: Path) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        return _under("average.", {key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118


def _exported(path: Path) -> dict[str, Tensor]:
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
