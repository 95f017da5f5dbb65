"""DLL-GAN's generator and pixel discriminator; its regressors are in ``regressors.py``.

Kas et al., "DLL-GAN: degradation-level-based learnable adversarial loss for image enhancement",
Expert Systems with Applications 237, 2024. The paper's code is not public; the layers are as a
reader of the paper re-implemented them, which is CycleGAN's 9-block generator (Zhu et al., ICCV
2017, appendix 7.2; Johnson et al., ECCV 2016) with batch norm.
"""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks import initialisation
from undegrade.training.networks import receptive_field as field
from undegrade.training.networks.choices import checked

DLLPreset = Literal["faithful", "mended"]


def _reflected(channels: int) -> list[nn.Module]:
    return [
        nn.ReflectionPad2d(1),
        nn.Conv2d(channels, channels, 3, bias=False),
        nn.BatchNorm2d(channels),
    ]


class ReflectedBlock(nn.Module):
    """``x + bn(conv(relu(bn(conv(x)))))`` with reflected borders; (N, c, H, W) to the same."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*_reflected(channels), nn.ReLU(), *_reflected(channels))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = x + self.body(x)
        return output


class DLLGenerator(nn.Module):
    """Encoder of two strides, 9 residual blocks at a quarter of the size, decoder.

    7x7 convolution to 64 channels, 3x3 with stride 2 to 128 and 256, the blocks, twice up to 128
    and 64, 7x7 to RGB, tanh; batch norm and ReLU in between, no bias before a batch norm, weights
    N(0, 0.02^2). **11,383,427 parameters** in both presets.

    Presets
    -------
    ``faithful``: transposed 3x3 convolutions enlarge, which leaves checkerboards; the picture
    itself is the output of tanh, mapped to [0, 1].
    ``mended``: nearest neighbour and a 3x3 convolution enlarge. (A residual ``x + f(x)`` was
    tried, too: with no short-cut around the strides f cannot undo noise pixel by pixel, and
    denoising learned half as fast.)

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W multiples of 4 and at least 8; for
    super-resolution already enlarged by bicubic. Returns (N, 3, H, W), sRGB within [0, 1]. The
    receptive radius in evaluation is counted from the layers: 84 pixels for ``faithful``, 87 for
    ``mended``.
    """

    scale = 1
    multiple = 4

    def __init__(self, channels: int = 64, blocks: int = 9, preset: str = "faithful") -> None:
        super().__init__()
        self.preset = checked("preset", preset, get_args(DLLPreset))
        self.layers = nn.Sequential(
            nn.ReflectionPad2d(3),
            nn.Conv2d(3, channels, 7, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        for width in (channels, 2 * channels):
            self.layers.append(nn.Conv2d(width, 2 * width, 3, 2, padding=1, bias=False))
            self.layers.extend([nn.BatchNorm2d(2 * width), nn.ReLU()])
        self.layers.extend([ReflectedBlock(4 * channels) for _ in range(blocks)])
        for width in (4 * channels, 2 * channels):
            self.layers.extend([*self._up(width, width // 2), nn.BatchNorm2d(width // 2)])
            self.layers.append(nn.ReLU())
        self.tail = nn.Conv2d(channels, 3, 7)
        self.layers.append(nn.ReflectionPad2d(3))
        initialisation.dcgan(self)
        up = [field.transposed(3, 2, 1)]
        if preset == "mended":
            up = [field.enlarge(2), field.conv(3)]
        self.radius = field.radius(
            [
                field.conv(7),
                *[field.conv(3, 2)] * 2,
                *[field.conv(3)] * (2 * blocks),
                *up * 2,
                field.conv(7),
            ],
            multiple=self.multiple,
        )

    def _up(self, c_in: int, c_out: int) -> list[nn.Module]:
        if self.preset == "faithful":
            return [nn.ConvTranspose2d(c_in, c_out, 3, 2, padding=1, output_padding=1, bias=False)]
        return [
            nn.Upsample(scale_factor=2, mode="nearest"),
            nn.Conv2d(c_in, c_out, 3, padding=1, bias=False),
        ]

    def forward(self, x: Tensor) -> Tensor:
        return (F.tanh(self.tail(self.layers(2 * x - 1))) + 1) / 2


class PixelDiscriminator(nn.Module):
    """Judges each pixel by its colour alone: 1x1 convolutions to 64, 128, 1.

    Isola et al., "Image-to-image translation with conditional adversarial networks", CVPR 2017,
    "1 x 1 PixelGAN": leaky ReLU 0.2, batch norm on the second; weights N(0, 0.02^2). **8,833
    parameters**.

    ``x`` (N, 3, H, W) sRGB in [0, 1], mapped to [-1, 1] inside. Returns logits (N, 1, H, W).
    """

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, 2 * channels, 1, bias=False),
            nn.BatchNorm2d(2 * channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(2 * channels, 1, 1),
        )
        initialisation.dcgan(self)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(2 * x - 1)
        return logits
