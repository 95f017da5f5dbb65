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
from undegrade.metrics import published
from undegrade.metrics import weights as files
from undegrade.metrics.published import File, Weights, torchvision

WEIGHTS = {
    **{name: published.WEIGHTS[name] for name in ("vgg16", "alexnet")},
    "vgg19": torchvision(
        "vgg19-dcbb9e9d.pth", "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"
    ),
    "vgg19_normalised": Weights(
        (
            File(
                "vgg19_normalised_relu3_1.safetensors",
                "f53809f5e18cab2e3129d12f8426084610fc2ee0f546abb05da867a4b946d272",
            ),
        ),
        "CC-BY-4.0 (Oxford; activations rescaled by Gatys et al.)",
    ),
    "squeezenet1_1": Weights(
        published.WEIGHTS["squeezenet1_1"].files + published.WEIGHTS["squeezenet1_1_fp16"].files,
        published.WEIGHTS["squeezenet1_1"].licence,
    ),
    "mobilenet_v2": Weights(
        (
            File(  # google-coral's mobilenet_v2_1.0_224_quant.tflite, dequantised
                "mobilenet_v2.safetensors",
                "33f9a3dc47544620df66ec51c0d6a9c0ac41b87d928b8dfcb1a2ca0513cd52bf",
            ),
        ),
        "Apache-2.0 (TensorFlow, Coral)",
    ),
    "resnet18": torchvision(
        "resnet18-f37072fd.pth", "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec"
    ),
    "mobilenet_v3_small": torchvision(
        "mobilenet_v3_small-047dcff4.pth",
        "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
    ),
    "mobilenet_v3_large": torchvision("mobilenet_v3_large-8738ca79.pth", "8738ca79"),
    **{
        name: published.WEIGHTS[name]
        for name in ("lpips_vgg16", "lpips_alexnet", "lpips_squeezenet1_1")
    },
}
"""Backbones, encoders that :mod:`undegrade.training.networks` defines, and LPIPS heads, by name.
The first eight digits of the sha256 are in torchvision's own file names."""


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
