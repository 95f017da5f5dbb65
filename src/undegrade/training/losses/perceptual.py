"""Losses that look through a published classifier: content loss and LPIPS.

Content loss: distance between feature maps (Johnson, Alahi & Fei-Fei, ECCV 2016). LPIPS: learned
perceptual image patch similarity, version 0.1 (Zhang et al., CVPR 2018).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.errors import ModelError
from undegrade.training.backbones import backbone, weights
from undegrade.training.backbones.classifiers import Backbone
from undegrade.training.losses.pictures import require_pictures


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


@dataclass(frozen=True)
class Preset:
    """Network, weighted layers, distance and scale of a published content loss."""

    network: str
    layers: Mapping[str, float]
    distance: Literal["mse", "l1"] = "mse"
    scale: float = 1.0


PRESETS = {
    "srgan-vgg54": Preset("vgg19", {"relu5_4": 1.0}, scale=1 / 12.75),
    "srgan-vgg22": Preset("vgg19", {"relu2_2": 1.0}, scale=1 / 12.75),
    "srgan-face": Preset("vgg19", {"relu3_4": 1.0}, "l1"),
    "esrgan": Preset("vgg19", {"conv5_4": 1.0}, "l1"),
    "dped": Preset("vgg19", {"relu5_4": 1.0}),
    "phone": Preset("vgg16", {"relu2_2": 0.5, "relu3_3": 0.5}),
    "squeeze": Preset("squeezenet1_1", {"fire3_relu": 0.5, "fire5_relu": 0.5}),
}
"""Ledig et al. (CVPR 2017) scale their maps by 1/12.75, which is 0.00615 on the squared distance;
ESRGAN (Wang et al., 2018) looks before the ReLU; ``phone`` is Prakash & Phumbhra's, the mean of
its two layers being our reading; ``squeeze`` is ours, for where no VGG is at hand. DPED's own
weights expect 0..255; with torchvision's the same maps have another size."""


class ContentLoss(nn.Module):
    """``sum_l w_l * mean(d(scale * phi_l(output), scale * phi_l(target)))``.

    ``d`` is the squared ("mse") or the absolute ("l1") difference, the mean is over N, C, H and W
    of each map. Pictures are (N, 3, H, W) sRGB in [0, 1]; the network does its own
    preprocessing. Its weights are frozen, no gradient goes to the target.

    Parameters
    ----------
    network: any :class:`Backbone`; a copy is kept.
    layers: weight of each layer by name, before ("conv5_4") or after its ReLU ("relu5_4").
    """

    def __init__(
        self,
        network: Backbone,
        layers: Mapping[str, float],
        distance: Literal["mse", "l1"] = "mse",
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        if not layers:
            raise ValueError("a content loss needs a layer")
        if unknown := layers.keys() - set(network.layers()):
            raise ValueError(f"the network has no layer {min(unknown)!r}")
        if distance not in ("mse", "l1"):
            raise ValueError(f"a content loss measures 'mse' or 'l1', not {distance!r}")
        self.network = Frozen(network)
        self.weights = dict(layers)
        self.distance = F.mse_loss if distance == "mse" else F.l1_loss
        self.scale = scale

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        require_pictures(output, target, channels=3)
        names = list(self.weights)
        ours = self.network(output, names)
        with torch.no_grad():
            theirs = self.network(target, names)
        total = output.new_zeros(())
        for weight, a, b in zip(self.weights.values(), ours, theirs, strict=True):
            total = total + weight * self.distance(self.scale * a, self.scale * b)
        return total


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
        require_pictures(x, y, channels=3)
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
