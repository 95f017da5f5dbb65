"""The metrics by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from undegrade.errors import UsageError
from undegrade.metrics.base import Metric
from undegrade.metrics.brisque import BRISQUE, OpenCVBRISQUE
from undegrade.metrics.colour import CIEDE2000
from undegrade.metrics.consistency import Consistency
from undegrade.metrics.lpips import LPIPS
from undegrade.metrics.niqe import NIQE
from undegrade.metrics.noise import NoiseAmplification
from undegrade.metrics.psnr import PSNR, PSNRB
from undegrade.metrics.ssim import DPEDMSSSIM, MSSSIM, SSIM
from undegrade.metrics.text import TextF1

METRICS: Mapping[str, Callable[[], Metric]] = MappingProxyType(
    {
        "psnr": PSNR,
        "psnr-b": PSNRB,
        "ssim": SSIM,
        "ms-ssim": MSSSIM,
        "ms-ssim-dped": DPEDMSSSIM,
        "lpips-alex": lambda: LPIPS("alex"),
        "lpips-vgg": lambda: LPIPS("vgg"),
        "lpips-squeeze": lambda: LPIPS("squeeze"),
        "lpips-squeeze-fp16": lambda: LPIPS("squeeze-fp16"),
        "ciede2000": CIEDE2000,
        "niqe": NIQE,
        "brisque": BRISQUE,
        "brisque-opencv": OpenCVBRISQUE,
        "noise-amplification": NoiseAmplification,
        "consistency": Consistency,
        "text-f1": TextF1,
    }
)
"""Constructors by name. They are cheap: weights are read by the first call that needs them."""


def metric(name: str) -> Metric:
    """The metric called *name*; keep it, for it keeps its weights.

    Raises
    ------
    UsageError: there is none.
    """
    if name not in METRICS:
        raise UsageError(f"no metric is called {name!r}", f"choose one of: {', '.join(METRICS)}")
    return METRICS[name]()
