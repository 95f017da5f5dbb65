"""Published weights: what they are, where they lie, and that they are what they should be.

Where a file is looked for, and how it is checked: :mod:`undegrade.metrics.weights`. Weights that
cannot be had are a :class:`ModelError`, never a random network.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from undegrade.errors import ModelError
from undegrade.metrics import weights as files
from undegrade.training.backbones.published import WEIGHTS


def tensors(name: str, path: Path | None = None) -> dict[str, Tensor]:
    """The weights called *name* in float32, from *path* or by the order above."""
    return read(find(name, path))


def load(network: nn.Module, name: str, path: Path | None = None) -> None:
    """Fill *network* with the weights called *name*; every parameter must be there and fit.

    Only a classifier that the network does not have may be left over.
    """
    values = tensors(name, path)
    own = network.state_dict()
    if not any(key.startswith("classifier.") for key in own):
        values = {k: v for k, v in values.items() if not k.startswith("classifier.")}
    if odd := sorted(own.keys() ^ values.keys()):
        raise ModelError(
            f"the weights {name!r} do not fit: {len(odd)} parameters without a partner, "
            f"the first is {odd[0]!r}",
            "use the published file",
        )
    for key, value in values.items():
        if value.shape != own[key].shape:
            raise ModelError(
                f"the weights {name!r} do not fit: {key!r} is {tuple(value.shape)} "
                f"instead of {tuple(own[key].shape)}",
                "use the published file",
            )
    network.load_state_dict(values)


def find(name: str, path: Path | None = None) -> Path:
    """The checked file of the weights called *name*, downloaded if need be.

    A *path* comes first; its contents are checked if it has the name of a published file.
    """
    if name not in WEIGHTS:
        raise ModelError(
            f"there are no weights called {name!r}", f"choose one of: {', '.join(WEIGHTS)}"
        )
    return files.find(name, path, WEIGHTS)


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` or ``.pth`` file, halves as float32; runs no code in it."""
    try:
        if path.suffix == ".safetensors":
            values = load_file(path)
        else:
            values = torch.load(path, map_location="cpu", weights_only=True)
        return {key: v.float() if v.is_floating_point() else v for key, v in values.items()}
    except Exception as error:
        raise files.unreadable(path, error) from None
