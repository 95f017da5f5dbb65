"""Content loss: distance between feature maps (Johnson, Alahi & Fei-Fei, ECCV 2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.backbones import Backbone, backbone
from undegrade.training.losses import checks
from undegrade.training.losses.frozen import Frozen


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

    @classmethod
    def preset(cls, name: str, path: Path | None = None) -> ContentLoss:
        """The published loss called *name*, with published weights (or those at *path*).

        Raises :class:`ModelError` where the weights cannot be had.
        """
        if name not in PRESETS:
            raise ValueError(f"no content loss is called {name!r}; there are: {', '.join(PRESETS)}")
        found = PRESETS[name]
        network = backbone(found.network, path)
        return cls(network, found.layers, found.distance, found.scale)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        checks.pictures(output, target, channels=3)
        names = list(self.weights)
        ours = self.network(output, names)
        with torch.no_grad():
            theirs = self.network(target, names)
        total = output.new_zeros(())
        for weight, a, b in zip(self.weights.values(), ours, theirs, strict=True):
            total = total + weight * self.distance(self.scale * a, self.scale * b)
        return total
