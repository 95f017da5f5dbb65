"""A recipe: everything that decides a training run, in one file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from undegrade.errors import RecipeError


@dataclass(frozen=True)
class Recipe:
    """All settings of a run. Unknown keys, wrong types and impossible values are refused."""

    name: str
    """Name of the run and of the model it makes."""
    task: Literal["restore", "upscale"]
    """What the network learns; see :mod:`undegrade.training.tasks`."""
    network: Literal["restorer", "upscaler"]
    """Which network; see :mod:`undegrade.training.networks`."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the network."""
    scale: int = 1
    """Enlargement, 1 for same-size tasks."""
    batch: int = 16
    """Samples a step."""
    patch: int = 96
    """Side of the network's input patches in pixels."""
    patch_late: int = 0
    """Side of the patches in the last fifth of the run; 0 keeps ``patch``."""
    steps: int = 50_000
    """Steps after which the schedule is over."""
    rate: float = 1e-3
    """Peak learning rate; a cosine takes it to zero at the end of the run."""
    warmup: int = 200
    """Steps over which the rate rises linearly to its peak."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    ema: float = 0.999
    """Decay of the exponential moving average of the weights, which is what ships."""
    mse_tail: float = 0.1
    """Last part of the run trained with MSE instead of Charbonnier."""
    precision: Literal["fp32", "bf16"] = "bf16"
    """Arithmetic of the convolutions; weights and sums stay in fp32."""
    card: dict[str, str] = field(default_factory=dict)
    """What the model's card says that cannot be measured: summary, licence, training_data."""
    seed: int = 0
    """Seed of the weights and of everything drawn."""
    hold_out: int = 16
    """Training photos kept for validation."""
    validate_every: int = 1000
    """Steps between validations."""
    checkpoint_every: int = 500
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        for key in ("batch", "patch", "steps", "validate_every", "checkpoint_every", "scale"):
            if getattr(self, key) < 1:
                raise RecipeError(key, getattr(self, key), "must be at least 1")
        for key in ("ema", "mse_tail"):
            if not 0 <= getattr(self, key) <= 1:
                raise RecipeError(key, getattr(self, key), "must lie between 0 and 1")
        if self.rate <= 0:
            raise RecipeError("rate", self.rate, "must be positive")
        if (self.task == "restore") != (self.scale == 1):
            raise RecipeError("scale", self.scale, f"does not fit the task {self.task!r}")

    def patch_at(self, progress: float) -> int:
        """Patch side at *progress* 0..1 of the run."""
        return self.patch_late if self.patch_late and progress >= 0.8 else self.patch

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain data, complete."""
        return dataclasses.asdict(self)


def parse(data: dict[str, Any]) -> Recipe:
    """Check plain data and make a recipe of it; raises :class:`RecipeError` naming the key."""
    fields = {f.name: f for f in dataclasses.fields(Recipe)}
    for key, value in data.items():
        if key not in fields:
            raise RecipeError(key, value, f"is not a setting; there are: {', '.join(fields)}")
        kind = str(fields[key].type)
        choices = _choices(kind)
        if choices and value not in choices:
            raise RecipeError(key, value, f"must be one of {', '.join(choices)}")
        if kind == "int" and (not isinstance(value, int) or isinstance(value, bool)):
            raise RecipeError(key, value, "must be a whole number")
        if kind == "float" and not isinstance(value, int | float):
            raise RecipeError(key, value, "must be a number")
        if kind.startswith("dict") and not isinstance(value, dict):
            raise RecipeError(key, value, "must be a table")
    missing = [k for k in ("name", "task", "network") if k not in data]
    if missing:
        raise RecipeError(missing[0], None, "is missing")
    return Recipe(**data)


def _choices(kind: str) -> tuple[str, ...]:
    if not kind.startswith("Literal["):
        return ()
    return tuple(part.strip().strip("'\"") for part in kind[len("Literal[") : -1].split(","))


def read(name_or_path: str, overrides: dict[str, Any] | None = None) -> Recipe:
    """Read a recipe by bundled name or from a YAML file, with *overrides* on top."""
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"}:
        if not path.is_file():
            raise RecipeError("recipe", name_or_path, "is not a file")
        text = path.read_text(encoding="utf-8")
    else:
        bundled = resources.files("undegrade.training") / "recipes" / f"{name_or_path}.yaml"
        if not bundled.is_file():
            raise RecipeError("recipe", name_or_path, f"is not bundled; there are: {names()}")
        text = bundled.read_text(encoding="utf-8")
    return parse({**yaml.safe_load(text), **(overrides or {})})


def names() -> str:
    """Names of the bundled recipes, in one line."""
    folder = resources.files("undegrade.training") / "recipes"
    found = (entry.name for entry in folder.iterdir())
    return ", ".join(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))
