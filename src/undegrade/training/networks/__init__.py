"""Networks by name: the tables that recipes, checkpoints and exports share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import nn

from undegrade.training.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from undegrade.training.networks.deoldify_critic import DeOldifyCritic
from undegrade.training.networks.diagnosis import DiagnosisNetwork
from undegrade.training.networks.dllgan import DLLGenerator, PixelDiscriminator
from undegrade.training.networks.dped import (
    DPEDDiscriminator,
    PhoneDiscriminator,
    PhoneGenerator,
)
from undegrade.training.networks.drgn import DRGN, OneStep
from undegrade.training.networks.guided import Guided
from undegrade.training.networks.identity import Identity
from undegrade.training.networks.mobilenet_unet import MobileNetUNet
from undegrade.training.networks.patchgan import PatchDiscriminator
from undegrade.training.networks.regressors import ResNet18Regressor, SmallRegressor
from undegrade.training.networks.restorer import Restorer
from undegrade.training.networks.sr import SuperResolution
from undegrade.training.networks.srcnn import SRCNN
from undegrade.training.networks.srresnet import SRDiscriminator, SRResNet
from undegrade.training.networks.vdsr import VDSR

Table = Mapping[str, Callable[..., nn.Module]]

NETWORKS: Table = {
    "restorer": Restorer,
    "sr": SuperResolution,
    "srresnet": SRResNet,
    "dcgan": DCGANGenerator,
    "dllgan": DLLGenerator,
    "drgn": DRGN,
    "one-step": OneStep,
    "mobilenet_unet": MobileNetUNet,
    "phone": PhoneGenerator,
    "dped64": partial(PhoneGenerator, channels=64, statistics="instance"),
    "srcnn": SRCNN,
    "vdsr": VDSR,
    "guided": Guided,
    "identity": Identity,
}
"""Picture to picture, sRGB in [0, 1] to sRGB, each with ``scale``, ``multiple`` and ``radius``.

``radius`` is None where a pixel depends on the whole picture.
"""

DISCRIMINATORS: Table = {
    "srgan": SRDiscriminator,
    "dcgan": DCGANDiscriminator,
    "pixel": PixelDiscriminator,
    "patchgan": PatchDiscriminator,
    "deoldify": DeOldifyCritic,
    "phone": PhoneDiscriminator,
    "dped": DPEDDiscriminator,
}
"""Picture to logits, (N, 1) or a map (N, 1, h, w), positive for real."""

REGRESSORS: Table = {
    "resnet18": ResNet18Regressor,
    "small": SmallRegressor,
    "diagnosis": DiagnosisNetwork,
}
"""Picture to degradation levels, (N, levels); "diagnosis" adds as many log-variances."""


def build(name: str, table: Table = NETWORKS, /, **arguments: Any) -> nn.Module:
    """Build the network called *name*; raises ``KeyError`` naming the known ones."""
    if name not in table:
        raise KeyError(f"no network is called {name!r}; there are: {', '.join(sorted(table))}")
    return table[name](**arguments)


__all__ = ["DISCRIMINATORS", "NETWORKS", "REGRESSORS", "Restorer", "SuperResolution", "build"]
