"""One process or many: devices, shares of a batch, and gradients that agree.

All of it is Hugging Face's ``accelerate``, started by ``accelerate launch`` or ``torchrun``; a
plain call is one process. Every process holds the same networks, draws its own part of the
batch and takes the mean of the gradients, so that n processes make the steps of one.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from accelerate import PartialState
from accelerate.utils import broadcast, reduce
from torch import Tensor, nn

from undegrade.errors import UsageError


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
