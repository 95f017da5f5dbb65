"""How much of an enhanced picture is not in its input: invented detail, and lost detail."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from undegrade.errors import UsageError
from undegrade.imaging.arrays import Doubles
from undegrade.imaging.resize import imresize
from undegrade.metrics.base import Needs, as_floats
from undegrade.metrics.psnr import PSNR


class Consistency(PSNR):
    """PSNR in dB between the input and the enhanced picture degraded again.

    ``-10 log10(mean((D(y) - x)^2))`` with y the enhanced picture, x the input, and D(y) clipped and
    rounded to 8 bit as the input is. Whatever could have become x under D gives a high value; what
    contradicts the input - invented edges, changed colours - a low one. The undamaged picture
    itself gives infinity where D is exactly what had happened. It says nothing of detail that D
    takes away: an enhancement may invent that freely.

    D is *degrade*, a function of (H, W, C) float64 in [0, 1] to the input's shape. Without one it
    is the reduction that super-resolution starts from, to ceil(H / s) x ceil(W / s) by antialiased
    bicubic interpolation (MATLAB's ``imresize``), for a picture that is s = 2, 3, ... times as
    large as its input. Pictures of one size need *degrade*.

    ``channel`` and ``crop`` count in the input's pixels.
    """

    name = "consistency"
    needs: ClassVar[Needs] = "input"

    def __init__(self, degrade: Callable[[Doubles], NDArray[Any]] | None = None) -> None:
        self.degrade = degrade

    def _matched(self, picture: Doubles, reference: Doubles) -> tuple[Doubles, Doubles]:
        if self.degrade is None:
            again: NDArray[Any] = imresize(picture, scale=1 / self._factor(picture, reference))
        else:
            again = self.degrade(picture)
        rounded = np.rint(np.clip(again, 0.0, 1.0) * 255.0) / 255.0
        return super()._matched(as_floats(rounded), reference)

    def _factor(self, picture: Doubles, reference: Doubles) -> int:
        large, small = picture.shape[:2], reference.shape[:2]
        factor: int = round(large[0] / small[0])
        if factor < 2 or tuple(-(-side // factor) for side in large) != small:
            raise UsageError(
                f"{self.name} of {large[1]}x{large[0]} pixels with an input of "
                f"{small[1]}x{small[0]}: not a whole number of times as large",
                "give the degradation as a function",
            )
        return factor
