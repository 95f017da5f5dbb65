"""Published classifiers that losses look through, with torchvision's parameter names.

VGG-16 and VGG-19 (Simonyan & Zisserman, ICLR 2015), SqueezeNet 1.1 (Iandola et al., arXiv
1602.07360; version 1.1 of the authors' release), AlexNet and MobileNetV2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Preprocessing:
    """``(x - mean) / std`` per channel; what a set of weights expects of a picture in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, x: Tensor) -> Tensor:
        """Map sRGB (N, 3, H, W) in [0, 1] to the network's own range."""
        if x.dim() != 4 or x.shape[1] != 3:
            raise ValueError(f"a backbone takes pictures (N, 3, H, W), not {tuple(x.shape)}")
        mean, std = (x.new_tensor(value).view(1, 3, 1, 1) for value in (self.mean, self.std))
        return (x - mean) / std


IMAGENET = Preprocessing((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""torchvision's; LPIPS's constants (-.030, -.088, -.188) / (.458, .448, .450) for a range of
[-1, 1] are the same map."""

SYMMETRIC = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""``2 x - 1``, the range of TensorFlow's mobile networks."""

CAFFE = Preprocessing((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255))
"""``255 x - mean``, Oxford's own range of VGG, here in RGB order."""


class Backbone(nn.Module):
    """A feed-forward feature network whose every step has a name, by default each of ``features``.

    ``forward`` takes pictures (N, 3, H, W) in [0, 1], applies the preprocessing of the weights
    and stops at the deepest layer that was asked for. No step works in place, so that maps
    before a ReLU are what they say.
    """

    names: Sequence[str]
    features: nn.Sequential

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.preprocessing = preprocessing

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Name and function of each step, in order."""
        return zip(self.names, self.features, strict=True)

    def layers(self) -> tuple[str, ...]:
        """All names that ``forward`` knows, in order."""
        return tuple(name for name, _ in self.steps())

    def forward(self, x: Tensor, layers: Sequence[str]) -> list[Tensor]:
        """The feature maps called *layers*, in that order; ``ValueError`` for an unknown name."""
        known = self.layers()
        if unknown := [name for name in layers if name not in known]:
            raise ValueError(f"no layer is called {unknown[0]!r}; there are: {', '.join(known)}")
        found: dict[str, Tensor] = {}
        x = self.preprocessing(x)
        for name, step in self.steps():
            x = step(x)
            if name in layers:
                found[name] = x
            if len(found) == len(set(layers)):
                break
        return [found[name] for name in layers]


STAGES = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions in each of the five stages (configurations D and E of the paper)."""

WIDTHS = (64, 128, 256, 512, 512)


class VGG(Backbone):
    """The convolutional part: 3x3 convolutions, ReLU, 2x2 max-pooling after each stage.

    Layers are called ``conv1_1``, ``relu1_1``, ... ``pool5``; parameters have torchvision's
    names (``features.0.weight``). Maps of stage *s* are (N, width, H / 2^(s-1), W / 2^(s-1)).

    Parameters
    ----------
    depth: 16 or 19.
    last: the deepest layer to build.
    padding: of the convolutions; "reflect" is what the style-transfer copies were used with.
    """

    def __init__(
        self,
        depth: Literal[16, 19],
        last: str = "pool5",
        padding: Literal["zeros", "reflect"] = "zeros",
        preprocessing: Preprocessing = IMAGENET,
    ) -> None:
        super().__init__(preprocessing)
        steps: dict[str, nn.Module] = {}
        before = 3
        for stage, (count, width) in enumerate(zip(STAGES[depth], WIDTHS, strict=True), start=1):
            for index in range(1, count + 1):
                convolution = nn.Conv2d(before, width, 3, padding=1, padding_mode=padding)
                steps |= {f"conv{stage}_{index}": convolution, f"relu{stage}_{index}": nn.ReLU()}
                before = width
            steps[f"pool{stage}"] = nn.MaxPool2d(2)
        if last not in steps:
            raise ValueError(f"VGG-{depth} has no layer {last!r}")
        self.names = list(steps)[: list(steps).index(last) + 1]
        self.features = nn.Sequential(*(steps[name] for name in self.names))


class Fire(nn.Module):
    """1x1 squeeze, ReLU, then 1x1 and 3x3 convolutions side by side; the last ReLU is left out.

    (N, c_in, H, W) to (N, 2 * expand, H, W): the network applies the ReLU, so that both sides of
    it can be looked at.
    """

    def __init__(self, c_in: int, squeeze: int, expand: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(c_in, squeeze, 1)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([self.expand1x1(x), self.expand3x3(x)], 1)


class SqueezeNet(Backbone):
    """SqueezeNet 1.1 with torchvision's parameter names, classifier included.

    Layers: ``conv1``, ``relu1``, ``pool1``, then ``fire2_conv`` and ``fire2_relu`` to
    ``fire9_relu`` with ``pool3`` and ``pool5`` between. The stem has stride 2 and no padding, the
    pools are 3x3 with stride 2 and round up; the smallest picture is 17x17. The last row and column
    of a picture with even sides are not seen, and so get no gradient.
    """

    def __init__(self, preprocessing: Preprocessing = IMAGENET) -> None:
        super().__init__(preprocessing)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 3, stride=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(64, 16, 64),
            Fire(128, 16, 64),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(128, 32, 128),
            Fire(256, 32, 128),
            nn.MaxPool2d(3, 2, ceil_mode=True),
            Fire(256, 48, 192),
            Fire(384, 48, 192),
            Fire(384, 64, 256),
            Fire(512, 64, 256),
        )
        # ImageNet's 1000 classes. No loss asks it; by it tests see that the weights came in right.
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Conv2d(512, 1000, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)
        )

    def steps(self) -> Iterator[tuple[str, Step]]:
        number = 1
        for layer in self.features:
            if isinstance(layer, Fire):
                number += 1
                yield f"fire{number}_conv", layer
                yield f"fire{number}_relu", F.relu
            elif isinstance(layer, nn.Conv2d):
                yield "conv1", layer
            elif isinstance(layer, nn.ReLU):
                yield "relu1", layer
            else:
                yield f"pool{number}", layer


class AlexNet(Backbone):
    """The convolutional part of the one-column AlexNet, with torchvision's parameter names.

    ``relu1`` to ``relu5`` have 64, 192, 384, 256, 256 channels at about 1/4, 1/8, 1/16 of the
    picture's size; the smallest picture is 63x63.
    """

    names = (
        *("conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "conv3", "relu3"),
        *("conv4", "relu4", "conv5", "relu5", "pool5"),
    )

    def __init__(self, preprocessing: Preprocessing = IMAGENET) -> None:
        super().__init__(preprocessing)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
        )


GROUPS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and first stride (table 2 of the paper)."""


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: the odd pixel goes after, not before."""

    def forward(self, x: Tensor) -> Tensor:
        pads: list[int] = []
        sides, kernels, strides = x.shape[:1:-1], self.kernel_size[::-1], self.stride[::-1]
        for side, kernel, stride in zip(sides, kernels, strides, strict=True):
            total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
            pads += [total // 2, total - total // 2]
        return F.conv2d(F.pad(x, pads), self.weight, self.bias, self.stride, groups=self.groups)


def conv_relu6(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Module:
    """Convolution and ``min(max(x, 0), 6)``."""
    return nn.Sequential(SameConv(c_in, c_out, kernel, stride, groups=groups), nn.ReLU6())


class InvertedResidual(nn.Module):
    """1x1 expansion, 3x3 depthwise, linear 1x1 projection; plus the input where shapes allow.

    (N, c_in, H, W) to (N, c_out, ceil(H / stride), ceil(W / stride)). ``expand=1`` has no
    expansion.
    """

    def __init__(self, c_in: int, c_out: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = c_in * expand
        first = [conv_relu6(c_in, wide, 1)] if expand > 1 else []
        self.conv = nn.Sequential(
            *first, conv_relu6(wide, wide, 3, stride, groups=wide), nn.Conv2d(wide, c_out, 1)
        )
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


class MobileNetV2(Backbone):
    """MobileNetV2 1.0; parameters ``features.N.conv...`` in torchvision's order, without norms.

    Layers: ``stem``, ``block1`` to ``block17`` (linear bottlenecks), ``head`` (1280 channels).
    Total stride 32: ``stem`` and ``block1`` lie at 1/2, ``block3`` at 1/4, ``block6`` at 1/8,
    ``block13`` at 1/16, ``block17`` and ``head`` at 1/32. Class 0 of the classifier is
    "background"; ImageNet's follow.
    """

    def __init__(self, preprocessing: Preprocessing = SYMMETRIC) -> None:
        super().__init__(preprocessing)
        layers = [conv_relu6(3, 32, 3, 2)]
        before = 32
        for expand, channels, blocks, stride in GROUPS:
            for index in range(blocks):
                step = stride if index == 0 else 1
                layers.append(InvertedResidual(before, channels, step, expand))
                before = channels
        self.names = ["stem", *(f"block{index}" for index in range(1, len(layers))), "head"]
        self.features = nn.Sequential(*layers, conv_relu6(before, 1280, 1))
        # The background and ImageNet's 1000 classes; here, too, for tests of the weights alone.
        self.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(1280, 1001, 1))
