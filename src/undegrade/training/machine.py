"""The machine a run is on: its processes and devices, and the arithmetic that it is fast in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, reduce
from torch import Tensor, nn

from undegrade.errors import UsageError
from undegrade.runtime.device import cpu_flags
from undegrade.training.checkpoint import Choice
from undegrade.training.forward import autocast
from undegrade.training.recipe import Precision, Recipe


class Processes:
    """This process among its fellows."""

    def __init__(self, device: str = "cpu") -> None:
        if device not in ("cpu", "cuda"):
            raise UsageError(f"there is no device {device!r}", "choose cpu or cuda")
        if device == "cuda" and not torch.cuda.is_available():
            raise UsageError("this machine has no GPU that torch can use", "choose --device cpu")
        self._state = PartialState(cpu=device == "cpu")
        self.device: torch.device = self._state.device
        self.count: int = self._state.num_processes
        self.rank: int = self._state.process_index
        self.main: bool = self._state.is_main_process
        """Whether this one writes files and talks."""

    def average_gradients(self, networks: Iterable[nn.Module]) -> None:
        """Give every process the mean of all gradients of *networks*, in one message."""
        if self.count == 1:
            return
        gradients = [p.grad for n in networks for p in n.parameters() if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        flat = reduce(flat, "mean")
        for gradient, mean in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(mean.view_as(gradient))

    def average(self, values: dict[str, float]) -> dict[str, float]:
        """The mean of each value over all processes."""
        if self.count == 1 or not values:
            return values
        numbers = torch.tensor(list(values.values()), dtype=torch.float64, device=self.device)
        return dict(zip(values, reduce(numbers, "mean").tolist(), strict=True))

    def agreed(self, value: float) -> float:
        """The main process's *value*, so that all take the same turn."""
        if self.count == 1:
            return value
        tensor: Tensor = torch.tensor([value], dtype=torch.float64, device=self.device)
        return float(broadcast(tensor)[0])

    def wait(self) -> None:
        """Until all are here."""
        self._state.wait_for_everyone()


CPU_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Flags of CPUs that multiply bf16; the last is ARM's."""
GPU_BF16 = (8, 0)
"""Compute capability from which a GPU multiplies bf16 (NVIDIA: Ampere). Older ones have fp16, which
needs a scale of the loss and is left to those who ask for it."""
TRIAL_SECONDS = 1.0

Trial = Callable[[], dict[str, float]]
"""Measures seconds of the same step in "fp32" and "bf16"."""


def choose(flags: frozenset[str], capability: tuple[int, int] | None, trial: Trial) -> Choice:
    """``bf16`` or ``fp32``: what a machine trains faster in.

    Parameters
    ----------
    flags: what the CPU can do, see :func:`undegrade.runtime.device.cpu_flags`.
    capability: of the GPU that trains; None if it is the CPU that does.
    trial: called only for a CPU that has instructions for bf16.
    """
    if capability is not None:
        name = f"a GPU of capability {capability[0]}.{capability[1]}"
        if capability >= GPU_BF16:
            return Choice("bf16", f"{name} has bf16")
        return Choice("fp32", f"{name} has no bf16")
    if not (found := sorted(CPU_BF16 & flags)):
        return Choice("fp32", "this CPU is not known to have instructions for bf16")
    seconds = trial()
    told = " and ".join(f"{seconds[name]:.3g} s in {name}" for name in ("fp32", "bf16"))
    faster: Precision = "bf16" if seconds["bf16"] < seconds["fp32"] else "fp32"
    return Choice(faster, f"this CPU has {', '.join(found)}, and a trial took {told}")


def settled(
    recipe: Recipe, processes: Processes, begun: Choice | None = None
) -> tuple[Recipe, str]:
    """*recipe* with a precision in place of "auto", and why; no reason where it named one.

    A run that was *begun* in one goes on in it, whatever the machine has to do beside it now. All
    processes take what the first one found.
    """
    if recipe.precision != "auto":
        same = begun is not None and begun.precision == recipe.precision
        return recipe, begun.reason if begun is not None and same else ""
    if begun is not None:
        return replace(recipe, precision=begun.precision), begun.reason
    device = processes.device
    capability = torch.cuda.get_device_capability(device) if device.type == "cuda" else None
    choice = choose(cpu_flags(), capability, cpu_trial)
    agreed: Precision = "bf16" if processes.agreed(choice.precision == "bf16") else "fp32"
    return replace(recipe, precision=agreed), choice.reason


def cpu_trial() -> dict[str, float]:
    """Seconds that a small stack of convolutions takes forwards and backwards, by precision.

    The least of several rounds, in turns, so that what else runs on the machine disturbs both.
    """
    cpu = torch.device("cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3 if first else 32, 32, 3, padding=1) for first in (1, 0, 0, 0, 0, 0)]
        stack = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
        picture = torch.rand(4, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    stack.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    rounds: dict[str, list[float]] = {"fp32": [], "bf16": []}
    started = time.perf_counter()
    while len(rounds["bf16"]) < 3 or time.perf_counter() - started < TRIAL_SECONDS:
        for precision, seconds in rounds.items():
            before = time.perf_counter()
            with autocast(cpu, precision):
                made = stack(picture)
            made.float().square().mean().backward()
            seconds.append(time.perf_counter() - before)
    return {precision: min(seconds) for precision, seconds in rounds.items()}
