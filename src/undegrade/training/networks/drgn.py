"""DRGN, "Degrade is upgrade": estimate the degradation, subtract it, refine what is left.

Jiang et al., "Degrade is upgrade: learning degradation for low-light image enhancement", AAAI
2022. Its public parts fix the two steps and the losses; the layers of both generators are ours,
see ``multi_resolution.py``. Its two discriminators are ``patchgan.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

from torch import Tensor, nn

from undegrade.training.networks.choices import checked
from undegrade.training.networks.multi_resolution import MultiResolutionFusion

DRGNPreset = Literal["faithful", "mended"]


class Steps(NamedTuple):
    """What each step of DRGN made, each (N, 3, H, W)."""

    degradation: Tensor
    """I_D, signed: mostly negative, since the base must be brighter than the picture."""
    base: Tensor
    """I_B = I_L - I_D."""
    enhanced: Tensor
    """I* = ReG(I_B)."""


class DeG(MultiResolutionFusion):
    """The degradation generator: I_L to the signed I_D, zero at the start."""


class ReG(MultiResolutionFusion):
    """The refinement generator: ``I* = I_B + f(I_B)``, the identity at the start."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class DRGN(nn.Module):
    """``I* = ReG(I_L - DeG(I_L))``; both generators start at zero, so that it does nothing.

    Presets
    -------
    ``faithful``: the two generators as drawn; 3,130,576 parameters.
    ``mended``: both also look at a thumbnail of the whole picture, from which they can tell the
    exposure (:class:`~undegrade.training.networks.multi_resolution.ExposureContext`); 3,223,504.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W multiples of 4. Returns (N, 3, H, W), sRGB, not
    clipped. The radius is None: channel attention averages over the whole picture.
    """

    scale = 1
    radius = None

    def __init__(
        self,
        widths: Sequence[int] = (32, 48, 64),
        groups: int = 3,
        blocks: int = 3,
        preset: str = "faithful",
    ) -> None:
        super().__init__()
        context = checked("preset", preset, get_args(DRGNPreset)) == "mended"
        self.multiple = 2 ** (len(widths) - 1)
        self.deg = DeG(widths, groups, blocks, context)
        self.reg = ReG(widths, groups, blocks, context)

    def steps(self, x: Tensor) -> Steps:
        """The degradation, the base and the enhanced picture, for losses on each."""
        degradation = self.deg(x)
        base = x - degradation
        return Steps(degradation, base, self.reg(base))

    def forward(self, x: Tensor) -> Tensor:
        return self.steps(x).enhanced


class OneStep(nn.Module):
    """One network of the size of a :class:`DRGN` with the same arguments, for comparison.

    ``I* = I_L + f(I_L)`` with one generator whose widths are sqrt(2) times those given, rounded
    to a multiple of 4, which doubles its parameters. Arguments and shapes as for ``DRGN``.
    """

    scale = 1
    radius = None

    def __init__(
        self,
        widths: Sequence[int] = (32, 48, 64),
        groups: int = 3,
        blocks: int = 3,
        preset: str = "faithful",
    ) -> None:
        super().__init__()
        context = checked("preset", preset, get_args(DRGNPreset)) == "mended"
        self.multiple = 2 ** (len(widths) - 1)
        wider = [4 * round(width * 2**0.5 / 4) for width in widths]
        self.reg = ReG(wider, groups, blocks, context)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.reg(x)
        return output
