"""The table of files that metrics read: names, hashes, addresses, licences. None is shipped."""

from __future__ import annotations

from dataclasses import dataclass

TORCHVISION = "https://download.pytorch.org/models/"
LPIPS = (
    "https://raw.githubusercontent.com/richzhang/PerceptualSimilarity/master/lpips/weights/v0.1/"
)
BASICSR = "https://raw.githubusercontent.com/XPixelGroup/BasicSR/master/basicsr/metrics/"
OPENCV = "https://raw.githubusercontent.com/opencv/opencv_contrib/4.x/modules/quality/samples/"


@dataclass(frozen=True)
class File:
    """One published file."""

    name: str
    """Its name in a folder and in the cache."""
    sha256: str
    """Empty where it is not known; then the reader must know the file by its contents."""
    url: str = ""
    """Where it can be had; empty where nowhere by itself."""


@dataclass(frozen=True)
class Weights:
    """Files that hold the same values and are tried in turn."""

    files: tuple[File, ...]
    licence: str


def torchvision(name: str, sha256: str) -> Weights:
    """A file of torchvision's, by the name that ends its address."""
    return Weights((File(name, sha256, TORCHVISION + name),), "BSD-3-Clause (torchvision)")


def _opencv(name: str, sha256: str) -> Weights:
    return Weights((File(name, sha256, OPENCV + name),), "Apache-2.0 (OpenCV)")


def _lpips(network: str, sha256: str, *others: File) -> Weights:
    file = File(f"lpips_v0.1_{network}.pth", sha256, f"{LPIPS}{network}.pth")
    return Weights((file, *others), "BSD-2-Clause (Zhang et al.)")


WEIGHTS = {
    "alexnet": torchvision(
        "alexnet-owt-7be5be79.pth",
        "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
    ),
    "vgg16": torchvision(
        "vgg16-397923af.pth", "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0"
    ),
    "squeezenet1_1": torchvision(
        "squeezenet1_1-b8a52dc0.pth",
        "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
    ),
    "squeezenet1_1_fp16": Weights(
        (
            File(
                "squeezenet1_1.safetensors",
                "bc4a2f397d7c9561ba7482694af22d5f2c6809436bf8c501cf90bb7186ae4213",
            ),
        ),
        "BSD-3-Clause (torchvision; rounded to float16)",
    ),
    "lpips_alexnet": _lpips(
        "alex", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"
    ),
    "lpips_vgg16": _lpips(
        "vgg", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"
    ),
    "lpips_squeezenet1_1": _lpips(
        "squeeze",
        "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf76",
        File(
            "lpips_v0.1_squeeze.safetensors",
            "ec668e72f272f716d9fa12ef272503e708307bfde3de69c95162e3367598bf90",
        ),
    ),
    "niqe": Weights(
        (
            File(
                "niqe_pris_params.npz",
                "2a7c182a68c9e7f1b2e2e5ec723279d6f65d912b6fcaf37eb2bf03d7367c4296",
                BASICSR + "niqe_pris_params.npz",
            ),
        ),
        "LIVE, UT Austin (file: Apache-2.0, BasicSR)",
    ),
    "brisque": Weights((File("allmodel", ""),), "LIVE, UT Austin"),
    "brisque_opencv_model": _opencv(
        "brisque_model_live.yml",
        "4c44c7eec9e5139830c0bb0e4a044c9cd351ba5bbc9e3798beca3243e2782ff4",
    ),
    "brisque_opencv_range": _opencv(
        "brisque_range_live.yml",
        "a18427f4f7ad087524bd0d63389649a3899b51ca6d44a4d5f8d8171f1f914a9c",
    ),
}
"""By name. Trunks and heads of LPIPS are those of :mod:`undegrade.training.backbones`."""
