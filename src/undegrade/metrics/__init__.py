"""Image quality metrics under one contract: two pictures, or one, in; a float out.

>>> import numpy as np
>>> truth = np.full((16, 16, 3), 100, np.uint8)
>>> round(metric("psnr")(truth + np.uint8(1), truth), 2)
48.13
>>> metric("lpips-alex").better
'lower'

Numpy alone carries all of them but LPIPS, which needs ``undegrade[eval]``. Weights are read when
first needed, from places that :mod:`undegrade.metrics.weights` names; none is shipped.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from undegrade.errors import UsageError
from undegrade.metrics.base import Assessment, Channel, Comparison, Metric
from undegrade.metrics.brisque import BRISQUE, OpenCVBRISQUE
from undegrade.metrics.colour import CIEDE2000
from undegrade.metrics.consistency import Consistency
from undegrade.metrics.lpips import LPIPS
from undegrade.metrics.niqe import NIQE
from undegrade.metrics.noise import NoiseAmplification
from undegrade.metrics.psnr import PSNR, PSNRB
from undegrade.metrics.ssim import DPEDMSSSIM, MSSSIM, SSIM
from undegrade.metrics.text import TextF1

__all__ = [
    "BRISQUE",
    "CIEDE2000",
    "DPEDMSSSIM",
    "LPIPS",
    "METRICS",
    "MSSSIM",
    "NIQE",
    "PSNR",
    "PSNRB",
    "SSIM",
    "Assessment",
    "Channel",
    "Comparison",
    "Consistency",
    "Metric",
    "NoiseAmplification",
    "OpenCVBRISQUE",
    "TextF1",
    "metric",
]

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
    """The metric called *name*; keep it, for it keeps its weights. Raises UsageError for none."""
    if name not in METRICS:
        raise UsageError(f"no metric is called {name!r}", f"choose one of: {', '.join(METRICS)}")
    return METRICS[name]()
