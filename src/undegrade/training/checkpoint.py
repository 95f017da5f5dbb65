"""Checkpoints: one safetensors file with everything a run needs to go on bit for bit."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


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
    earlier: list[tuple[int, float]] = field(default_factory=list)
    """Steps and seconds of the runs that the weights had before this one, first to last."""

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
    state.earlier = [(int(steps), float(seconds)) for steps, seconds in numbers["earlier"]]
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


def history(path: Path) -> list[tuple[int, float]]:
    """Steps and seconds of every run that made a checkpoint's weights, first to last."""
    with safe_open(path, framework="pt") as file:
        numbers = json.loads(file.metadata()["progress"])
    return [*map(tuple, numbers.get("earlier", [])), (numbers["step"], numbers["seconds"])]


def load_average(network: nn.Module, path: Path) -> None:
    """Load the averaged weights of a checkpoint into *network*.

    Tensors whose name or shape is not the network's are passed over, so that x4 can start from
    x2: everything but the last convolution is shared.
    """
    with safe_open(path, framework="pt") as file:
        found = {k: file.get_tensor(k) for k in file.keys() if k.startswith("average.")}  # noqa: SIM118
    own = network.state_dict()
    fitting = {
        k: v for k, v in _under("average.", found).items() if k in own and own[k].shape == v.shape
    }
    if not fitting:
        raise ValueError(f"nothing in {path} fits this network")
    network.load_state_dict({**own, **fitting})


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
