"""Feature networks with published weights, for losses and encoders.

>>> features = backbone("vgg19")  # doctest: +SKIP
>>> features(pictures, ["relu2_2", "conv5_4"])  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from undegrade.errors import ModelError
from undegrade.training.backbones import weights
from undegrade.training.backbones.classifiers import (
    CAFFE,
    VGG,
    AlexNet,
    Backbone,
    MobileNetV2,
    SqueezeNet,
)

BACKBONES: dict[str, Callable[[], Backbone]] = {
    "vgg16": partial(VGG, 16),
    "vgg19": partial(VGG, 19),
    "vgg19_normalised": partial(VGG, 19, "relu3_1", "reflect", CAFFE),
    "squeezenet1_1": SqueezeNet,
    "alexnet": AlexNet,
    "mobilenet_v2": MobileNetV2,
}
"""Constructors by the name of their weights, with the preprocessing that these expect."""


def backbone(name: str, path: Path | None = None) -> Backbone:
    """The network called *name* with its published weights, frozen and in evaluation mode.

    *path* is a file to take instead of the one that :mod:`.weights` would find. Raises
    :class:`ModelError` where the weights cannot be had.
    """
    if name not in BACKBONES:
        raise ModelError(
            f"no backbone is called {name!r}", f"choose one of: {', '.join(BACKBONES)}"
        )
    network = BACKBONES[name]()
    weights.load(network, name, path)
    return network.requires_grad_(False).eval()
