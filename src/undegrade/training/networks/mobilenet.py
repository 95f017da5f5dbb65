"""MobileNetV3, with the key names of torchvision's published weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from torch import Tensor, nn

from undegrade.training.networks import receptive_field as field
from undegrade.training.networks.choices import checked

Size = Literal["small", "large", "small_minimal", "large_minimal"]


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


class MobileNetV3(nn.Module):
    """Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 (large) and 2 (small).

    A 3x3 convolution with stride 2 to 16 channels, inverted residuals, a 1x1 convolution to six
    times the last width, global mean, a dense layer of 1024 (small) or 1280 (large) and one of
    *classes*; ``classes=0`` leaves both dense layers out, for use as an encoder. 5,483,032
    parameters for ``large`` and 2,542,856 for ``small`` with 1000 classes. The ``_minimal``
    sizes are the paper's for plain hardware (its table 3): 3x3 and ReLU only, no squeeze.

    ``x`` (N, 3, H, W) normalised by ImageNet's statistics; returns (N, classes). Initialised as
    torchvision does: He's rule over the fan-out, N(0, 0.01^2) for the dense layers.
    """

    def __init__(self, size: str = "large", classes: int = 1000) -> None:
        super().__init__()
        self.rows = bottlenecks(checked("size", size, get_args(Size)))
        activation = nn.ReLU if size.endswith("_minimal") else nn.Hardswish
        self.features = nn.Sequential(conv_norm(3, 16, 3, 2, 1, activation()))
        channels = 16
        for row in self.rows:
            self.features.append(InvertedResidual(channels, row))
            channels = row.out
        self.features.append(conv_norm(channels, 6 * channels, 1, 1, 1, activation()))
        dense = 1280 if size.startswith("large") else 1024
        if classes:
            self.classifier = nn.Sequential(
                nn.Linear(6 * channels, dense),
                activation(),
                nn.Dropout(0.2),
                nn.Linear(dense, classes),
            )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def stages(self) -> tuple[tuple[slice, int], ...]:
        """For each stride 2, 4, ... 32: which of ``features`` lead there, and the channels."""
        starts = [i for i, row in enumerate(self.rows, 1) if row.stride == 2]
        ends = [*starts, len(self.features)]
        widths = [16, *(row.out for row in self.rows), 6 * self.rows[-1].out]
        return tuple(
            (slice(first, last), widths[last - 1])
            for first, last in zip([0, *starts], ends, strict=True)
        )

    def layers(self) -> list[field.Layer]:
        """What widens the receptive field, from input to output."""
        return [field.conv(3, 2), *(field.conv(row.kernel, row.stride) for row in self.rows)]

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """The features at strides 2, 4, 8, 16 and 32, each at the end of its stage."""
        features = []
        for part, _ in self.stages():
            x = self.features[part](x)
            features.append(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return logits
