"""The baselines: SRCNN of three layers, and VDSR of twenty that predict what the picture lacks."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.imaging.luma import luma
from undegrade.training.networks import receptive_field as field
from undegrade.training.networks.layers import start_gaussian, start_he


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
        layers: list[nn.Module] = []
        for c_in, c_out, kernel in zip((planes, 64, 32), (64, 32, planes), kernels, strict=True):
            layers += [
                nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2, padding_mode="replicate"),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers[:-1])
        start_gaussian(self, 0.001)
        enlarging = [field.bicubic(scale)] if scale > 1 else []
        self.radius = field.radius([*enlarging, *map(field.conv, kernels)], scale)

    def forward(self, x: Tensor) -> Tensor:
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=self.scale, mode="bicubic")
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

    Parameters
    ----------
    scale: by which bicubic enlarges the picture first; 1 for restoring at the same size.
    depth, channels: number of convolutions and width.
    colour: False corrects brightness and leaves colour alone, as the paper; True takes RGB.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1]. Returns (N, 3, scale * H, scale * W), sRGB, not clipped.
    The receptive radius is *depth* pixels for scale 1.
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
        layers: list[nn.Module] = []
        for c_in, c_out in pairwise(widths):
            layers += [nn.Conv2d(c_in, c_out, 3, padding=1), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])
        start_he(self)
        enlarging = [field.bicubic(scale)] if scale > 1 else []
        self.radius = field.radius([*enlarging, *[field.conv(3)] * depth], scale)

    def forward(self, x: Tensor) -> Tensor:
        if self.scale > 1:
            x = F.interpolate(x, scale_factor=self.scale, mode="bicubic")
        correction: Tensor = self.layers(x if self.colour else luma(x))
        return x + correction
