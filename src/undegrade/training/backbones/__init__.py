"""Feature networks with published weights, for losses and encoders.

>>> features = backbone("vgg19")  # doctest: +SKIP
>>> features(pictures, ["relu2_2", "conv5_4"])  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from undegrade.errors import ModelError
from undegrade.training.backbones import weights
from undegrade.training.backbones.classifiers import (
    VGG,
    AlexNet,
    Backbone,
    MobileNetV2,
    Preprocessing,
    SqueezeNet,
)
from undegrade.training.backbones.weights import WEIGHTS

BACKBONES: dict[str, Callable[[Preprocessing], Backbone]] = {
    "vgg16": lambda p: VGG(16, preprocessing=p),
    "vgg19": lambda p: VGG(19, preprocessing=p),
    "vgg19_normalised": lambda p: VGG(19, "relu3_1", "reflect", p),
    "squeezenet1_1": SqueezeNet,
    "alexnet": AlexNet,
    "mobilenet_v2": MobileNetV2,
}
"""Constructors by the name of their weights."""


def backbone(name: str, path: Path | None = None) -> Backbone:
    """The network called *name* with its published weights, frozen and in evaluation mode.

    *path* is a file to take instead of the one that :mod:`.weights` would find. Raises
    :class:`ModelError` where the weights cannot be had.
    """
    if name not in BACKBONES:
        raise ModelError(
            f"no backbone is called {name!r}", f"choose one of: {', '.join(BACKBONES)}"
        )
    network = BACKBONES[name](WEIGHTS[name].preprocessing)
    weights.load(network, name, path)
    return network.requires_grad_(False).eval()


__all__ = [
    "BACKBONES",
    "VGG",
    "AlexNet",
    "Backbone",
    "MobileNetV2",
    "Preprocessing",
    "SqueezeNet",
    "backbone",
]
