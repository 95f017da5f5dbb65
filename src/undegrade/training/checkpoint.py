"""Checkpoints: one safetensors file with everything a run needs to go on bit for bit.

They also say where weights come from: photos with counts and terms, versions, seed and command.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import onnx
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from undegrade import __version__
from undegrade.catalog import Card, Catalog
from undegrade.errors import ModelError
from undegrade.runtime import find_model
from undegrade.training.data.sources import Source, described
from undegrade.training.recipe import Precision, Recipe

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
    """Photos, versions, seed and command: see :data:`Made`."""
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
SHIPPED = ("step", "seconds", "earlier")
"""What is noted of a run beside weights that ship."""
TOLD = ("progress", "recipe", "made")
"""What a checkpoint says beside its tensors, each as JSON; older ones do not say all of it."""


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
    _write(tensors, {"progress": numbers, "recipe": state.recipe, "made": state.made}, path)


def save_average(state: State, path: Path) -> None:
    """Write what ships and nothing to resume from: a small file."""
    tensors = {f"average.{k}": v for k, v in state.average.state_dict().items()}
    numbers = {key: getattr(state, key) for key in SHIPPED}
    _write(tensors, {"progress": numbers, "recipe": state.recipe, "made": state.made}, path)


def save_halves(checkpoint: Path, path: Path) -> None:
    """Write the average of *checkpoint* with its weights in fp16, as :func:`load_average` reads."""
    told, average = _read(checkpoint, "average.")
    told["progress"] = {key: told["progress"][key] for key in SHIPPED}
    tensors = {f"average.{k}": v for k, v in average.items()}
    halves = {k: v.half() if v.is_floating_point() else v for k, v in tensors.items()}
    _write(halves, told, path)


def _write(tensors: dict[str, Tensor], told: dict[str, Any], path: Path) -> None:
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
    told, tensors = _read(path)
    numbers = told["progress"]
    if "moments" not in numbers:
        raise ModelError(f"{path} holds only an average", "resume with last.safetensors")
    # Older checkpoints did not count turns, nor say why they have their precision.
    numbers = {"generator_steps": numbers["stage_step"], "critic_turn": 0} | numbers
    for key in (*NUMBERS, "earlier"):
        setattr(state, key, numbers[key])
    state.precision_reason = numbers.get("precision_reason", "")
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


def step_of(path: Path) -> int:
    """The step at which a checkpoint was written."""
    return int(_told(path)["progress"]["step"])


def precision_of(path: Path) -> Choice:
    """The precision that a run was begun in."""
    told = _told(path)
    return Choice(told["recipe"]["precision"], told["progress"].get("precision_reason", ""))


def begun(path: Path) -> tuple[dict[str, Any], int]:
    """The recipe that a run was begun with, as plain data, and the index of its present stage."""
    told = _told(path)
    return told["recipe"], int(told["progress"].get("stage", 0))


def history(path: Path) -> list[str]:
    """What has made the weights of a checkpoint or of an exported network, first to last."""
    if path.suffix == ".onnx":
        return [_card(path).recipe or path.name]
    told = _told(path)
    progress = told["progress"]
    minutes = progress["seconds"] / 60
    run = f"{told['recipe']['name']}.yaml, {progress['step']:,} steps in {minutes:.0f} minutes"
    return [*progress["earlier"], run]


Made = dict[str, Any]
"""Where weights come from: ``sources``, each with its ``photos`` and ``terms``; ``versions``,
``seed`` and ``command``; and ``before``, the same of the weights that a run began with, if any."""


def noted(recipe: Recipe, data: Sequence[Source], earlier: Made, before: Made) -> Made:
    """What a checkpoint says of a run of *recipe* on *data*.

    *earlier* is what it said when the run was last stopped: photos that it has seen since stay.
    """
    packages = {name: version(name) for name in ("torch", "numpy")}
    seen = {row["source"]: row for row in earlier.get("sources", [])}
    seen |= {row["source"]: row for row in described(data, recipe.data)}
    # The command line, of whole paths only the names.
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv]
    return {
        "sources": list(seen.values()),
        "versions": {"undegrade": __version__, "python": platform.python_version()} | packages,
        "seed": recipe.seed,
        "command": " ".join(words),
        "before": earlier.get("before", before),
    }


def made_of(path: Path) -> Made:
    """What a checkpoint, or the card of an exported network, says of the photos behind it."""
    if path.suffix == ".onnx":
        return {"text": _card(path).training_data}
    made: Made = _told(path).get("made", {})  # older checkpoints say nothing
    return made


def origin(path: Path) -> dict[str, str]:
    """What a card says of the photos and the run behind a checkpoint; nothing if none is known."""
    made = made_of(path)
    if "sources" not in made:
        return {}
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    made_with = f"{versions}; seed {made['seed']}; {made['command']}"
    return {"training_data": _training_data(made), "made_with": made_with}


def _training_data(made: Made) -> str:
    """Counts and terms in a sentence; empty where nothing is known."""
    parts = [
        f"{row['photos']} photos of {row['name']} ({row['terms']})"
        for row in made.get("sources", [])
    ]
    if (before := made.get("before")) and (text := before.get("text") or _training_data(before)):
        parts.append(f"begun with weights that were trained on {text}")
    return "; ".join(parts)


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


def _told(path: Path) -> dict[str, Any]:
    """What a checkpoint says beside its tensors, by the names in ``TOLD``."""
    with _opened(path) as file:
        return _parsed(file.metadata())


def _read(path: Path, prefix: str = "") -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a checkpoint says, and its tensors whose names begin with *prefix*, without it.

    Both of one opening: a run may put a new checkpoint in its place in between two.
    """
    with _opened(path) as file:
        names = [key for key in file.keys() if key.startswith(prefix)]  # noqa: SIM118
        tensors = {key.removeprefix(prefix): file.get_tensor(key) for key in names}
        return _parsed(file.metadata()), tensors


