"""Networks by name: the table that recipes, checkpoints and exports share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from undegrade.training.networks.restorer import Restorer
from undegrade.training.networks.upscaler import Upscaler

NETWORKS: dict[str, Callable[..., nn.Module]] = {"restorer": Restorer, "upscaler": Upscaler}


def build(name: str, **arguments: Any) -> nn.Module:
    """Build the network called *name*; raises ``KeyError`` naming the known ones."""
    if name not in NETWORKS:
        raise KeyError(f"no network is called {name!r}; there are: {', '.join(sorted(NETWORKS))}")
    return NETWORKS[name](**arguments)


__all__ = ["NETWORKS", "Restorer", "Upscaler", "build"]
