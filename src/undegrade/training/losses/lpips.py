"""Learned perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from undegrade.errors import ModelError
from undegrade.training.backbones import Backbone, backbone, weights
from undegrade.training.losses import checks
from undegrade.training.losses.frozen import Frozen

LAYERS = {
    "vgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
    "alexnet": ("relu1", "relu2", "relu3", "relu4", "relu5"),
    "squeezenet1_1": ("relu1", *(f"fire{n}_relu" for n in (3, 5, 6, 7, 8, 9))),
}
"""Where each network is looked at; AlexNet is what papers report, VGG-16 what they train with."""


class LPIPS(nn.Module):
    """``d(x, y) = sum_l mean_hw sum_c w_lc (x^_lchw - y^_lchw)^2``.

    ``x^_l`` are the features of layer l, divided by their norm over the channels (plus 1e-10);
    ``w_l`` the non-negative weights of the learned head. Pictures are (N, 3, H, W) sRGB in
    [0, 1]. 0 for equal pictures; a scalar, the mean over the batch. Both pictures take a gradient,
    the network none.

    Use :meth:`load` for the published metric.
    """

    def __init__(self, network: Backbone, layers: Sequence[str], heads: Sequence[Tensor]) -> None:
        super().__init__()
        if len(layers) != len(heads):
            raise ValueError(f"{len(layers)} layers need as many heads, not {len(heads)}")
        self.network = Frozen(network)
        self.layers = tuple(layers)
        for index, head in enumerate(heads):
            self.register_buffer(f"head{index}", head.detach().clone().view(1, -1, 1, 1))

    @classmethod
    def load(
        cls,
        name: Literal["vgg16", "alexnet", "squeezenet1_1"] = "vgg16",
        trunk: Path | None = None,
        heads: Path | None = None,
    ) -> LPIPS:
        """LPIPS on the network called *name*; files may be given for its trunk and its heads.

        Raises :class:`ModelError` where weights cannot be had.
        """
        if name not in LAYERS:
            raise ModelError(
                f"there is no LPIPS on {name!r}", f"choose one of: {', '.join(LAYERS)}"
            )
        values = weights.tensors(f"lpips_{name}", heads)
        keys = [f"lin{index}.model.1.weight" for index in range(len(LAYERS[name]))]
        if values.keys() != set(keys):
            raise ModelError(
                f"the heads of LPIPS on {name!r} do not fit: {len(values)} tensors instead of "
                f"{len(keys)}",
                "use the published file",
            )
        return cls(backbone(name, trunk), LAYERS[name], [values[key] for key in keys])

    def distances(self, x: Tensor, y: Tensor) -> Tensor:
        """The distance of each pair, shape (N,)."""
        checks.pictures(x, y, channels=3)
        total = x.new_zeros(len(x))
        maps = zip(self.network(x, self.layers), self.network(y, self.layers), strict=True)
        for index, (a, b) in enumerate(maps):
            squared = (_unit(a) - _unit(b)) ** 2
            total = total + (self.get_buffer(f"head{index}") * squared).sum(1).mean((1, 2))
        return total

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return self.distances(output, target).mean()


def _unit(features: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(features, dim=1, keepdim=True)
    return features / (norm + 1e-10)
