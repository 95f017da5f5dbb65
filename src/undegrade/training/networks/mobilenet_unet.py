"""The artefact-removal GAN's generator: a U-Net on MobileNetV3.

Mameli et al., "A NoGAN approach for image and video restoration and compression artifact
removal", ICPR 2020, as their code builds it: DeOldify's wide U-Net with the encoder replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.networks import initialisation
from undegrade.training.networks import receptive_field as field
from undegrade.training.networks.attention import SelfAttention
from undegrade.training.networks.blocks import zero
from undegrade.training.networks.choices import checked
from undegrade.training.networks.mobilenet import MobileNetV3
from undegrade.training.networks.mobilenet_v2_encoder import MobileNetV2Encoder
from undegrade.training.networks.normalisation import ImageNet, spectral
from undegrade.training.networks.pixel_shuffle import PixelShuffleUp
from undegrade.training.networks.published import load_published

UNetPreset = Literal["faithful", "full", "light"]


def spectral_conv(c_in: int, c_out: int, kernel: int) -> nn.Conv2d:
    """A convolution of the same size with spectral norm and He's initialisation."""
    convolution = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)
    initialisation.he(convolution)
    return spectral(convolution)


class UpBlock(nn.Module):
    """Shuffle up by 2, join the skip, convolve: DeOldify's ``UnetBlockWide``.

    ``bn(relu(conv(relu([up(x), bn(skip)]))))``, then self-attention where asked for. If the skip
    is finer still, the enlarged features are repeated to its size. (N, c_in, h, w) and
    (N, c_skip, H, W) to (N, c_out, H, W).
    """

    def __init__(self, c_in: int, c_skip: int, c_out: int, repeat: int, attention: bool) -> None:
        super().__init__()
        self.up = PixelShuffleUp(c_in, c_out)
        self.repeat: nn.Module = nn.Identity()
        if repeat > 1:
            self.repeat = nn.Upsample(scale_factor=repeat, mode="nearest")
        self.norm = nn.BatchNorm2d(c_skip)
        self.conv = nn.Sequential(
            spectral_conv(c_out + c_skip, c_out, 3), nn.ReLU(), nn.BatchNorm2d(c_out)
        )
        if attention:
            self.conv.append(SelfAttention(c_out))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        joined = torch.cat([self.repeat(self.up(x)), self.norm(skip)], 1)
        features: Tensor = self.conv(F.relu(joined))
        return features


class MobileNetUNet(nn.Module):
    """MobileNet encoder, bridge, up blocks with skips, and a tail that sees the input again.

    Bridge: BN, ReLU, 3x3 to twice the channels, ReLU, BN, 3x3 back, ReLU, BN. Up blocks
    (:class:`UpBlock`) of *width* channels, the last of half as many. Tail: shuffle by 2 without
    batch norm, joined with the input, a residual block of two 3x3 convolutions with ReLU, 1x1
    to three channels. Spectral norm and He's initialisation on all convolutions but the encoder's.

    Presets
    -------
    ``faithful``: what the authors' code really built: their hook found a single skip, of 16
    channels at half size, so that one up block goes from 1/32 to 1/16 and repeats eightfold to
    1/2, and the self-attention was never made. Output by a sigmoid scaled to (-3, 3) in
    ImageNet's units. With ``small_minimal``: **15,071,468 parameters**, 428,888 of them the
    encoder's.
    ``full``: what they intended: skips at 1/16, 1/8, 1/4 and 1/2, self-attention in the second
    up block (1/8), and, which theirs lacks, the residual ``x + f(x)`` whose last convolution
    starts at zero (and has no spectral norm, which zero does not have); 26,117,021.
    ``light``: ours, ``full`` without self-attention, so that tiles equal the whole; with a narrow
    bridge it is what a phone can hold.

    Parameters
    ----------
    size: of the encoder, see :class:`~undegrade.training.networks.mobilenet.MobileNetV3`; or "v2"
        for :class:`~undegrade.training.networks.mobilenet_v2_encoder.MobileNetV2Encoder`.
    width: channels of the up blocks, even.
    bridge: channels in the middle of the bridge; 0 is twice the encoder's last.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Returns (N, 3, H, W), sRGB, not
    clipped. The radius is None where squeeze-and-excitation or self-attention see the whole
    picture; with a minimal encoder ``faithful`` has one of 283 pixels, ``light`` one of 325.
    """

    scale = 1
    multiple = 32

    def __init__(
        self,
        preset: str = "faithful",
        size: str = "small_minimal",
        width: int = 512,
        bridge: int = 0,
    ) -> None:
        super().__init__()
        self.preset = checked("preset", preset, get_args(UNetPreset))
        full = preset != "faithful"
        self.imagenet = ImageNet()
        self.encoder = MobileNetV2Encoder() if size == "v2" else MobileNetV3(size, classes=0)
        skips = [channels for _, channels in self.encoder.stages()]
        deepest = skips.pop()
        bridge = bridge or 2 * deepest
        self.bridge = nn.Sequential(
            nn.BatchNorm2d(deepest),
            nn.ReLU(),
            spectral_conv(deepest, bridge, 3),
            nn.ReLU(),
            nn.BatchNorm2d(bridge),
            spectral_conv(bridge, deepest, 3),
            nn.ReLU(),
            nn.BatchNorm2d(deepest),
        )
        self.skips = range(3, -1, -1) if full else range(1)
        self.ups = nn.ModuleList()
        channels = deepest
        for index in self.skips:
            wide = width if index else width // 2
            repeat = 1 if full else 8
            attention = preset == "full" and index == 2
            self.ups.append(UpBlock(channels, skips[index], wide, repeat, attention))
            channels = wide
        self.shuffle = PixelShuffleUp(channels, channels, norm=False)
        joined = channels + 3
        self.refine = nn.Sequential(
            spectral_conv(joined, joined, 3),
            nn.ReLU(),
            spectral_conv(joined, joined, 3),
            nn.ReLU(),
        )
        self.last = zero(nn.Conv2d(joined, 3, 1)) if full else spectral_conv(joined, 3, 1)
        self.radius: int | None = None
        if preset != "full" and (size == "v2" or size.endswith("_minimal")):
            self.radius = self._radius()

    def _radius(self) -> int:
        blur = field.conv(2, padding=1)
        encoder = self.encoder.layers()
        bridge = [field.conv(3)] * 2
        ups = [field.enlarge(2), blur, field.conv(3)] * len(self.ups)
        if self.preset == "faithful":
            ups.insert(2, field.enlarge(8))
        tail = [field.enlarge(2), blur, *[field.conv(3)] * 2]
        layers = [*encoder, *bridge, *ups, *tail]
        return field.radius(layers, multiple=self.multiple)

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Start the encoder from an ImageNet classifier's state dict."""
        if isinstance(self.encoder, MobileNetV2Encoder):
            self.encoder.load_published(state)
        else:
            load_published(self.encoder, state, without="classifier")

    def forward(self, x: Tensor) -> Tensor:
        normalised = self.imagenet(x)
        symmetric = isinstance(self.encoder, MobileNetV2Encoder)
        pyramid = self.encoder.pyramid(2 * x - 1 if symmetric else normalised)
        features = self.bridge(pyramid[-1])
        for up, index in zip(self.ups, self.skips, strict=True):
            features = up(features, pyramid[index])
        joined = torch.cat([self.shuffle(features), normalised], 1)
        output: Tensor = self.last(joined + self.refine(joined))
        if self.preset != "faithful":
            return x + output
        return self.imagenet.inverse(6 * torch.sigmoid(output) - 3)
