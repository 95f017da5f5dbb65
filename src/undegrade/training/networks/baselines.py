"""The baselines: SRCNN of three layers, and VDSR of twenty that predict what the picture lacks."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.luma import luma
from undegrade.training.networks.layers import between, start_gaussian, start_he


def _enlarged(x: Tensor, scale: int) -> Tensor:
    return x if scale == 1 else F.interpolate(x, scale_factor=scale, mode="bicubic")


def _radius(reach: int, scale: int) -> int:
    """How many pixels of the input *reach* pixels of the enlarged one see, four taps each."""
    return reach if scale == 1 else (2 * reach - 1 + scale) // (2 * scale) + 2


class SRCNN(nn.Module):
    """Patch extraction, non-linear mapping, reconstruction: three convolutions with ReLU between.

    Dong et al., "Image super-resolution using deep convolutional networks", TPAMI 38(2), 2016,
    section 3.1: 64 and 32 maps, kernels 9-1-5 (its ECCV 2014 form, **8,032 weights**) or 9-5-5
    (its best, **57,184**), and 97 biases. Weights N(0, 0.001^2), biases zero. The paper trains the
    last layer with a tenth of the learning rate (1e-5), and crops borders where this repeats them.

    Parameters
    ----------
    scale: by which bicubic enlarges the picture first; 1 for restoring at the same size.
    kernels: of the three layers, odd.
    colour: False restores brightness and leaves colour alone, as the paper; True takes RGB.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1]. Returns (N, 3, scale * H, scale * W), sRGB, not clipped.
    The receptive radius is half the sum of ``kernel - 1`` pixels for scale 1.
    """

    multiple = 1

    def __init__(
        self, scale: int = 1, kernels: tuple[int, int, int] = (9, 1, 5), colour: bool = False
    ) -> None:
        super().__init__()
        self.scale = scale
        self.colour = colour
        planes = 3 if colour else 1
        widths = pairwise((planes, 64, 32, planes))
        self.layers = between(
            nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, padding_mode="replicate")
            for (c_in, c_out), kernel in zip(widths, kernels, strict=True)
        )
        start_gaussian(self, 0.001)
        self.radius = _radius(sum(kernel // 2 for kernel in kernels), scale)

    def forward(self, x: Tensor) -> Tensor:
        x = _enlarged(x, self.scale)
        if self.colour:
            restored: Tensor = self.layers(x)
            return restored
        brightness = luma(x)
        corrected: Tensor = x + (self.layers(brightness) - brightness)
        return corrected


class VDSR(nn.Module):
    """``x + f(x)`` with *depth* 3x3 convolutions of 64 channels and ReLU between.

    Kim et al., "Accurate image super-resolution using very deep convolutional networks", CVPR
    2016, section 3: **664,704 weights** and 1,217 biases for 20 layers on brightness. He's
    initialisation, zero padding. One network serves all scales when the picture comes enlarged.

    *scale*, *colour* and shapes as for :class:`SRCNN`. The receptive radius is *depth* pixels for
    scale 1.
    """

    multiple = 1

    def __init__(
        self, scale: int = 1, depth: int = 20, channels: int = 64, colour: bool = False
    ) -> None:
        super().__init__()
        self.scale = scale
        self.colour = colour
        planes = 3 if colour else 1
        widths = [planes, *[channels] * (depth - 1), planes]
        self.layers = between(nn.Conv2d(*pair, 3, padding=1) for pair in pairwise(widths))
        start_he(self)
        self.radius = _radius(depth, scale)

    def forward(self, x: Tensor) -> Tensor:
        x = _enlarged(x, self.scale)
        correction: Tensor = self.layers(x if self.colour else luma(x))
        return x + correction
