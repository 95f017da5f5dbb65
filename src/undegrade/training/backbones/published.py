"""The table of published weights: names, addresses, hashes, licences, preprocessing."""

from __future__ import annotations

from dataclasses import dataclass

from undegrade.metrics import published
from undegrade.metrics.published import LPIPS, TORCHVISION, File
from undegrade.training.backbones.features import CAFFE, IMAGENET, SYMMETRIC, Preprocessing


@dataclass(frozen=True)
class Weights(published.Weights):
    """A set of weights, and what its network expects of a picture."""

    preprocessing: Preprocessing = IMAGENET


def _torchvision(name: str, digest: str) -> File:
    return File(name, digest, TORCHVISION + name)


WEIGHTS = {
    "vgg16": Weights(
        (
            _torchvision(
                "vgg16-397923af.pth",
                "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            ),
        ),
        "BSD-3-Clause (torchvision)",
    ),
    "vgg19": Weights(
        (
            _torchvision(
                "vgg19-dcbb9e9d.pth",
                "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            ),
        ),
        "BSD-3-Clause (torchvision)",
    ),
    "vgg19_normalised": Weights(
        (
            File(
                "vgg19_normalised_relu3_1.safetensors",
                "f53809f5e18cab2e3129d12f8426084610fc2ee0f546abb05da867a4b946d272",
            ),
        ),
        "CC-BY-4.0 (Oxford; activations rescaled by Gatys et al.)",
        CAFFE,
    ),
    "squeezenet1_1": Weights(
        (
            _torchvision(
                "squeezenet1_1-b8a52dc0.pth",
                "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
            ),
            File(  # the same, rounded to float16
                "squeezenet1_1.safetensors",
                "bc4a2f397d7c9561ba7482694af22d5f2c6809436bf8c501cf90bb7186ae4213",
            ),
        ),
        "BSD-3-Clause (torchvision)",
    ),
    "alexnet": Weights(
        (
            _torchvision(
                "alexnet-owt-7be5be79.pth",
                "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            ),
        ),
        "BSD-3-Clause (torchvision)",
    ),
    "mobilenet_v2": Weights(
        (
            File(  # google-coral's mobilenet_v2_1.0_224_quant.tflite, dequantised
                "mobilenet_v2.safetensors",
                "33f9a3dc47544620df66ec51c0d6a9c0ac41b87d928b8dfcb1a2ca0513cd52bf",
            ),
        ),
        "Apache-2.0 (TensorFlow, Coral)",
        SYMMETRIC,
    ),
    "resnet18": Weights(
        (
            _torchvision(
                "resnet18-f37072fd.pth",
                "f37072fd47e89c5e827621c5baffa7500819f7896bbacec160b1a16c560e07ec",
            ),
        ),
        "BSD-3-Clause (torchvision)",
    ),
    "mobilenet_v3_small": Weights(
        (
            _torchvision(
                "mobilenet_v3_small-047dcff4.pth",
                "047dcff4addef86ea5bc2eff13c9614dc11f47ab1160d0a71a25e7db994f4e1f",
            ),
        ),
        "BSD-3-Clause (torchvision)",
    ),
    "mobilenet_v3_large": Weights(
        (_torchvision("mobilenet_v3_large-8738ca79.pth", "8738ca79"),),
        "BSD-3-Clause (torchvision)",
    ),
    "lpips_vgg16": Weights(
        (
            File(
                "lpips_v0.1_vgg.pth",
                "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
                LPIPS + "vgg.pth",
            ),
        ),
        "BSD-2-Clause (Zhang et al.)",
    ),
    "lpips_alexnet": Weights(
        (
            File(
                "lpips_v0.1_alex.pth",
                "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
                LPIPS + "alex.pth",
            ),
        ),
        "BSD-2-Clause (Zhang et al.)",
    ),
    "lpips_squeezenet1_1": Weights(
        (
            File(
                "lpips_v0.1_squeeze.pth",
                "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
                LPIPS + "squeeze.pth",
            ),
            File(
                "lpips_v0.1_squeeze.safetensors",
                "ec668e72f272f716d9fa12ef272503e708307bfde3de69c95162e3367598bf90",
            ),
        ),
        "BSD-2-Clause (Zhang et al.)",
    ),
}
"""Backbones, encoders that :mod:`undegrade.training.networks` defines, and LPIPS heads, by name.
The first eight digits of the sha256 are in torchvision's own file names."""
