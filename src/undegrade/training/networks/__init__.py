"""Networks by name: the tables that recipes, checkpoints and exports share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from undegrade.errors import RecipeError
from undegrade.training import plugins
from undegrade.training.networks.artifact_gan import DeOldifyCritic, MobileNetUNet
from undegrade.training.networks.baselines import SRCNN, VDSR
from undegrade.training.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from undegrade.training.networks.diagnosis import DiagnosisNetwork
from undegrade.training.networks.dllgan import (
    DLLGenerator,
    PatchDiscriminator,
    PixelDiscriminator,
    ResNet18Regressor,
    SmallRegressor,
)
from undegrade.training.networks.dped import DPEDDiscriminator, PhoneDiscriminator, PhoneGenerator
from undegrade.training.networks.drgn import DRGN, OneStep
from undegrade.training.networks.light import THUMBNAIL, Light, ToneNetwork
from undegrade.training.networks.shipped import Identity, Restorer, SuperResolution
from undegrade.training.networks.srresnet import SRDiscriminator, SRResNet


@dataclass(frozen=True)
class Architecture:
    """An entry of a table: how a network is built, and what the rest may take it for."""

    build: Callable[..., nn.Module]
    inputs: tuple[str, ...] = ("input",)
    """What a generator takes, as exported files call it: ``input``, the picture; ``level``, the
    levels of its degradation (``told`` of them); ``thumbnail``, the whole picture made small;
    ``place``, where in it the picture lies."""
    steps: bool = False
    """Whether it works in two steps and shows both, see :class:`~undegrade.training.forward.Steps`.
    """


Table = Mapping[str, Architecture]

NETWORKS: Table = {
    "restorer": Architecture(Restorer, ("input", "level")),
    "sr": Architecture(SuperResolution),
    "srresnet": Architecture(SRResNet),
    "dcgan": Architecture(DCGANGenerator),
    "dllgan": Architecture(DLLGenerator),
    "drgn": Architecture(DRGN, steps=True),
    "one-step": Architecture(OneStep),
    "mobilenet_unet": Architecture(MobileNetUNet),
    "phone": Architecture(PhoneGenerator),
    "dped64": Architecture(partial(PhoneGenerator, channels=64, statistics="instance")),
    "srcnn": Architecture(SRCNN),
    "vdsr": Architecture(VDSR),
    "light": Architecture(Light, ("input", "thumbnail", "place"), steps=True),
    "tone": Architecture(ToneNetwork, ("input", "thumbnail", "place")),
    "light-told": Architecture(
        partial(Light, told=True), ("input", "thumbnail", "place", "level"), steps=True
    ),
    "tone-told": Architecture(
        partial(ToneNetwork, told=True), ("input", "thumbnail", "place", "level")
    ),
    "identity": Architecture(Identity),
}
"""Picture to picture, sRGB in [0, 1] to sRGB, each with ``scale``, ``multiple`` and ``radius``.

``radius`` is None where a pixel depends on the whole picture.
"""

DISCRIMINATORS: Table = {
    "srgan": Architecture(SRDiscriminator),
    "dcgan": Architecture(DCGANDiscriminator),
    "pixel": Architecture(PixelDiscriminator),
    "patchgan": Architecture(PatchDiscriminator),
    "deoldify": Architecture(DeOldifyCritic),
    "phone": Architecture(PhoneDiscriminator),
    "dped": Architecture(DPEDDiscriminator),
}
"""Picture to logits, (N, 1) or a map (N, 1, h, w), positive for real."""

REGRESSORS: Table = {
    "resnet18": Architecture(ResNet18Regressor),
    "small": Architecture(SmallRegressor),
    "diagnosis": Architecture(DiagnosisNetwork),
}
"""Picture to degradation levels, (N, levels); "diagnosis" adds as many log-variances."""


TABLES: Mapping[str, Table] = {
    "networks": NETWORKS,
    "discriminators": DISCRIMINATORS,
    "regressors": REGRESSORS,
}
GENERATOR: Mapping[str, int | None] = {"scale": 1, "multiple": 1, "radius": None}


def build(name: str, table: Table = NETWORKS, /, **arguments: Any) -> nn.Module:
    """Build the network called *name*; raises ``KeyError`` naming the known ones."""
    if name not in table:
        raise KeyError(f"no network is called {name!r}; there are: {', '.join(sorted(table))}")
    return table[name].build(**arguments)


def architecture(key: str, name: str, kind: str = "networks") -> Architecture:
    """What *name*, the value of *key* in a recipe, stands for; see :mod:`plugins`.

    A class, or a function that makes a network, takes a picture and nothing else; one that takes
    more is named as an :class:`Architecture`.
    """
    found = plugins.find(key, kind, TABLES[kind], name)
    if not isinstance(found, Architecture) and not callable(found):
        raise RecipeError(key, name, "is no network: name a class, a function or an Architecture")
    return found if isinstance(found, Architecture) else Architecture(found)


def built(key: str, name: str, arguments: Mapping[str, Any], kind: str = "networks") -> nn.Module:
    """The network called *name*; raises :class:`RecipeError` naming *key*.

    A generator that says nothing of its scale, multiple and receptive radius has those of one that
    keeps the size of any picture and sees all of it.
    """
    make = architecture(key, name, kind).build
    try:
        network = make(**arguments)
    except (TypeError, ValueError, KeyError) as error:
        where = "arguments" if key == "network" else f"{key}.arguments"
        raise RecipeError(where, dict(arguments), f"does not fit {name!r}: {error}") from None
    if not isinstance(network, nn.Module):
        raise RecipeError(key, name, f"makes {type(network).__name__}, which is no torch module")
    for attribute, value in GENERATOR.items() if kind == "networks" else ():
        if not hasattr(network, attribute):
            setattr(network, attribute, value)
    return network


def example_inputs(
    network: nn.Module, inputs: Sequence[str], height: int, width: int, seed: int = 0
) -> tuple[Tensor, ...]:
    """A random picture, and what else is among *inputs*; it lies in the middle of the whole."""
    generator = torch.Generator().manual_seed(seed)
    shapes = {
        "input": (3, height, width),
        "level": (getattr(network, "told", 0), 1, 1),
        "thumbnail": (3, THUMBNAIL, THUMBNAIL),
    }
    place = torch.tensor([[1 / 4, 1 / 4, 1 / (2 * height), 1 / (2 * width)]])
    return tuple(
        place if name == "place" else torch.rand(1, *shapes[name], generator=generator)
        for name in inputs
    )
