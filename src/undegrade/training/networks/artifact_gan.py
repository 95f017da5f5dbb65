"""The artefact-removal GAN: a U-Net on MobileNetV3 or V2, and DeOldify's critic.

Mameli et al., "A NoGAN approach for image and video restoration and compression artifact
removal", ICPR 2020, as their code builds it: DeOldify's wide U-Net with the encoder replaced by
MobileNetV3, with the key names of torchvision's published weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from undegrade.training.backbones.classifiers import MobileNetV2
from undegrade.training.networks.blocks import zero
from undegrade.training.networks.layers import (
    ImageNet,
    PixelShuffleUp,
    SelfAttention,
    checked,
    spectral,
    start_he,
)

SIZES = ("small", "large", "small_minimal", "large_minimal")


@dataclass(frozen=True)
class Bottleneck:
    """One row of the paper's tables 1 and 2."""

    kernel: int
    expanded: int
    """Channels of the depthwise convolution."""
    out: int
    squeeze: bool
    """With squeeze-and-excitation."""
    hardswish: bool
    """Hard-swish; ReLU otherwise."""
    stride: int


LARGE = (
    Bottleneck(3, 16, 16, False, False, 1),
    Bottleneck(3, 64, 24, False, False, 2),
    Bottleneck(3, 72, 24, False, False, 1),
    Bottleneck(5, 72, 40, True, False, 2),
    Bottleneck(5, 120, 40, True, False, 1),
    Bottleneck(5, 120, 40, True, False, 1),
    Bottleneck(3, 240, 80, False, True, 2),
    Bottleneck(3, 200, 80, False, True, 1),
    Bottleneck(3, 184, 80, False, True, 1),
    Bottleneck(3, 184, 80, False, True, 1),
    Bottleneck(3, 480, 112, True, True, 1),
    Bottleneck(3, 672, 112, True, True, 1),
    Bottleneck(5, 672, 160, True, True, 2),
    Bottleneck(5, 960, 160, True, True, 1),
    Bottleneck(5, 960, 160, True, True, 1),
)
SMALL = (
    Bottleneck(3, 16, 16, True, False, 2),
    Bottleneck(3, 72, 24, False, False, 2),
    Bottleneck(3, 88, 24, False, False, 1),
    Bottleneck(5, 96, 40, True, True, 2),
    Bottleneck(5, 240, 40, True, True, 1),
    Bottleneck(5, 240, 40, True, True, 1),
    Bottleneck(5, 120, 48, True, True, 1),
    Bottleneck(5, 144, 48, True, True, 1),
    Bottleneck(5, 288, 96, True, True, 2),
    Bottleneck(5, 576, 96, True, True, 1),
    Bottleneck(5, 576, 96, True, True, 1),
)


def bottlenecks(size: str) -> tuple[Bottleneck, ...]:
    """The rows of a size; the minimal ones have 3x3 kernels and ReLU only, and no squeeze."""
    rows = LARGE if size.startswith("large") else SMALL
    if size.endswith("_minimal"):
        return tuple(replace(row, kernel=3, squeeze=False, hardswish=False) for row in rows)
    return rows


