"""DRGN, "Degrade is upgrade": estimate the degradation, subtract it, refine what is left.

Jiang et al., "Degrade is upgrade: learning degradation for low-light image enhancement", AAAI
2022. Its public parts fix the two steps, "multi-resolution branches, cooperative fusion, one
decoder", and the losses; the layers are ours: channel attention after Zhang et al. (RCAN, ECCV
2018), exchange between branches after Zamir et al. (MIRNet, ECCV 2020). Its two discriminators are
``patchgan`` of the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, cat, nn
from torch.nn import functional as F

from undegrade.training.networks.blocks import zero
from undegrade.training.networks.layers import (
    ChannelAttention,
    Residual,
    SelectiveFusion,
    checked,
)


def conv3x3(c_in: int, c_out: int, stride: int = 1) -> nn.Conv2d:
    """3x3 convolution with zero padding."""
    return nn.Conv2d(c_in, c_out, 3, stride, padding=1)


def _attending(channels: int) -> Residual:
    """``x + attend(conv(prelu(conv(x))))``, RCAN's RCAB."""
    first, second = conv3x3(channels, channels), conv3x3(channels, channels)
    return Residual(first, nn.PReLU(), second, ChannelAttention(channels))


class Resample(nn.Sequential):
    """Features of branch *source* brought to the size and width of branch *target*.

    To finer branches: 1x1 convolution and bilinear enlargement. To coarser ones: a 3x3
    convolution with stride 2 for each halving.
    """

    def __init__(self, widths: Sequence[int], source: int, target: int) -> None:
        super().__init__()
        if source > target:
            self.append(nn.Conv2d(widths[source], widths[target], 1))
            self.append(nn.Upsample(scale_factor=2 ** (source - target), mode="bilinear"))
        for step in range(source, target):
            self.append(conv3x3(widths[step], widths[step + 1], stride=2))


class FusionGroup(nn.Module):
    """Attention blocks in each branch, then each branch selects from all of them.

    A list of (N, widths[b], H / 2^b, W / 2^b) to a list of the same shapes.
    """

    def __init__(self, widths: Sequence[int], blocks: int) -> None:
        super().__init__()
        branches = range(len(widths))
        self.branches = nn.ModuleList(
            [nn.Sequential(*(_attending(width) for _ in range(blocks))) for width in widths]
        )
        self.exchange = nn.ModuleList(
            [nn.ModuleList([Resample(widths, i, j) for i in branches]) for j in branches]
        )
        self.select = nn.ModuleList([SelectiveFusion(width, len(widths)) for width in widths])

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        refined = [branch(x) for branch, x in zip(self.branches, features, strict=True)]
        fused = []
        for row, select in zip(self.exchange, self.select, strict=True):
            assert isinstance(row, nn.ModuleList)
            fused.append(select([to(x) for to, x in zip(row, refined, strict=True)]))
        return fused


class ExposureContext(nn.Module):
    """Scale and shift of each branch's channels from a 64 x 64 thumbnail of the picture.

    ``f * (1 + g) + s`` (FiLM, Perez et al., AAAI 2018) with ``[g, s] = MLP(mean(CNN(thumb)))``:
    how dark a scene was cannot be seen in a crop of it. The last layer starts at zero.
    """

    def __init__(self, widths: Sequence[int], channels: int = 16) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.look = nn.Sequential()
        for c_in, c_out in ((3, channels), (channels, 2 * channels), (2 * channels, 4 * channels)):
            self.look.append(conv3x3(c_in, c_out, stride=2)).append(nn.ReLU())
        last = nn.Linear(4 * channels, 2 * sum(widths))
        self.decide = nn.Sequential(nn.Linear(4 * channels, 4 * channels), nn.ReLU(), zero(last))

    def forward(self, small: Tensor, features: list[Tensor]) -> list[Tensor]:
        thumbnail = F.interpolate(small, size=(64, 64), mode="bilinear")
        film = self.decide(self.look(thumbnail).mean((2, 3)))[:, :, None, None]
        parts = film.split([2 * width for width in self.widths], 1)
        steered = []
        for x, part in zip(features, parts, strict=True):
            gain, shift = part.chunk(2, 1)
            steered.append(x * (1 + gain) + shift)
        return steered


class MultiResolutionFusion(nn.Module):
    """Pyramid in, fusion groups, everything joined at full size, three channels out.

    The picture at 1, 1/2 and 1/4 (means of 2x2) enters its branch by a 3x3 convolution; *groups*
    times :class:`FusionGroup`; all branches enlarged bilinearly, joined by a 1x1 convolution,
    *blocks* attention blocks, and a 3x3 convolution that starts at zero. 1,565,288 parameters
    by default, 1,611,752 with *context*.

    ``x`` (N, 3, H, W), H and W multiples of ``2 ** (len(widths) - 1)``. Returns (N, 3, H, W),
    linear. Sees the whole picture, through the means of its attention.
    """

    def __init__(
        self,
        widths: Sequence[int] = (32, 48, 64),
        groups: int = 3,
        blocks: int = 3,
        context: bool = False,
    ) -> None:
        super().__init__()
        self.heads = nn.ModuleList([conv3x3(3, width) for width in widths])
        self.context = ExposureContext(widths) if context else None
        self.groups = nn.ModuleList([FusionGroup(widths, blocks) for _ in range(groups)])
        self.tail = nn.Sequential(nn.Conv2d(sum(widths), widths[0], 1))
        self.tail.extend([_attending(widths[0]) for _ in range(blocks)])
        self.tail.append(zero(conv3x3(widths[0], 3)))

    def forward(self, x: Tensor) -> Tensor:
        pyramid = [x]
        while len(pyramid) < len(self.heads):
            pyramid.append(F.avg_pool2d(pyramid[-1], 2))
        features = [head(level) for head, level in zip(self.heads, pyramid, strict=True)]
        if self.context is not None:
            features = self.context(pyramid[-1], features)
        for group in self.groups:
            features = group(features)
        joined = [features[0]]
        for step, branch in enumerate(features[1:], 1):
            joined.append(F.interpolate(branch, scale_factor=2**step, mode="bilinear"))
        output: Tensor = self.tail(cat(joined, 1))
        return output


PRESETS = ("faithful", "mended")


class Steps(NamedTuple):
    """What each step of DRGN made, each (N, 3, H, W)."""

    degradation: Tensor
    """I_D, signed: mostly negative, since the base must be brighter than the picture."""
    base: Tensor
    """I_B = I_L - I_D."""
    enhanced: Tensor
    """I* = ReG(I_B)."""


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
    exposure (:class:`~undegrade.training.networks.drgn.ExposureContext`); 3,223,504.

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
        context = checked("preset", preset, PRESETS) == "mended"
        self.multiple = 2 ** (len(widths) - 1)
        self.deg = MultiResolutionFusion(widths, groups, blocks, context)
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
        context = checked("preset", preset, PRESETS) == "mended"
        self.multiple = 2 ** (len(widths) - 1)
        wider = [4 * round(width * 2**0.5 / 4) for width in widths]
        self.reg = ReG(wider, groups, blocks, context)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.reg(x)
        return output
