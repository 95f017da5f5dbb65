"""A network that judges and never learns."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn


class Frozen(nn.Module):
    """Wrap a copy of *network* whose parameters and statistics nothing can change.

    The copy stays in evaluation mode whatever mode the module around it is put into, and its
    parameters take no gradient; the gradient passes through to its input. The network that was
    given stays as it is, so it can go on learning elsewhere and be wrapped anew.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Frozen:
        """Stay in evaluation mode."""
        return super().train(False)

    def forward(self, *args: Any) -> Any:
        return self.network(*args)