def _parsed(metadata: dict[str, str]) -> dict[str, Any]:
    return {key: json.loads(metadata[key]) for key in TOLD if key in metadata}


def _card(path: Path) -> Card:
    """That of an exported network; raises :class:`ModelError` where it is none."""
    return find_model(str(path), Catalog()).card


def load_average(network: nn.Module, path: Path, *, whole: bool = False) -> None:
    """Load the averaged weights of a checkpoint, or an exported ONNX network, into *network*.

    Tensors whose name or shape is not the network's are passed over, so that x4 can start from
    x2: everything but the last convolution is shared. Raises :class:`ModelError` if none fits, or,
    for the *whole* network, if not all do; or if an export lacks the batch normalisation of
    *network*: where it is folded into the convolutions, training would put another on top of it.
    """
    exported = path.suffix == ".onnx"
    found = _exported(path) if exported else _read(path, "average.")[1]
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
    statistics = {k for k in own if k.endswith("running_mean")}
    if exported and not statistics <= fitting.keys():
        raise ModelError(
            f"{path.name} is an export without the batch normalisation of this network: it is "
            "folded into its convolutions, or was never there",
            "begin with the checkpoint of its run, a .safetensors",
        )
    network.load_state_dict({**own, **fitting})


def load_regressor(network: nn.Module, path: Path) -> None:
    """Load the regressor of a checkpoint; raises :class:`ModelError` if it is another one."""
    _, regressor = _read(path, "regressor.")
    try:
        network.load_state_dict(regressor)
    except RuntimeError:
        raise ModelError(
            f"{path.name} holds another regressor than the recipe, or none",
            "name the recipe and the variant that it was trained with",
        ) from None


def _exported(path: Path) -> dict[str, Tensor]:
    _card(path)  # which says so where it is no network
    return {
        weight.name.removesuffix(HALF): torch.tensor(onnx.numpy_helper.to_array(weight)).float()
        for weight in onnx.load(path).graph.initializer
    }


def _direct(key: str) -> str:
    """The name under which a collapsible convolution keeps what a plain one calls *key*."""
    module, _, name = key.rpartition(".")
    return f"{module}.direct.{name}"


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