def squeezed(channels: int) -> int:
    """A quarter of *channels*, rounded to a multiple of 8 and by no more than 10 % down."""
    quarter = channels / 4
    rounded = max(8, int(quarter + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * quarter else rounded


def conv_norm(
    c_in: int, c_out: int, kernel: int, stride: int, groups: int, activation: nn.Module | None
) -> nn.Sequential:
    """Convolution without bias, batch norm, and the activation if there is one."""
    layers = nn.Sequential(
        nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.01),
    )
    return layers if activation is None else layers.append(activation)


class SqueezeExcitation(nn.Module):
    """``x * hardsigmoid(fc2(relu(fc1(mean(x)))))`` (Hu et al., CVPR 2018)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, squeezed(channels), 1)
        self.fc2 = nn.Conv2d(squeezed(channels), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        pooled = nn.functional.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * nn.functional.hardsigmoid(self.fc2(pooled))


class InvertedResidual(nn.Module):
    """Expand by 1x1, depthwise, squeeze-and-excitation, project by 1x1; short-cut if it fits."""

    def __init__(self, c_in: int, row: Bottleneck) -> None:
        super().__init__()
        activation = nn.Hardswish if row.hardswish else nn.ReLU
        self.block = nn.Sequential()
        if row.expanded != c_in:
            self.block.append(conv_norm(c_in, row.expanded, 1, 1, 1, activation()))
        self.block.append(
            conv_norm(
                row.expanded, row.expanded, row.kernel, row.stride, row.expanded, activation()
            )
        )
        if row.squeeze:
            self.block.append(SqueezeExcitation(row.expanded))
        self.block.append(conv_norm(row.expanded, row.out, 1, 1, 1, None))
        self.shortcut = row.stride == 1 and row.out == c_in

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.block(x)
        return x + features if self.shortcut else features


class Encoder(nn.Module):
    """A chain of ``features`` that halves the picture five times.

    ``ends`` says behind which of them the strides 2, 4, ... 32 end, ``widths`` the channels there.
    """

    features: nn.Sequential
    ends: Sequence[int]
    widths: Sequence[int]

    behind: tuple[str, ...] = ("classifier.",)
    """How keys of a classifier's weights begin that the encoder has no use for."""

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """The features at strides 2, 4, 8, 16 and 32, each at the end of its stage."""
        features = []
        for first, last in pairwise((0, *self.ends)):
            x = self.features[first:last](x)
            features.append(x)
        return features

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Load a whole classifier's weights, without what lies behind the encoder."""
        self.load_state_dict({k: v for k, v in state.items() if not k.startswith(self.behind)})


class MobileNetV3(Encoder):
    """Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 (large) and 2 (small).

    A 3x3 convolution with stride 2 to 16 channels, inverted residuals, a 1x1 convolution to six
    times the last width, without the classifier behind it: 2,971,952 parameters for ``large`` and
    927,008 for ``small``. The ``_minimal`` sizes are the paper's for plain hardware (its table 3):
    3x3 and ReLU only, no squeeze. Initialised as torchvision does, by He's rule over the fan-out.

    :meth:`pyramid` takes ``x`` (N, 3, H, W) normalised by ImageNet's statistics.
    """

    def __init__(self, size: str = "large") -> None:
        super().__init__()
        rows = bottlenecks(checked("size", size, SIZES))
        activation = nn.ReLU if size.endswith("_minimal") else nn.Hardswish
        widths = [16, *(row.out for row in rows), 6 * rows[-1].out]
        self.features = nn.Sequential(conv_norm(3, 16, 3, 2, 1, activation()))
        for c_in, row in zip(widths, rows, strict=False):
            self.features.append(InvertedResidual(c_in, row))
        self.features.append(conv_norm(widths[-2], widths[-1], 1, 1, 1, activation()))
        strided = [index for index, row in enumerate(rows, 1) if row.stride == 2]
        self.ends = [*strided, len(self.features)]
        self.widths = [widths[end - 1] for end in self.ends]
        start_he(self, "fan_out")


class MobileNetV2Encoder(Encoder):
    """The layers of :class:`~undegrade.training.backbones.classifiers.MobileNetV2` to block 17.

    Without batch norms, which are folded into the published weights; 1,795,936 parameters. Its
    convolutions pad as TensorFlow does: with stride 2, on even sides, one pixel behind and none
    before.

    :meth:`pyramid` takes ``x`` (N, 3, H, W) in [-1, 1], sides multiples of 32.
    """

    ends = (2, 4, 7, 14, 18)
    widths = (16, 24, 32, 96, 320)
    behind = ("features.18.", "classifier.")

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(*list(MobileNetV2().features)[: self.ends[-1]])


RADII = {
    ("faithful", "small_minimal"): 283,
    ("faithful", "large_minimal"): 313,
    ("faithful", "v2"): 344,
    ("light", "small_minimal"): 325,
    ("light", "large_minimal"): 355,
    ("light", "v2"): 372,
}
"""Receptive radius of a U-Net by preset and size, the largest over the phases of its grid; the
others see the whole picture, by squeeze-and-excitation or self-attention."""


def spectral_conv(c_in: int, c_out: int, kernel: int) -> nn.Conv2d:
    """A convolution of the same size with spectral norm and He's initialisation."""
    convolution = nn.Conv2d(c_in, c_out, kernel, padding=kernel // 2)
    start_he(convolution)
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
    size: of the encoder, see :class:`MobileNetV3`; or "v2"
        for :class:`MobileNetV2Encoder`.
    width: channels of the up blocks, even.
    bridge: channels in the middle of the bridge; 0 is twice the encoder's last.

    Shapes
    ------
    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W multiples of 32. Returns (N, 3, H, W), sRGB, not
    clipped. The radius is that of :data:`RADII`.
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
        self.preset = checked("preset", preset, ("faithful", "full", "light"))
        full = preset != "faithful"
        self.imagenet = ImageNet()
        self.encoder: Encoder = MobileNetV2Encoder() if size == "v2" else MobileNetV3(size)
        *skips, deepest = self.encoder.widths
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
            spectral_conv(joined, joined, 3), nn.ReLU(), spectral_conv(joined, joined, 3), nn.ReLU()
        )
        self.last = zero(nn.Conv2d(joined, 3, 1)) if full else spectral_conv(joined, 3, 1)
        self.radius = RADII.get((preset, size))

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Start the encoder from an ImageNet classifier's state dict."""
        self.encoder.load_published(state)

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


class DeOldifyCritic(nn.Module):
    """Strided 4x4 convolutions with 3x3 ones between, dropout, one self-attention.

    4x4 s2 to c channels and dropout p / 2; three times: 3x3, dropout p, 4x4 s2 to twice the
    channels, the first followed by self-attention; 3x3; 4x4 without padding to one logit.
    Leaky ReLU 0.2, dropout of whole channels, spectral norm everywhere, no batch norm, He's
    initialisation. ``channels`` is 64 in the artefact-removal GAN (Mameli et al., ICPR 2020;
    **5,919,617 parameters**) and 256 in DeOldify. Without *spectral_norm* there is none: with it
    and with dropout the critic stays at chance (``runs/campaign.md``), as theirs nearly did.

    ``x`` (N, 3, H, W) sRGB in [0, 1], H and W at least 64; normalised by ImageNet's statistics
    inside, as fastai's pictures are: under spectral norm the size of the input is that of the
    logits, and on [0, 1] the critic stood still. Returns logits
    (N, 1, H / 16 - 3, W / 16 - 3).
    """

    def __init__(
        self, channels: int = 64, dropout: float = 0.15, spectral_norm: bool = True
    ) -> None:
        super().__init__()
        self.imagenet = ImageNet()
        self.layers = nn.Sequential(
            nn.Conv2d(3, channels, 4, 2, padding=1), nn.LeakyReLU(0.2), nn.Dropout2d(dropout / 2)
        )
        for width in (channels, 2 * channels, 4 * channels):
            self.layers.extend(
                [
                    nn.Conv2d(width, width, 3, padding=1),
                    nn.LeakyReLU(0.2),
                    nn.Dropout2d(dropout),
                    nn.Conv2d(width, 2 * width, 4, 2, padding=1),
                    nn.LeakyReLU(0.2),
                ]
            )
            if width == channels:
                self.layers.append(SelfAttention(2 * width))
        self.layers.append(nn.Conv2d(8 * channels, 8 * channels, 3, padding=1))
        self.layers.append(nn.LeakyReLU(0.2))
        self.layers.append(nn.Conv2d(8 * channels, 1, 4, bias=False))
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                start_he(layer)
                if spectral_norm:
                    spectral(layer)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.imagenet(x))
        return logits
