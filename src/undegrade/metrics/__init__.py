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

from undegrade.metrics.base import Assessment, Comparison, Metric
from undegrade.metrics.brisque import BRISQUE, OpenCVBRISQUE
from undegrade.metrics.colour import CIEDE2000
from undegrade.metrics.consistency import Consistency
from undegrade.metrics.lpips import LPIPS
from undegrade.metrics.niqe import NIQE
from undegrade.metrics.noise import NoiseAmplification
from undegrade.metrics.pictures import Channel
from undegrade.metrics.psnr import PSNR, PSNRB
from undegrade.metrics.ssim import DPEDMSSSIM, MSSSIM, SSIM
from undegrade.metrics.table import METRICS, metric
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
